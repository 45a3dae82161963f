/**
 * The dashboards that we emit, as strict types on top of the published ones of @grafana/schema.
 *
 * Not a model of everything that Grafana reads. It has our panels and variables, Prometheus queries, and
 * none of the keys that Grafana has replaced. build.py turns it into generator/lint/dashboard.schema.json.
 *
 * JSON Schema keywords stand in the comments (`@minimum` ...); the bounds are those of Grafana's own CUE files
 * unless a comment says otherwise. An interface that narrows a published one omits the old property
 * first, then declares it anew: so each narrowing is visible.
 */

import * as grafana from '@grafana/schema';
import * as barchart from '@grafana/schema/dist/esm/raw/composable/barchart/panelcfg/x/BarChartPanelCfg_types.gen';
import * as bargauge from '@grafana/schema/dist/esm/raw/composable/bargauge/panelcfg/x/BarGaugePanelCfg_types.gen';
import * as gauge from '@grafana/schema/dist/esm/raw/composable/gauge/panelcfg/x/GaugePanelCfg_types.gen';
import * as heatmap from '@grafana/schema/dist/esm/raw/composable/heatmap/panelcfg/x/HeatmapPanelCfg_types.gen';
import * as piechart from '@grafana/schema/dist/esm/raw/composable/piechart/panelcfg/x/PieChartPanelCfg_types.gen';
import * as stat from '@grafana/schema/dist/esm/raw/composable/stat/panelcfg/x/StatPanelCfg_types.gen';
import * as statetimeline from '@grafana/schema/dist/esm/raw/composable/statetimeline/panelcfg/x/StateTimelinePanelCfg_types.gen';
import * as statushistory from '@grafana/schema/dist/esm/raw/composable/statushistory/panelcfg/x/StatusHistoryPanelCfg_types.gen';
import * as table from '@grafana/schema/dist/esm/raw/composable/table/panelcfg/x/TablePanelCfg_types.gen';
import * as text from '@grafana/schema/dist/esm/raw/composable/text/panelcfg/x/TextPanelCfg_types.gen';
import * as timeseries from '@grafana/schema/dist/esm/raw/composable/timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen';
import * as raw from '@grafana/schema/dist/esm/raw/dashboard/x/Dashboard_types.gen';

// Written by build.py from generator/lint/grafana_registry.json.
import { Calc, ColorMode, FieldMatcherId, TransformationId, UnitId } from './registry';

// ------------------------------------------------------------------------------------------------ small things

/** Any JSON except null. */
type Json = string | number | boolean | Json[] | { [key: string]: Json };

interface Nothing {}

type Unit = UnitId | `${'prefix' | 'suffix' | 'time' | 'si' | 'count' | 'currency'}:${string}`;

interface Prometheus {
  type: 'prometheus';
  /** @minLength 1 */
  uid: string;
}

interface Grafana {
  type: 'grafana';
  uid: '-- Grafana --';
}

interface GridPos {
  /** @TJS-type integer @minimum 1 */
  h: number;
  /** @TJS-type integer @minimum 1 @maximum 24 */
  w: number;
  /** @TJS-type integer @minimum 0 @maximum 23 */
  x: number;
  /** @TJS-type integer @minimum 0 */
  y: number;
}

/** What the editor writes for links of panels and of fields; the published types ask for more or for nothing. */
interface Link {
  oneClick?: boolean;
  targetBlank?: boolean;
  title: string;
  /** @minLength 1 */
  url: string;
}

// ------------------------------------------------------------------------------------------------ queries

/** A panel's query. Left out on purpose: `intervalFactor`, by which Prometheus' step is multiplied, and `step`. */
interface Query {
  datasource: Prometheus;
  editorMode?: 'builder' | 'code';
  exemplar?: boolean;
  /** @minLength 1 */
  expr: string;
  format?: 'heatmap' | 'table' | 'time_series';
  hide?: boolean;
  instant?: boolean;
  /** @pattern ^([0-9]+(ms|[smhdwMy])|\$.+)$ */
  interval?: string;
  legendFormat?: string;
  range?: boolean;
  /** @minLength 1 */
  refId: string;
}

