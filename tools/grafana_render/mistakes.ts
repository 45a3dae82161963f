/** Mistakes that the checks must see, each made in a copy of a panel of a real board: a check that cannot fail proves nothing. */

import { type Asked, type Drawn, type Panel, draw, panels } from './pipeline';
import { problems } from './problems';

interface Mistake {
  panel: string;
  message: RegExp;
  make: (panel: any, answers: Drawn['answers']) => void;
}

/** All are made on the board `agent_server_fleet`. */
const MISTAKES: Mistake[] = [
  { panel: 'Deployments', message: /^transformation mergee/, make: (p) => (p.transformations[0].id = 'mergee') },
  { panel: 'Deployments', message: /frames: the table/, make: (p) => p.transformations.shift() },
  { panel: 'Deployments', message: /^organize names Absent/, make: (p) => (rename(p)['Absent'] = 'x') },
  { panel: 'Deployments', message: /^column is called Value #A/, make: (p) => delete rename(p)['Value #A'] },
  { panel: 'Deployments', message: /^override of "Absent"/, make: (p) => (p.fieldConfig.overrides[0].matcher.options = 'Absent') },
  { panel: 'Deployments', message: /unknown variable$/, make: (p) => (link(p).url = '/d/x?y=${__data.fields["absent"]}') },
  { panel: 'Deployments', message: /rows for \d+ sets/, make: (_, a) => a.A.result.push({ ...a.A.result[0], metric: { ...a.A.result[0].metric, x: 'y' } }) },
  { panel: 'Deployments', message: /shows NaN$/, make: (p, a) => ((a.A.result[0].value![1] = 'NaN'), (p.fieldConfig.defaults.mappings = [])) },
  { panel: 'Request rate', message: /^unit reqqps/, make: (p) => (p.fieldConfig.defaults.unit = 'reqqps') },
  { panel: 'Request rate', message: /^legend of query A is empty/, make: (p) => (p.targets[0].legendFormat = '{{absent}}') },
  { panel: 'Request rate', message: /^two series are called x/, make: (p) => (p.targets[0].legendFormat = 'x') },
  { panel: 'Request rate', message: /outside of the axis/, make: (p) => (p.fieldConfig.defaults.min = 5) },
  { panel: 'Request rate', message: /^property custom.absent/, make: (p) => (p.fieldConfig.defaults.custom.absent = 1) },
  { panel: 'Request rate', message: /has no word/, make: (p) => (p.fieldConfig.defaults.mappings = [{ type: 'value', options: { 1: { text: 'x' } } }]) },
  { panel: 'Error ratio', message: /^a share is 2/, make: (_, a) => (a.A.result[0].values![0][1] = '2') },
  { panel: 'Queue depth', message: /^query A is empty/, make: (_, a) => (a.A.result = []) },
];

/** The mistakes that no check sees. */
export async function unseen(asked: Asked): Promise<string[]> {
  const out: string[] = [];
  for (const { panel, message, make } of MISTAKES) {
    const copy: Asked = structuredClone(asked);
    const broken: Panel | undefined = panels(copy.board).find((one) => one.title === panel);
    if (!broken) {
      out.push(`${asked.stem} has no panel ${panel}, in which a mistake is to be made; name it in mistakes.ts as the board does`);
      continue;
    }
    make(broken, copy.answers[broken.id]);
    const found = problems(await draw(copy, broken), copy);
    out.push(...(found.some((line) => message.test(line)) ? [] : [`no check saw a mistake in ${panel} that has the message ${message}`]));
  }
  return out;
}

function rename(panel: any): Record<string, string> {
  return panel.transformations[1].options.renameByName;
}

function link(panel: any): { url: string } {
  return panel.fieldConfig.overrides.flatMap((o: any) => o.properties).find((p: any) => p.id === 'links').value[0];
}
