/**
 * Draw every board in Chromium, in every situation, and write a picture of each as it opens; what fails to draw, is cut off or cannot
 * be read is told, and ends the run with 1.
 */

import { readFileSync, readdirSync, mkdirSync, mkdtempSync, existsSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { extname, join, normalize } from 'node:path';
import { chromium } from 'playwright-core';

/** CSS pixels: what Grafana has on a laptop, without its menu, and on a large screen. */
const WIDTH = 1400;
const WIDE = 1920;
/** Width of a picture of a board, and of one in a fault, of which there are many. */
const PIXELS = 1000;
const SMALL = 800;
/** Until legends and tables have found their sizes. */
const SETTLE_MS = 1000;
const TYPES = { '.css': 'text/css', '.html': 'text/html', '.js': 'text/javascript', '.json': 'application/json', '.svg': 'image/svg+xml' };
const PAGE = '<!doctype html><meta charset=utf-8><link rel=stylesheet href=/page.css><div id=root></div><script src=/page.js></script>';

const [root, browser, wanted] = process.argv.slice(2);
const publics = new URL('node_modules/@grafana/ui/dist/public/', import.meta.url).pathname;

/** A picture of the whole page, small enough for a repository that keeps every version of it. */
async function picture(page, pixels) {
  const { width, height } = page.viewportSize();
  const session = await page.context().newCDPSession(page);
  const clip = { x: 0, y: 0, width, height, scale: pixels / width };
  const { data } = await session.send('Page.captureScreenshot', { format: 'webp', quality: 70, clip, captureBeyondViewport: true });
  return Buffer.from(data, 'base64');
}

/** How Grafana opens a board for the first time: at All, or with the first deployment. */
function opened(board) {
  const variable = board.templating.list.find((one) => one.name === 'deployment');
  return variable.current.value?.includes('$__all') ? 'all' : 'one';
}

const server = createServer((request, response) => {
  const path = normalize(new URL(request.url, 'http://x').pathname);
  const file = path.startsWith('/public/') ? join(publics, path.slice(8).replace(/^build\//, '')) : join(root, path);
  const found = path !== '/' && existsSync(file);
  response.writeHead(found || path === '/' ? 200 : 404, { 'Content-Type': path === '/' ? 'text/html' : (TYPES[extname(path)] ?? 'text/plain') });
  response.end(path === '/' ? PAGE : found ? readFileSync(file) : '');
});
await new Promise((ready) => server.listen(0, '127.0.0.1', ready));

const profile = mkdtempSync(join(tmpdir(), 'grafana-render-'));
const flags = '--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync';
const context = await chromium.launchPersistentContext(profile, {
  executablePath: browser,
  headless: true,
  args: flags.split(' '),
  viewport: { width: WIDTH, height: 900 },
});
const look = readFileSync(new URL('look.js', import.meta.url), 'utf8');
const failures = [];
let drawn = 0;
mkdirSync(join(root, 'pictures'), { recursive: true });
for (const file of readdirSync(join(root, 'answers')).sort()) {
  const name = file.replace(/\.json$/, '');
  const asked = JSON.parse(readFileSync(join(root, 'answers', file), 'utf8'));
  if (wanted && !name.startsWith(wanted)) {
    continue;
  }
  const first = Boolean(asked.picture) || asked.choice === opened(asked.board);
  for (const [width, mode] of first && !asked.picture ? [[WIDTH, 'dark'], [WIDE, 'dark'], [WIDTH, 'light']] : [[WIDTH, 'dark']]) {
    const where = `${name} (${width}, ${mode})`;
    const page = await context.newPage();
    page.on('pageerror', (error) => failures.push(`${where}: ${error.message}`));
    await page.setViewportSize({ width, height: 900 });
    await page.goto(`http://127.0.0.1:${server.address().port}/#${name}@${mode}`);
    await page.waitForFunction('window.ready', null, { timeout: 120_000 });
    // What is not on the screen is not drawn: tables lay themselves out when they are seen.
    await page.setViewportSize({ width, height: await page.evaluate('document.documentElement.scrollHeight') });
    await page.waitForTimeout(SETTLE_MS);
    failures.push(...(await page.evaluate('window.failed')).map((what) => `${where}: ${what}`));
    failures.push(...(await page.evaluate(`${look}; look()`)).map((what) => `${where}: ${what}`));
    if (first && width === WIDTH && mode === 'dark') {
      writeFileSync(join(root, 'pictures', `${asked.picture ?? asked.stem}.webp`), await picture(page, asked.picture ? SMALL : PIXELS));
    }
    drawn += 1;
    await page.close();
  }
}
await context.close();
server.close();
rmSync(profile, { recursive: true, force: true });
failures.forEach((line) => console.error(line));
console.log(`${drawn} pages drawn, ${failures.length} problems`);
process.exitCode = failures.length ? 1 : 0;