interface QueryOfAnnotation extends Omit<Query, 'datasource'> {
  datasource?: Prometheus;
}

interface VariableQuery {
  label?: string;
  metric?: string;
  qryType: 0 | 1 | 2 | 3 | 4 | 5;
  /** @minLength 1 */
  query: string;
  /** @minLength 1 */
  refId: string;
}

// ------------------------------------------------------------------------------------------------ annotations

interface BuiltInAnnotation {
  builtIn: 1;
  datasource: Grafana;
  enable: boolean;
  filter?: AnnotationFilter;
  hide?: boolean;
  iconColor: string;
  name: string;
  target?: raw.AnnotationTarget;
  type: 'dashboard';
}

interface AnnotationFilter {
  exclude?: boolean;
  /** @items {"type": "integer", "minimum": 0, "maximum": 255} */
  ids: number[];
}

/** The keys of a Prometheus annotation beside its query. Grafana 10 and 11 read the query at the root, 12 in `target`. */
interface PrometheusAnnotation {
  datasource: Prometheus;
  enable: boolean;
  filter?: AnnotationFilter;
  hide?: boolean;
  iconColor: string;
  /** @minLength 1 */
  name: string;
  placement?: raw.AnnotationQueryPlacement;
  /** @pattern ^([0-9]+(ms|[smhdwMy])|\$.+)$ */
  step?: string;
  tagKeys?: string;
  textFormat?: string;
  titleFormat?: string;
  useValueForTime?: boolean;
}

interface RootAnnotation extends PrometheusAnnotation {
  /** @minLength 1 */
  expr: string;
}

interface TargetAnnotation extends PrometheusAnnotation {
  /** @minLength 1 */
  expr?: string;
  target: QueryOfAnnotation;
}

type Annotation = BuiltInAnnotation | RootAnnotation | TargetAnnotation;

// ------------------------------------------------------------------------------------------------ variables

interface Option {
  selected?: boolean;
  text: string | string[];
  value: string | string[];
}

interface VariableBase {
  allValue?: string;
  allowCustomValue?: boolean;
  current: Partial<Option>;
  description?: string;
  /** 3 needs Grafana 12. */
  hide?: 0 | 1 | 2;
  includeAll?: boolean;
  label?: string;
  multi?: boolean;
  /** @pattern ^[A-Za-z_][A-Za-z0-9_]*$ */
  name: string;
  options: Option[];
  refresh: raw.VariableRefresh;
  regex?: string;
  skipUrlSync?: boolean;
}

interface DatasourceVariable extends VariableBase {
  /** The id of the plugin. @minLength 1 */
  query: string;
  type: 'datasource';
}

interface QueryVariable extends VariableBase {
  datasource: Prometheus;
  definition?: string;
  query: VariableQuery;
  regexApplyTo?: raw.VariableRegexApplyTo;
  sort?: raw.VariableSort;
  staticOptions?: Option[];
  staticOptionsOrder?: 'before' | 'after' | 'sorted';
  type: 'query';
}

interface CustomVariable extends VariableBase {
  query: string;
  type: 'custom';
  valuesFormat?: 'csv' | 'json';
}

interface IntervalVariable extends VariableBase {
  auto?: boolean;
  /** @TJS-type integer @minimum 1 */
  auto_count?: number;
  /** @pattern ^[0-9]+(ms|[smhdwMy])$ */
  auto_min?: string;
  query: string;
  type: 'interval';
}

interface TextboxVariable extends VariableBase {
  query: string;
  type: 'textbox';
}

type Variable = CustomVariable | DatasourceVariable | IntervalVariable | QueryVariable | TextboxVariable;

// ------------------------------------------------------------------------------------------------ transformations

interface Step {
  disabled?: boolean;
  filter?: { id: string; options?: Json };
  topic?: 'series' | 'annotations' | 'alertStates';
}

interface Names {
  names?: string[];
  pattern?: string;
  variable?: string;
}

interface FilterFieldsByName extends Step {
  id: 'filterFieldsByName';
  options: { byVariable?: boolean; exclude?: Names; include?: Names };
}

