/**
 * A board and its answers, through Grafana's own pipeline: transformations, then field configuration.
 *
 * What is ours: the registry's list (Grafana's own is in its AGPL part) and the values of the variables in links.
 */

import {
  type DataFrame,
  type FieldConfigSource,
  type GrafanaTheme2,
  type ScopedVars,
  FieldConfigOptionsRegistry,
  booleanOverrideProcessor,
  createTheme,
  dataLinksOverrideProcessor,
  displayNameOverrideProcessor,
  applyFieldOverrides,
  cacheFieldDisplayNames,
  getFieldDisplayName,
  identityOverrideProcessor,
  locationUtil,
  numberOverrideProcessor,
  standardTransformers,
  standardTransformersRegistry,
  stringOverrideProcessor,
  thresholdsOverrideProcessor,
  transformDataFrame,
  unitOverrideProcessor,
  valueMappingsOverrideProcessor,
} from '@grafana/data';
import { firstValueFrom } from 'rxjs';

import { type Answer, type Target, frames } from './frames';

type Json = any;

export interface Panel {
  id: number;
  title: string;
  type: string;
  description?: string;
  gridPos: { h: number; w: number; x: number; y: number };
  targets?: Target[];
  transformations?: Array<{ id: string; options: Json }>;
  fieldConfig: FieldConfigSource;
  options: Json;
  panels?: Panel[];
  collapsed?: boolean;
}

/** What answers.py writes. */
export interface Asked {
  stem: string;
  choice: 'all' | 'one' | 'empty' | 'fault' | 'thousand';
  chosen: Record<string, string>;
  from: number;
  to: number;
  step: number;
  empty: string[];
  board: { title: string; uid: string; description: string; panels: Panel[]; templating: { list: Json[] } };
  answers: Record<string, Record<string, Answer>>;
}

/** A panel with its data. `steps` has what each transformation is given, and what the last one makes. */
export interface Drawn {
  panel: Panel;
  answers: Record<string, Answer>;
  steps: DataFrame[][];
  data: DataFrame[];
}

/** The theme that everything is drawn in; `initialize` sets it. */
export let theme: GrafanaTheme2 = createTheme({ colors: { mode: 'dark' } });
export const timeZone = 'utc';

const PROPERTIES: Array<[string, string, (value: any, context: any, settings?: any) => any]> = [
  ['unit', 'unit', unitOverrideProcessor],
  ['min', 'min', numberOverrideProcessor],
  ['max', 'max', numberOverrideProcessor],
  ['decimals', 'decimals', numberOverrideProcessor],
  ['displayName', 'displayName', displayNameOverrideProcessor],
  ['noValue', 'noValue', stringOverrideProcessor],
  ['color', 'color', identityOverrideProcessor],
  ['thresholds', 'thresholds', thresholdsOverrideProcessor],
  ['mappings', 'mappings', valueMappingsOverrideProcessor],
  ['links', 'links', dataLinksOverrideProcessor],
  ['filterable', 'filterable', booleanOverrideProcessor],
];
const CUSTOM = (
  'align axisBorderShow axisCenteredZero axisColorMode axisLabel axisPlacement axisSoftMax barAlignment barWidthFactor cellOptions ' +
  'drawStyle fillOpacity filterable gradientMode hideFrom insertNulls inspect lineInterpolation lineWidth minWidth pointSize ' +
  'scaleDistribution showPoints spanNulls stacking thresholdsStyle width'
).split(' ');

export const registry = new FieldConfigOptionsRegistry(() => [
  ...PROPERTIES.map(([id, path, process]) => item(id, path, process, false)),
  ...CUSTOM.map((name) => item(`custom.${name}`, name, identityOverrideProcessor, true)),
]);

function item(id: string, path: string, process: Json, isCustom: boolean): Json {
  return { id, path, name: id, isCustom, process, shouldApply: () => true, override: () => null, editor: () => null, settings: {} };
}

