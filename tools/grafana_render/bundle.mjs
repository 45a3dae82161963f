/** Bundle check.ts for Node and page.tsx for the browser. */

import { build } from 'esbuild';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

const out = process.argv[2];

/**
 * @grafana/ui wants a fork of react-data-grid that is on no registry. The release that it forked is written for React 19,
 * where a context is its own provider; with React 18 that has to be spelt out.
 */
const grid = {
  name: 'grid',
  setup(at) {
    at.onLoad({ filter: /react-data-grid\/lib\/bundle\.js$/ }, async ({ path }) => ({
      contents: (await readFile(path, 'utf8')).replace(/jsx(s?)\((\w+Context), \{/g, 'jsx$1($2.Provider, {'),
    }));
  },
};

const shared = { bundle: true, logLevel: 'warning', legalComments: 'none', absWorkingDir: import.meta.dirname };

await build({
  ...shared,
  entryPoints: ['check.ts'],
  outfile: join(out, 'check.mjs'),
  platform: 'node',
  format: 'esm',
  inject: ['node.js'],
  banner: { js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);' },
});
await build({
  ...shared,
  entryPoints: ['page.tsx'],
  outfile: join(out, 'page.js'),
  format: 'iife',
  jsx: 'automatic',
  define: { 'process.env.NODE_ENV': '"production"' },
  loader: { '.svg': 'dataurl', '.ttf': 'dataurl' },
  plugins: [grid],
});
