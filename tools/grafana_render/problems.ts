/** What is wrong with a panel, as far as its data shows it. One function per kind of mistake, all listed in `CHECKS`. */

import {
  type DataFrame,
  type ExploreUrlState,
  type Field,
  FieldType,
  fieldMatchers,
  getFieldDisplayName,
  getFieldDisplayValues,
  getValueFormats,
  standardTransformersRegistry,
  urlUtil,
} from '@grafana/data';

import { ABSENT, type Asked, type Drawn, nameOf, registry, theme, timeZone } from './pipeline';

type Check = (drawn: Drawn, asked: Asked) => string[];

/** A share may be this much above 1: rates over a moving window do not divide exactly. */
const FULL = 1.05;

/** Series of a panel at most. A graph of three queries by the ten greatest has thirty, in three groups of one order each. */
const MOST: Record<string, number> = { timeseries: 30, bargauge: 30, stat: 12, 'state-timeline': 30 };

export const CHECKS: Check[] = [
  transformations,
  names,
  matchers,
  properties,
  columns,
  units,
  legends,
  values,
  mappings,
  links,
  rows,
  axes,
  shares,
  crowded,
  stores,
];

/** All problems of a panel, each once. */
export function problems(drawn: Drawn, asked: Asked): string[] {
  return [...new Set(CHECKS.flatMap((check) => check(drawn, asked)))];
}

function transformations({ panel }: Drawn): string[] {
  return (panel.transformations ?? [])
    .filter((one) => !standardTransformersRegistry.getIfExists(one.id))
    .map((one) => `transformation ${one.id} is not known to Grafana`);
}

/** Names in `organize` that no field has at that place. */
function names({ panel, steps, answers }: Drawn): string[] {
  return blank(answers) ? [] : (panel.transformations ?? []).flatMap((one, n) => {
    const have = new Set(steps[n].flatMap((frame) => frame.fields.map((f) => getFieldDisplayName(f, frame, steps[n]))));
    const { excludeByName = {}, indexByName = {}, renameByName = {} } = one.options;
    const wanted = new Set(one.id === 'organize' ? [excludeByName, indexByName, renameByName].flatMap(Object.keys) : []);
    return [...wanted]
      .filter((name) => !have.has(name) && !ABSENT.has(name))
      .map((name) => `organize names ${name}, which is not among ${[...have].join(', ')}`);
  });
}

/** Names that no field has. A regular expression is for what may occur, such as a status. */
function matchers({ panel, data, answers }: Drawn): string[] {
  return blank(answers) ? [] : panel.fieldConfig.overrides.flatMap(({ matcher }) => {
    const known = fieldMatchers.getIfExists(matcher.id);
    if (!known) {
      return [`matcher ${matcher.id} is not known to Grafana`];
    }
    if (matcher.id === 'byFrameRefID' && answers[matcher.options]?.result.length === 0) {
      return []; // the query's line has a colour, and there is no line
    }
    const match = known.get(matcher.options);
    const hit = data.some((frame) => frame.fields.some((field) => match(field, frame, data)));
    return hit || matcher.id === 'byRegexp' ? [] : [`override of ${JSON.stringify(matcher.options)} matches no field`];
  });
}

/** Properties that pipeline.ts would drop: its registry must have all that we use. */
function properties({ panel }: Drawn): string[] {
  const { defaults, overrides } = panel.fieldConfig;
  const { custom = {}, ...own } = defaults;
  const used = [...Object.keys(own), ...Object.keys(custom).map((key) => `custom.${key}`)];
  const set = overrides.flatMap((rule) => rule.properties.map((property) => property.id));
  return [...used, ...set].filter((id) => !registry.getIfExists(id)).map((id) => `property ${id} is not known`);
}