interface GroupBy extends Step {
  id: 'groupBy';
  options: { fields: { [field: string]: { aggregations: Calc[]; operation?: 'aggregate' | 'groupby' } } };
}

interface JoinByField extends Step {
  id: 'joinByField';
  options: { byField?: string; mode?: 'inner' | 'outer' | 'outerTabular' };
}

interface LabelsToFields extends Step {
  id: 'labelsToFields';
  options: { keepLabels?: string[]; mode?: 'columns' | 'rows'; valueLabel?: string };
}

interface Limit extends Step {
  id: 'limit';
  options: { limitField?: number | string };
}

interface Merge extends Step {
  id: 'merge';
  options: Nothing;
}

interface Organize extends Step {
  id: 'organize';
  options: {
    excludeByName?: { [field: string]: boolean };
    includeByName?: { [field: string]: boolean };
    indexByName?: { [field: string]: number };
    orderBy?: { desc?: boolean; name?: string; type: 'label' | 'name' }[];
    orderByMode?: 'auto' | 'manual';
    renameByName?: { [field: string]: string };
  };
}

interface Reduce extends Step {
  id: 'reduce';
  options: {
    includeTimeField?: boolean;
    labelsToFields?: boolean;
    mode?: 'reduceFields' | 'seriesToRows';
    reducers: Calc[];
  };
}

interface RenameByRegex extends Step {
  id: 'renameByRegex';
  options: { regex: string; renamePattern: string };
}

interface SortBy extends Step {
  id: 'sortBy';
  options: { sort: { desc?: boolean; field: string; index?: number }[] };
}

type Known =
  | FilterFieldsByName
  | GroupBy
  | JoinByField
  | LabelsToFields
  | Limit
  | Merge
  | Organize
  | Reduce
  | RenameByRegex
  | SortBy;

type OtherTransformationId = Exclude<TransformationId, Known['id']>;

interface Other extends Step {
  id: OtherTransformationId;
  options: { [option: string]: Json };
}

type Transformation = Known | Other;

// ------------------------------------------------------------------------------------------------ fields

interface Base {
  color: string;
  /** Minus infinity. */
  value: null;
}

interface Threshold {
  color: string;
  value: number;
}

interface Thresholds {
  mode: raw.ThresholdsMode;
  steps: [Base, ...Threshold[]];
}

/** Written anew because the schema generator forgets the values of a `Record`. */
interface ValueMap {
  options: { [value: string]: raw.ValueMappingResult };
  type: 'value';
}

type Mapping = ValueMap | raw.RangeMap | raw.RegexMap | raw.SpecialValueMap;

interface Color extends Omit<raw.FieldColor, 'mode'> {
  mode: ColorMode;
}

interface FieldConfig<Custom> {
  color?: Color;
  custom?: Custom;
  /** @TJS-type integer @minimum 0 */
  decimals?: number;
  description?: string;
  displayName?: string;
  fieldMinMax?: boolean;
  links?: Link[];
  mappings?: Mapping[];
  max?: number;
  min?: number;
  noValue?: string;
  thresholds?: Thresholds;
  unit?: Unit;
}

/** The properties that an override may set. Tables register three of theirs one level deeper. */
type FieldId<Custom> =
  | Exclude<keyof FieldConfig<Custom>, 'custom'>
  | `custom.${Exclude<keyof Custom & string, 'footer' | 'tooltip'>}`
  | ('footer' extends keyof Custom ? 'custom.footer.reducers' : never)
  | ('tooltip' extends keyof Custom ? 'custom.tooltip.field' | 'custom.tooltip.placement' : never);

/** build.py gives `value` the type of the property in `FieldConfig<Custom>`. */
interface Property<Custom> {
  id: FieldId<Custom>;
  value: Json;
}

type FieldType =
  | 'time'
  | 'number'
  | 'string'
  | 'boolean'
  | 'trace'
  | 'geo'
  | 'enum'
  | 'other'
  | 'frame'
  | 'nestedFrames';

interface ByText {
  id: 'byFrameRefID' | 'byName' | 'byRegexp';
  options: string;
}

interface ByType {
  id: 'byType';
  options: FieldType;
}

