/**
 * One board as a page: Grafana's grid, Grafana's components, the frames of pipeline.ts.
 *
 * The plugins of the panels are in Grafana's AGPL part. Here each kind of panel is put together anew of the components
 * that those plugins use. Heat maps and state timelines have no public component: they are drawn plainly, and say so.
 */

import {
  type DataFrame,
  type Field,
  FieldType,
  LoadingState,
  ThemeContext,
  applyNullInsertThreshold,
  dateTime,
  formattedValueToString,
  getValueFormat,
  renderMarkdown,
} from '@grafana/data';
import { initPluginTranslations } from '@grafana/i18n';
import { VizOrientation } from '@grafana/schema';
import { BarGauge, BigValue, GlobalStyles, PanelChrome, TimeSeries, VizLegend, VizRepeater } from '@grafana/ui';
import { TableNG } from '@grafana/ui/unstable';
import { Component, type ReactNode, useMemo } from 'react';
import { createRoot } from 'react-dom/client';

import { type Asked, type Drawn, type Panel, draw, initialize, nameOf, panels, theme, timeZone } from './pipeline';
import { reduced } from './problems';

/** Grafana's grid: height of a unit and the gap, in pixels. */
const CELL = 30;
const GAP = 8;

type Size = { width: number; height: number };
type Props = Size & { drawn: Drawn; asked: Asked };

const KINDS: Record<string, (props: Props) => ReactNode> = {
  bargauge: Bars,
  heatmap: Heat,
  'state-timeline': States,
  stat: Stat,
  table: Table,
  text: Words,
  timeseries: Lines,
};

function range(asked: Asked) {
  const [from, to] = [dateTime(asked.from * 1000), dateTime(asked.to * 1000)];
  return { from, to, raw: { from, to } };
}

function Lines({ drawn, asked, width, height }: Props) {
  const frames = useMemo(() => gapped(drawn.data, asked), [drawn, asked]);
  if (frames.length === 0) {
    return <None {...{ width, height }} />;
  }
  return (
    <TimeSeries
      frames={frames}
      timeRange={range(asked)}
      timeZone={timeZone}
      legend={drawn.panel.options.legend}
      width={width}
      height={height}
    />
  );
}

/** What the plugin does before it draws: what is no number, and where a sample is missing, is a gap. */
function gapped(data: DataFrame[], asked: Asked): DataFrame[] {
  return data
    .filter((frame) => frame.fields.some((f) => f.type === FieldType.number))
    .map((frame) => ({
      ...frame,
      fields: frame.fields.map((f) => ({ ...f, values: f.values.map((v) => (Number.isFinite(v) ? v : null)) })),
    }))
    .map((frame) =>
      applyNullInsertThreshold({ frame, refFieldPseudoMin: asked.from * 1000, refFieldPseudoMax: asked.to * 1000 })
    );
}

function Stat({ drawn, width, height }: Props) {
  const { options } = drawn.panel;
  const shown = reduced(drawn.panel, drawn.data);
  return (
    <VizRepeater
      getValues={() => shown}
      renderValue={({ value, width, height, count }) => (
        <BigValue
          value={value.display}
          sparkline={value.sparkline}
          count={count}
          colorMode={options.colorMode}
          graphMode={options.graphMode}
          justifyMode={options.justifyMode}
          textMode={options.textMode === 'auto' ? (count > 1 ? 'value_and_name' : 'value') : options.textMode}
          disableWideLayout={!options.wideLayout}
          theme={theme}
          width={width}
          height={height}
        />
      )}
      source={drawn.data}
      renderCounter={1}
      orientation={options.orientation as VizOrientation}
      itemSpacing={3}
      width={width}
      height={height}
    />
  );
}

function Bars({ drawn, width, height }: Props) {
  const { options } = drawn.panel;
  const shown = reduced(drawn.panel, drawn.data);
  return (
    <VizRepeater
      getValues={() => shown}
      renderValue={({ value, width, height, count }) => (
        <BarGauge
          value={value.display}
          field={value.field}
          display={value.view?.getFieldDisplayProcessor(value.colIndex!)}
          displayMode={options.displayMode}
          orientation={options.orientation}
          valueDisplayMode={options.valueMode}
          namePlacement={options.namePlacement}
          showUnfilled={options.showUnfilled}
          itemSpacing={count > 10 ? 2 : 10}
          theme={theme}
          width={width}
          height={height}
        />
      )}
      source={drawn.data}
      renderCounter={1}
      orientation={options.orientation}
      minVizHeight={options.minVizHeight}
      maxVizHeight={options.maxVizHeight}
      itemSpacing={10}
      width={width}
      height={height}
    />
  );
}