function columns(drawn: Drawn): string[] {
  if (drawn.panel.type !== 'table') {
    return [];
  }
  const shown = drawn.data.flatMap((frame) => frame.fields.map((field) => nameOf(drawn, frame, field)));
  const several = drawn.data.length > 1 ? [`${drawn.data.length} frames: the table shows one at a time`] : [];
  const twice = shown.filter((name, n) => shown.indexOf(name) < n);
  return [
    ...several,
    ...shown.filter((name) => /^(Value( #\w+)?|Time( \d+)?|__.*)$/.test(name)).map((name) => `column is called ${name}`),
    ...twice.map((name) => `two columns are called ${name}`),
  ];
}

function units({ data }: Drawn): string[] {
  const known = new Set(getValueFormats().flatMap((group) => (group as any).submenu.map((option: any) => option.value)));
  return numbers(data)
    .map(({ field }) => field.config.unit)
    .filter((unit) => unit && !known.has(unit) && !/^(prefix|suffix|time|si|count|currency):./.test(unit))
    .map((unit) => `unit ${unit} is not known to Grafana`);
}

/** Series names that say nothing, or that two series share. */
function legends(drawn: Drawn): string[] {
  const { panel, data, answers } = drawn;
  if (panel.type === 'table' || (panel.type === 'stat' && numbers(data).length < 2)) {
    return [];
  }
  const shown = numbers(data).map(({ frame, field }) => nameOf(drawn, frame, field));
  const exprs = Object.values(answers).map((answer) => answer.expr);
  const blank = data.filter((frame) => {
    const target = panel.targets!.find((one) => one.refId === frame.refId)!;
    return target.format === 'time_series' && target.legendFormat !== '__auto' && !frame.name?.trim();
  });
  return [
    ...blank.map((frame) => `legend of query ${frame.refId} is empty`),
    ...shown.filter((name) => !name.trim() || name === 'Value').map((name) => `a series is called ${JSON.stringify(name)}`),
    ...shown.filter((name) => /\{[^}]*=/.test(name)).map((name) => `a series is called ${name}`),
    ...shown.filter((name) => exprs.includes(name)).map((name) => `a series is called by its query, ${name}`),
    ...shown.filter((name, n) => shown.indexOf(name) < n).map((name) => `two series are called ${name}`),
  ];
}

/** Nothing is shown although Prometheus answered. */
function values({ panel, data, answers }: Drawn, asked: Asked): string[] {
  const asks = Object.entries(answers);
  const full = asks.filter(([, answer]) => answer.result.length > 0);
  const expected = asked.empty.includes(panel.title) || asked.choice !== 'all';
  const empty = expected ? [] : asks.filter(([, a]) => a.result.length === 0).map(([ref]) => `query ${ref} is empty`);
  if (full.length === 0) {
    return empty;
  }
  if (panel.type === 'table') {
    const blank = numbers(data).filter(({ field }) => field.values.every((v) => v == null || Number.isNaN(v)));
    const lost = asked.choice !== 'all' ? [] : blank.map(({ field }) => `column ${field.name} has no value`);
    const cells = numbers(data).filter(({ field }) => field.values.some((v) => /NaN/.test(field.display!(v).text)));
    return [...empty, ...lost, ...cells.map(({ field }) => `column ${field.config.displayName ?? field.name} shows NaN`)];
  }
  if (panel.type !== 'stat' && panel.type !== 'bargauge') {
    const some = numbers(data).some(({ field }) => field.values.some((v) => Number.isFinite(v)));
    return some || asked.choice !== 'all' ? empty : [...empty, 'every point is missing or not a number'];
  }
  const shown = reduced(panel, data).map((one) => one.display);
  const bad = shown.filter((one) => !one.text || /NaN|Inf|No data/i.test(one.text)).map((one) => `shows ${JSON.stringify(one.text)}`);
  return [...empty, ...(shown.length ? bad : ['shows no value'])];
}

/** What a stat or a bar gauge shows. */
export function reduced(panel: Drawn['panel'], data: DataFrame[]) {
  return getFieldDisplayValues({
    fieldConfig: panel.fieldConfig,
    reduceOptions: panel.options.reduceOptions,
    replaceVariables: (text) => text,
    theme,
    data,
    sparkline: panel.options.graphMode && panel.options.graphMode !== 'none',
    timeZone,
  });
}

/** Values that a mapping has no word for. */
function mappings({ data }: Drawn): string[] {
  return numbers(data)
    .filter(({ field }) => field.config.mappings?.length)
    .flatMap(({ field }) => {
      const words = field.config.mappings!.flatMap((one: any) => (one.type === 'value' ? Object.keys(one.options) : []));
      if (words.length === 0) {
        return [];
      }
      const occur = [...new Set(field.values.filter((v) => v != null))];
      return occur.filter((v) => !words.includes(String(v))).map((v) => `value ${v} has no word among ${words.join(', ')}`);
    });
}

function links({ data }: Drawn): string[] {
  return data.flatMap((frame) =>
    frame.fields
      .filter((field) => field.config.links?.length)
      .flatMap((field) => field.values.flatMap((_, valueRowIndex) => field.getLinks!({ valueRowIndex })))
      .filter((link) => /\$\{|\$\w|%7B|undefined/.test(decodeURIComponent(link.href)))
      .map((link) => `link ${link.href} has an unknown variable`)
  );
}

/** A table has one row per set of labels. */
function rows({ panel, data, answers }: Drawn): string[] {
  if (panel.type !== 'table') {
    return [];
  }
  const keys = new Set(
    Object.values(answers).flatMap((a) => a.result.map(({ metric }) => JSON.stringify(Object.entries(metric).sort())))
  );
  const shown = data[0]?.length ?? 0;
  return shown === keys.size ? [] : [`${shown} rows for ${keys.size} sets of labels`];
}

/** Points outside of the axis, which Grafana draws outside of the panel. */
function axes({ panel, data }: Drawn): string[] {
  if (panel.type !== 'timeseries' && panel.type !== 'bargauge') {
    return [];
  }
  return numbers(data).flatMap(({ field }) => {
    const [min, max] = [field.config.min ?? -Infinity, field.config.max ?? Infinity];
    const out = field.values.filter((v) => v < min || v > max);
    return out.length ? [`${out.length} values such as ${out[0]} are outside of the axis from ${min} to ${max}`] : [];
  });
}

/** More lines, bars or words than a person can tell apart. */
function crowded({ panel, data }: Drawn): string[] {
  const most = MOST[panel.type];
  const shown = numbers(data).length;
  return most && shown > most ? [`${shown} series are drawn, of which a person can tell ${most} apart`] : [];
}

/** Links to traces and logs are what Explore of Grafana 10 and later opens. */
function stores({ data }: Drawn): string[] {
  const opened = data.flatMap((frame) =>
    frame.fields
      .filter((field) => field.config.links?.length)
      .flatMap((field) => field.getLinks!({ valueRowIndex: 0 }))
      .filter((link) => link.href.startsWith('/explore'))
  );
  return opened.flatMap(({ href }) => {
    const asked = urlUtil.parseKeyValue(href.split('?')[1]) as Record<string, string>;
    const panes: Record<string, ExploreUrlState & { queries: Array<{ refId: string; datasource: { uid: string } }> }> = JSON.parse(asked.panes);
    const sound = Object.values(panes).every(
      (pane) => pane.datasource && pane.queries.every((q) => q.refId && q.datasource.uid === pane.datasource) && pane.range.from && pane.range.to
    );
    return asked.schemaVersion === '1' && sound ? [] : [`link ${href} is none that Explore opens`];
  });
}

/** Shares above 100 %, and numbers that are infinite. */
function shares({ data }: Drawn): string[] {
  return numbers(data).flatMap(({ field }) => {
    const odd = field.values.filter((v) => field.config.unit === 'percentunit' && v > FULL);
    const infinite = field.values.filter((v) => v === Infinity || v === -Infinity);
    return [
      ...(odd.length ? [`a share is ${odd[0]}`] : []),
      ...(infinite.length ? [`${infinite.length} values are infinite`] : []),
    ];
  });
}

/** Prometheus has nothing for this panel. */
function blank(answers: Drawn['answers']): boolean {
  return Object.values(answers).every((answer) => answer.result.length === 0);
}

function numbers(data: DataFrame[]): Array<{ frame: DataFrame; field: Field }> {
  return data.flatMap((frame) => frame.fields.filter((f) => f.type === FieldType.number).map((field) => ({ frame, field })));
}