interface ByNames {
  id: 'byNames';
  options: { mode?: 'exclude' | 'include'; names: string[]; prefix?: string; readOnly?: boolean };
}

interface ByValue {
  id: 'byValue';
  options: { op?: grafana.ComparisonOperation; reducer: Calc; value?: number };
}

type OtherMatcherId = Exclude<FieldMatcherId, (ByText | ByType | ByNames | ByValue)['id']>;

interface OtherMatcher {
  id: OtherMatcherId;
  options?: Json;
}

type FieldMatcher = ByText | ByType | ByNames | ByValue | OtherMatcher;

interface Override<Custom> {
  matcher: FieldMatcher;
  properties: Property<Custom>[];
}

interface Fields<Custom> {
  defaults: FieldConfig<Custom>;
  overrides: Override<Custom>[];
}

// ------------------------------------------------------------------------------------------------ parts of options

interface ReduceOptions extends Omit<grafana.ReduceDataOptions, 'calcs'> {
  /** @minItems 1 */
  calcs: Calc[];
}

interface Legend extends Omit<grafana.VizLegendOptions, 'asTable' | 'calcs' | 'isVisible'> {
  calcs: Calc[];
}

interface PieLegend extends Legend {
  values: piechart.PieChartLegendValues[];
}

interface HeatmapColor extends Omit<heatmap.HeatmapColorOptions, 'steps'> {
  /** @TJS-type integer @minimum 2 @maximum 128 */
  steps: number;
}

interface HeatmapAxis extends Omit<heatmap.YAxisConfig, 'unit'> {
  unit?: Unit;
}

interface HeatmapCells extends Omit<heatmap.CellValues, 'unit'> {
  unit?: Unit;
}

// ------------------------------------------------------------------------------------------------ panels

interface PanelBase {
  description?: string;
  gridPos: GridPos;
  /** @TJS-type integer @minimum 1 */
  id: number;
  links?: Link[];
  /** @TJS-type integer @minimum 1 @maximum 24 */
  maxPerRow?: number;
  /** Without it, Grafana migrates the options as if they were of version 6. @pattern ^[0-9]+\.[0-9]+\.[0-9]+$ */
  pluginVersion: string;
  /** @minLength 1 */
  repeat?: string;
  repeatDirection?: 'h' | 'v';
  title: string;
  transparent?: boolean;
}

interface QueryPanel extends PanelBase {
  datasource: Prometheus;
  hideTimeOverride?: boolean;
  /** @pattern ^([0-9]+(ms|[smhdwMy])|\$.+)$ */
  interval?: string;
  /** @TJS-type integer @minimum 1 */
  maxDataPoints?: number;
  /** @minItems 1 */
  targets: Query[];
  timeFrom?: string;
  timeShift?: string;
  transformations?: Transformation[];
}

interface TimeSeriesOptions extends Partial<Omit<timeseries.Options, 'legend'>> {
  legend?: Legend;
}

interface TimeSeriesCustom extends timeseries.FieldConfig {}

interface TimeSeriesPanel extends QueryPanel {
  fieldConfig: Fields<TimeSeriesCustom>;
  options: TimeSeriesOptions;
  type: 'timeseries';
}

interface StatOptions extends Partial<Omit<stat.Options, 'reduceOptions'>> {
  reduceOptions?: ReduceOptions;
}

interface StatPanel extends QueryPanel {
  fieldConfig: Fields<Nothing>;
  options: StatOptions;
  type: 'stat';
}

interface GaugeOptions extends Partial<Omit<gauge.Options, 'reduceOptions'>> {
  reduceOptions?: ReduceOptions;
}

interface GaugePanel extends QueryPanel {
  fieldConfig: Fields<Nothing>;
  options: GaugeOptions;
  type: 'gauge';
}

interface BarGaugeOptions extends Partial<Omit<bargauge.Options, 'legend' | 'reduceOptions'>> {
  legend?: Legend;
  reduceOptions?: ReduceOptions;
}

interface BarGaugePanel extends QueryPanel {
  fieldConfig: Fields<Nothing>;
  options: BarGaugeOptions;
  type: 'bargauge';
}