function Table({ drawn, asked, width, height }: Props) {
  const [frame] = drawn.data;
  if (!frame?.length) {
    return <None {...{ width, height }} />;
  }
  const { options } = drawn.panel;
  return (
    <TableNG
      data={frame}
      width={width}
      height={height}
      cellHeight={options.cellHeight}
      noHeader={!options.showHeader}
      initialSortBy={options.sortBy}
      timeRange={range(asked)}
      enableVirtualization={false}
      structureRev={1}
    />
  );
}

function Words({ drawn }: Props) {
  return <div className="markdown-html" dangerouslySetInnerHTML={{ __html: renderMarkdown(drawn.panel.options.content) }} />;
}

/** One row per series; a cell has the colour and the word that Grafana's display processor gives the value. */
function States({ drawn, asked, width, height }: Props) {
  const rows = numbers(drawn.data);
  if (rows.length === 0) {
    return <None {...{ width, height }} />;
  }
  const words = new Map<string, string>();
  const left = 160;
  const span = (asked.to - asked.from) * 1000;
  const lane = (height - 50) / rows.length;
  return (
    <div style={{ position: 'relative', width, height, fontSize: 12 }}>
      {rows.map(({ frame, field }, n) => {
        const times = frame.fields[0].values as number[];
        return times.map((time, i) => {
          const shown = field.display!(field.values[i]);
          words.set(shown.text, shown.color!);
          const x = left + ((time - asked.from * 1000) / span) * (width - left);
          const style = { left: x, top: n * lane, height: lane * 0.9, width: ((asked.step * 1000) / span) * (width - left) + 1 };
          return <div key={`${n}-${i}`} style={{ position: 'absolute', background: shown.color, opacity: 0.7, ...style }} />;
        });
      })}
      {rows.map(({ frame, field }, n) => (
        <div key={n} style={{ position: 'absolute', top: n * lane, width: left - 8, height: lane * 0.9, overflow: 'hidden', textAlign: 'right' }}>
          {nameOf(drawn, frame, field)}
        </div>
      ))}
      <div style={{ position: 'absolute', bottom: 0, width }}>
        <VizLegend
          displayMode={'list' as any}
          placement="bottom"
          items={[...words].map(([label, color]) => ({ label, color, yAxis: 1 }))}
        />
        <Note>state timeline, drawn plainly</Note>
      </div>
    </div>
  );
}

/** One row per bucket, orange by the share of the fullest cell. */
function Heat({ drawn, width, height }: Props) {
  const rows = numbers(drawn.data).reverse();
  if (rows.length === 0) {
    return <None {...{ width, height }} />;
  }
  const { unit } = drawn.panel.options.yAxis;
  const top = Math.max(...rows.flatMap(({ field }) => field.values.filter(Number.isFinite)));
  const lane = (height - 20) / rows.length;
  const left = 70;
  return (
    <div style={{ position: 'relative', width, height, fontSize: 11 }}>
      {rows.map(({ field }, n) => (
        <div key={n} style={{ display: 'flex', height: lane }}>
          <div style={{ width: left, textAlign: 'right', paddingRight: 6, lineHeight: `${lane}px`, overflow: 'hidden' }}>
            {lane < 11 && n % 2 ? '' : edge(field.name, unit)}
          </div>
          {field.values.map((v, i) => (
            <div key={i} style={{ flex: 1, background: v > 0 ? `rgba(255, 120, 10, ${(v / top) ** 0.5})` : undefined }} />
          ))}
        </div>
      ))}
      <Note>heat map, drawn plainly</Note>
    </div>
  );
}

function edge(le: string, unit: string): string {
  return le === '+Inf' ? le : formattedValueToString(getValueFormat(unit)(Number(le)));
}

function numbers(data: DataFrame[]): Array<{ frame: DataFrame; field: Field }> {
  return data.flatMap((frame) => frame.fields.filter((f) => f.type === FieldType.number).map((field) => ({ frame, field })));
}

function None({ width, height }: Size) {
  const style = { width, height, display: 'flex', alignItems: 'center', justifyContent: 'center' };
  return <div style={{ ...style, color: theme.colors.text.secondary }}>No data</div>;
}

