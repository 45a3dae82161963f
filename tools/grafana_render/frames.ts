/**
 * Answers of Prometheus as Grafana's data frames.
 *
 * Grafana does this in its server and in @grafana/prometheus. Both are AGPL, so neither is used or read here: this is a
 * conversion of our own, after what Grafana documents and shows. It knows what our boards ask for: time series, tables at
 * one instant, heat maps.
 */

import { type DataFrame, type Field, type Labels, FieldType, createDataFrame } from '@grafana/data';

type Point = [number, string];
interface Series {
  metric: Labels;
  value?: Point;
  values?: Point[];
}
export interface Answer {
  expr: string;
  resultType: 'matrix' | 'vector' | 'scalar';
  result: Series[];
}
export interface Target {
  refId: string;
  format: 'time_series' | 'table' | 'heatmap';
  legendFormat: string;
  instant: boolean;
}

/** The frames of a panel's queries. `step` is in seconds. */
export function frames(targets: Target[], answers: Record<string, Answer>, step: number): DataFrame[] {
  const of = (format: string) => targets.filter((t) => t.format === format);
  return [
    ...of('time_series').flatMap((t) => series(t, answers[t.refId], step)),
    ...of('heatmap').flatMap((t) => heat(series(t, answers[t.refId], step))),
    ...of('table').map((t) => table(t, answers[t.refId], of('table').length)),
  ];
}

/** Points of an answer; a scalar is a series without labels. */
function listed(answer: Answer): Series[] {
  return answer.resultType === 'scalar'
    ? [{ metric: {}, value: answer.result as unknown as Point }]
    : answer.result;
}

function number(text: string): number {
  return text === '+Inf' ? Infinity : text === '-Inf' ? -Infinity : Number(text);
}

/** One frame per series. */
function series(target: Target, answer: Answer, step: number): DataFrame[] {
  return listed(answer).map((one) => {
    const points = one.values ?? [one.value!];
    const shown = legend(target, one.metric, answer.expr);
    return createDataFrame({
      refId: target.refId,
      name: shown,
      fields: [
        { name: 'Time', type: FieldType.time, config: { interval: step * 1000 }, values: points.map((p) => p[0] * 1000) },
        {
          name: 'Value',
          type: FieldType.number,
          labels: one.metric,
          config: shown ? { displayNameFromDS: shown } : {},
          values: points.map((p) => number(p[1])),
        },
      ],
    });
  });
}

/** The legend as Grafana's server makes it; empty when the browser shall make one of the labels. */
function legend(target: Target, labels: Labels, expr: string): string {
  if (target.legendFormat === '__auto' && Object.keys(labels).length > 0) {
    return '';
  }
  if (target.legendFormat && target.legendFormat !== '__auto') {
    return target.legendFormat.replace(/\{\{\s*(.+?)\s*\}\}/g, (_, name) => labels[name] ?? '');
  }
  const { __name__: name = '', ...rest } = labels;
  const listed = Object.keys(rest).sort().map((key) => `${key}="${rest[key]}"`);
  return name + (listed.length ? `{${listed.join(', ')}}` : '') || expr;
}

/** One frame per query: the time, a column per label in alphabetical order, the value. */
function table(target: Target, answer: Answer, queries: number): DataFrame {
  const rows = listed(answer).flatMap((one) => (one.values ?? [one.value!]).map((point) => ({ labels: one.metric, point })));
  const names = [...new Set(rows.flatMap((row) => Object.keys(row.labels)))].sort();
  const fields: Array<Partial<Field> & { name: string }> = [
    { name: 'Time', type: FieldType.time, config: {}, values: rows.map((row) => row.point[0] * 1000) },
    ...names.map((name) => ({
      name,
      type: name === 'le' ? FieldType.number : FieldType.string,
      config: { filterable: true },
      values: rows.map((row) => row.labels[name]),
    })),
    {
      name: queries > 1 ? `Value #${target.refId}` : 'Value',
      type: FieldType.number,
      config: {},
      values: rows.map((row) => number(row.point[1])),
    },
  ];
  return createDataFrame({ refId: target.refId, fields, meta: { preferredVisualisationType: 'table' } });
}

/** Buckets in the order of their edges, each without what the one below it counted. */
function heat(buckets: DataFrame[]): DataFrame[] {
  if (buckets.length === 0) {
    return [];
  }
  const edge = (frame: DataFrame) => number(frame.fields[1].labels!.le);
  const sorted = [...buckets].sort((a, b) => edge(a) - edge(b));
  const times = [...new Set(sorted.flatMap((frame) => frame.fields[0].values as number[]))].sort((a, b) => a - b);
  const columns = sorted.map((frame) => {
    const at = new Map(frame.fields[0].values.map((time: number, n: number) => [time, frame.fields[1].values[n]]));
    return times.map((time) => at.get(time) ?? 0);
  });
  const values = columns.map((column, n) => column.map((v, i) => v - (n ? columns[n - 1][i] : 0)));
  return [
    createDataFrame({
      refId: sorted[0].refId,
      fields: [
        { ...sorted[0].fields[0], values: times },
        ...sorted.map((frame, n) => ({ ...frame.fields[1], name: frame.fields[1].labels!.le, values: values[n] })),
      ],
    }),
  ];
}
