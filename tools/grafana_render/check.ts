/** Put every panel of every board through Grafana's pipeline, tell all problems, and end with 1 if there are any. */

import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

import { unseen } from './mistakes';
import { type Asked, draw, initialize, panels } from './pipeline';
import { problems } from './problems';

initialize();
const folder = process.argv[2];
const found: string[] = [];
let count = 0;
for (const file of readdirSync(folder).sort()) {
  const asked: Asked = JSON.parse(readFileSync(join(folder, file), 'utf8'));
  if (asked.stem === 'agent_server_fleet' && asked.choice === 'all') {
    found.push(...(await unseen(asked)));
  }
  for (const panel of panels(asked.board)) {
    const seen = problems(await draw(asked, panel), asked);
    found.push(...seen.map((what) => `${asked.stem} (${asked.choice}): ${panel.title}: ${what}`));
    count += 1;
  }
}
found.forEach((line) => console.error(line));
console.log(`${count} panels, ${found.length} problems`);
process.exitCode = found.length ? 1 : 0;