function Note({ children }: { children: ReactNode }) {
  return <div style={{ position: 'absolute', right: 0, bottom: 0, fontSize: 10, opacity: 0.5 }}>{children}</div>;
}

/** A panel that cannot be drawn says why, and the run fails. */
class Guard extends Component<{ title: string; children: ReactNode }, { error?: Error }> {
  state: { error?: Error } = {};
  static getDerivedStateFromError(error: Error) {
    return { error };
  }
  componentDidCatch(error: Error) {
    (window as any).failed.push(`${this.props.title}: ${error.stack}`);
  }
  render() {
    return this.state.error ? <pre>{this.state.error.stack}</pre> : this.props.children;
  }
}

interface Placed {
  panel: Panel;
  y: number;
}

/** Rows and panels from top to bottom, collapsed rows opened, in grid units. */
function placed(asked: Asked): Placed[] {
  let opened = 0;
  return asked.board.panels.flatMap((top) => {
    const own = { panel: top, y: top.gridPos.y + opened };
    const inner = (top.panels ?? []).map((panel) => ({ panel, y: panel.gridPos.y + opened }));
    if (top.panels?.length) {
      opened += Math.max(...top.panels.map((p) => p.gridPos.y + p.gridPos.h)) - top.gridPos.y - 1;
    }
    return [own, ...inner];
  });
}

function Board({ asked, drawn, width }: { asked: Asked; drawn: Map<number, Drawn>; width: number }) {
  const all = placed(asked);
  const column = (width + GAP) / 24;
  const bottom = Math.max(...all.map(({ panel, y }) => y + panel.gridPos.h));
  const variables = asked.board.templating.list.filter((v) => v.type === 'query');
  return (
    <div style={{ padding: 16, width: width + 32 }}>
      <div style={{ display: 'flex', gap: 8, alignItems: 'center', height: 40 }}>
        <b style={{ marginRight: 16 }}>{asked.board.title}</b>
        {variables.map((v) => (
          <span key={v.name} style={{ border: `1px solid ${theme.colors.border.medium}`, padding: '2px 8px', fontSize: 12 }}>
            {v.label} <b>{asked.chosen[v.name] ?? 'All'}</b>
          </span>
        ))}
        <span style={{ marginLeft: 'auto', fontSize: 12, opacity: 0.6 }}>simulated history, drawn with Grafana's libraries</span>
      </div>
      <div style={{ position: 'relative', height: bottom * (CELL + GAP) }}>
        {all.map(({ panel, y }) => {
          const size = { width: panel.gridPos.w * column - GAP, height: panel.gridPos.h * (CELL + GAP) - GAP };
          const style = { position: 'absolute' as const, left: panel.gridPos.x * column, top: y * (CELL + GAP), ...size };
          if (panel.type === 'row') {
            return (
              <div key={panel.id} style={{ ...style, fontWeight: 500, lineHeight: `${size.height}px` }}>
                {panel.collapsed ? '▸' : '▾'} {panel.title}
              </div>
            );
          }
          const Kind = KINDS[panel.type];
          return (
            <div key={panel.id} style={style}>
              <PanelChrome {...size} title={panel.title} description={panel.description} loadingState={LoadingState.Done}>
                {(width: number, height: number) => (
                  <Guard title={panel.title}>
                    <Kind drawn={drawn.get(panel.id)!} asked={asked} width={width} height={height} />
                  </Guard>
                )}
              </PanelChrome>
            </div>
          );
        })}
      </div>
    </div>
  );
}

async function main() {
  (window as any).failed = [];
  const [name, mode] = location.hash.slice(1).split('@');
  initialize(mode === 'light' ? 'light' : 'dark');
  await initPluginTranslations('render');
  const asked: Asked = await (await fetch(`/answers/${name}.json`)).json();
  const drawn = new Map<number, Drawn>();
  for (const panel of panels(asked.board)) {
    drawn.set(panel.id, await draw(asked, panel));
  }
  document.body.style.background = theme.colors.background.canvas;
  createRoot(document.getElementById('root')!).render(
    <ThemeContext.Provider value={theme}>
      <GlobalStyles />
      <Board asked={asked} drawn={drawn} width={window.innerWidth - 32} />
    </ThemeContext.Provider>
  );
  setTimeout(() => ((window as any).ready = true), 300);
}

main().catch((error) => {
  (window as any).failed = [String(error.stack)];
  (window as any).ready = true;
});