interface PieChartOptions extends Partial<Omit<piechart.Options, 'legend' | 'reduceOptions'>> {
  legend?: PieLegend;
  reduceOptions?: ReduceOptions;
}

interface PieChartCustom extends piechart.FieldConfig {}

interface PieChartPanel extends QueryPanel {
  fieldConfig: Fields<PieChartCustom>;
  options: PieChartOptions;
  type: 'piechart';
}

interface TableOptions extends Partial<table.Options> {}

/** Without `displayMode`, which became `cellOptions`. */
interface TableCustom extends Partial<Omit<table.FieldConfig, 'displayMode' | 'footer'>> {
  footer?: { reducers?: Calc[] };
}

interface TablePanel extends QueryPanel {
  fieldConfig: Fields<TableCustom>;
  options: TableOptions;
  type: 'table';
}

interface HeatmapOptions
  extends Partial<Omit<heatmap.Options, 'cellGap' | 'cellValues' | 'color' | 'yAxis'>> {
  /** @TJS-type integer @minimum 0 @maximum 25 */
  cellGap?: number;
  cellValues?: HeatmapCells;
  color?: HeatmapColor;
  yAxis?: HeatmapAxis;
}

interface HeatmapCustom extends heatmap.FieldConfig {}

interface HeatmapPanel extends QueryPanel {
  fieldConfig: Fields<HeatmapCustom>;
  options: HeatmapOptions;
  type: 'heatmap';
}

interface TimelineCustom extends Omit<statetimeline.FieldConfig, 'fillOpacity' | 'lineWidth'> {
  /** @TJS-type integer @minimum 0 @maximum 100 */
  fillOpacity?: number;
  /** @TJS-type integer @minimum 0 @maximum 10 */
  lineWidth?: number;
}

interface StateTimelineOptions extends Partial<Omit<statetimeline.Options, 'legend' | 'perPage' | 'rowHeight'>> {
  legend?: Legend;
  /** @minimum 1 */
  perPage?: number;
  /** @minimum 0 @maximum 1 */
  rowHeight?: number;
}

interface StateTimelinePanel extends QueryPanel {
  fieldConfig: Fields<TimelineCustom>;
  options: StateTimelineOptions;
  type: 'state-timeline';
}

interface StatusHistoryOptions
  extends Partial<Omit<statushistory.Options, 'colWidth' | 'legend' | 'perPage' | 'rowHeight'>> {
  /** @minimum 0 @maximum 1 */
  colWidth?: number;
  legend?: Legend;
  /** @minimum 1 */
  perPage?: number;
  /** @minimum 0 @maximum 1 */
  rowHeight?: number;
}

interface StatusHistoryPanel extends QueryPanel {
  fieldConfig: Fields<TimelineCustom>;
  options: StatusHistoryOptions;
  type: 'status-history';
}

type BarChartBounded = 'barRadius' | 'barWidth' | 'groupWidth' | 'legend' | 'xTickLabelMaxLength' | 'xTickLabelRotation';

interface BarChartOptions extends Partial<Omit<barchart.Options, BarChartBounded>> {
  /** @minimum 0 @maximum 0.5 */
  barRadius?: number;
  /** @minimum 0 @maximum 1 */
  barWidth?: number;
  /** @minimum 0 @maximum 1 */
  groupWidth?: number;
  legend?: Legend;
  /** @TJS-type integer @minimum 0 */
  xTickLabelMaxLength?: number;
  /** @TJS-type integer @minimum -90 @maximum 90 */
  xTickLabelRotation?: number;
}

interface BarChartCustom extends Omit<barchart.FieldConfig, 'fillOpacity' | 'lineWidth'> {
  /** @TJS-type integer @minimum 0 @maximum 100 */
  fillOpacity?: number;
  /** @TJS-type integer @minimum 0 @maximum 10 */
  lineWidth?: number;
}

interface BarChartPanel extends QueryPanel {
  fieldConfig: Fields<BarChartCustom>;
  options: BarChartOptions;
  type: 'barchart';
}

interface TextOptions extends text.Options {}