/** To be called once, before anything else of this module. */
export function initialize(mode: 'dark' | 'light' = 'dark'): void {
  theme = createTheme({ colors: { mode } });
  standardTransformersRegistry.setInit(() =>
    [...new Map(Object.values(standardTransformers).map((one: Json) => [one.id, one])).values()].map((transformation: Json) => ({
      ...transformation,
      transformation,
      editor: () => null,
    }))
  );
  locationUtil.initialize({
    config: { appSubUrl: '' } as Json,
    getVariablesUrlParams: () => ({}),
    getTimeRangeForUrl: () => ({ from: 'now-1h', to: 'now' }),
  });
}

/** The board's panels in their order, those in collapsed rows too. */
export function panels(board: Asked['board']): Panel[] {
  return board.panels.flatMap((top) => [top, ...(top.panels ?? [])]).filter((panel) => panel.type !== 'row');
}

/** A panel's data as Grafana would hand it to the panel's plugin. */
export async function draw(asked: Asked, panel: Panel): Promise<Drawn> {
  const answers = asked.answers[panel.id] ?? {};
  const steps = [frames(panel.targets ?? [], answers, asked.step)];
  for (const one of panel.transformations ?? []) {
    const known = standardTransformersRegistry.getIfExists(one.id);
    const before = steps[steps.length - 1];
    steps.push(known ? await firstValueFrom(transformDataFrame([one], before)) : before);
  }
  const data = applyFieldOverrides({
    data: steps[steps.length - 1],
    fieldConfig: based(panel.fieldConfig),
    fieldConfigRegistry: registry,
    replaceVariables: (text, scoped) => replaced(asked, text, scoped),
    theme,
    timeZone,
  });
  cacheFieldDisplayNames(data);
  return { panel, answers, steps, data };
}

/** The name that a field is shown under. */
export function nameOf(drawn: { data: DataFrame[] }, frame: DataFrame, field: DataFrame['fields'][number]): string {
  return getFieldDisplayName(field, frame, drawn.data);
}

/** JSON has no minus infinity: the first threshold's null means it. */
function based(config: FieldConfigSource): FieldConfigSource {
  const copy = structuredClone(config);
  const all: Json[] = [
    copy.defaults?.thresholds,
    ...(copy.overrides ?? []).flatMap((o) => o.properties.filter((p) => p.id === 'thresholds').map((p) => p.value)),
  ];
  all.forEach((thresholds) => thresholds && (thresholds.steps[0].value ??= -Infinity));
  return copy;
}

/** A text with the variables that a link of ours may have; one that is not known stays and is found later. */
function replaced(asked: Asked, text: string, scoped?: ScopedVars): string {
  const context = scoped?.__dataContext?.value as { frame: DataFrame; rowIndex?: number } | undefined;
  const known: Record<string, string> = {
    __url_time_range: 'from=now-1h&to=now',
    __from: '1',
    __to: '2',
    '__value.raw': '1',
    ...Object.fromEntries(
      asked.board.templating.list.flatMap((v) => ['', ':pipe'].map((form) => [v.name + form, asked.chosen[v.name] ?? 'All']))
    ),
  };
  return text.replace(/\$\{([^}]+)\}|\$(\w+)/g, (whole, long, short) => {
    const name = long ?? short;
    const field = /^__data\.fields(?:\["(.+)"\]|\.(\w+))$/.exec(name);
    if (!field) {
      return known[name] ?? whole;
    }
    const wanted = field[1] ?? field[2];
    const found = context?.frame.fields.find((f) => f.name === wanted || f.state?.displayName === wanted);
    return found ? encodeURIComponent(found.values[context!.rowIndex ?? 0] ?? '') : ABSENT.has(wanted) ? '' : whole;
  });
}

/** Labels that an operator may have and that the simulated history has not: Grafana puts nothing in their place. */
export const ABSENT = new Set(['cluster', 'namespace', 'deployment_type']);