interface TextPanel extends PanelBase {
  fieldConfig?: Fields<Nothing>;
  options: TextOptions;
  type: 'text';
}

/** Grafana publishes no type for this panel; the keys are those of 12.4. */
interface AlertListOptions {
  alertInstanceLabelFilter?: string;
  alertName?: string;
  dashboardAlerts?: boolean;
  datasource?: string;
  folder?: { title: string; uid: string };
  groupBy?: string[];
  groupMode?: 'custom' | 'default';
  /** @TJS-type integer @minimum 1 */
  maxItems?: number;
  showInactiveAlerts?: boolean;
  showInstances?: boolean;
  /** 1, 2: name up, down; 3: importance; 4, 5: time up, down. */
  sortOrder?: 1 | 2 | 3 | 4 | 5;
  stateFilter?: {
    error?: boolean;
    firing?: boolean;
    noData?: boolean;
    normal?: boolean;
    pending?: boolean;
    recovering?: boolean;
  };
  viewMode?: 'list' | 'stat';
}

interface AlertListPanel extends PanelBase {
  fieldConfig?: Fields<Nothing>;
  options: AlertListOptions;
  type: 'alertlist';
}

type Panel =
  | AlertListPanel
  | BarChartPanel
  | BarGaugePanel
  | GaugePanel
  | HeatmapPanel
  | PieChartPanel
  | StatPanel
  | StateTimelinePanel
  | StatusHistoryPanel
  | TablePanel
  | TextPanel
  | TimeSeriesPanel;

interface RowBase {
  gridPos: GridPos;
  /** @TJS-type integer @minimum 1 */
  id: number;
  /** @minLength 1 */
  repeat?: string;
  title: string;
  type: 'row';
}

interface CollapsedRow extends RowBase {
  collapsed: true;
  panels: Panel[];
}

/** Grafana ignores panels inside a row that is open. */
interface OpenRow extends RowBase {
  collapsed: false;
  panels: [];
}

// ------------------------------------------------------------------------------------------------ dashboard

interface DashboardsLink extends raw.DashboardLink {
  type: 'dashboards';
}

interface UrlLink extends Omit<raw.DashboardLink, 'url'> {
  type: 'link';
  /** @minLength 1 */
  url: string;
}

/** The data source that grafana.com asks for on import. */
interface Input {
  description: string;
  label: string;
  name: string;
  pluginId: string;
  pluginName: string;
  type: 'datasource';
}

interface Requirement {
  id: string;
  name: string;
  type: 'datasource' | 'grafana' | 'panel';
  version: string;
}

export interface Board {
  __elements?: Nothing;
  __inputs?: Input[];
  __requires?: Requirement[];
  annotations: { list: Annotation[] };
  description?: string;
  editable?: boolean;
  /** @TJS-type integer @minimum 0 @maximum 11 */
  fiscalYearStartMonth?: number;
  graphTooltip?: raw.DashboardCursorSync;
  /** Grafana gives it; a number would be that of someone else's installation. */
  id?: null;
  links?: (DashboardsLink | UrlLink)[];
  liveNow?: boolean;
  panels: (CollapsedRow | OpenRow | Panel)[];
  preload?: boolean;
  /** Empty for never. `auto` needs Grafana 11.1. @pattern ^([0-9]+(ms|[smhdwMy]))?$ */
  refresh?: string;
  schemaVersion: 42;
  /** Grafana refuses longer tags. @items {"type": "string", "minLength": 1, "maxLength": 50} */
  tags?: string[];
  templating: { list: Variable[] };
  time: { from: string; to: string };
  timepicker?: raw.TimePickerConfig;
  timezone?: string;
  /** Grafana refuses an empty or longer title. @pattern \S @maxLength 5000 */
  title: string;
  /** Names of Kubernetes objects, which Grafana announces to require. @pattern ^[a-z0-9]([-a-z0-9]{0,38}[a-z0-9])?$ */
  uid: string;
  /** @TJS-type integer @minimum 0 */
  version?: number;
  weekStart?: '' | 'monday' | 'tuesday' | 'wednesday' | 'thursday' | 'friday' | 'saturday' | 'sunday';
}
