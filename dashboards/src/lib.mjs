// What the dashboards have in common: variables, annotations, links, layout, and panels with the looks they share.
//
// A dashboard is given as rows of panels. A panel says its own id, since links to panels hold it, and how wide it is;
// where it stands follows from the order.
import common from '@grafana/grafana-foundation-sdk/common';
import dashboard from '@grafana/grafana-foundation-sdk/dashboard';
import heatmap from '@grafana/grafana-foundation-sdk/heatmap';
import prometheus from '@grafana/grafana-foundation-sdk/prometheus';
import stat from '@grafana/grafana-foundation-sdk/stat';
import table from '@grafana/grafana-foundation-sdk/table';
import timeseries from '@grafana/grafana-foundation-sdk/timeseries';

const DATASOURCE = {type: 'prometheus', uid: '${datasource}'};
const TAG = 'qemu-trace-exporter';
const COLUMNS = 24;

// Matchers by how much a panel tells apart. Values are regular expressions: one variable may hold several.
export const EXPORTER = 'job=~"$job", instance=~"$instance"';
export const VM = `${EXPORTER}, vm=~"$vm"`;
export const DEVICE = `${VM}, device=~"$device"`;

// What a panel says where it has nothing to show.
export const NO_DMA = 'trace dma_blk_io, dma_complete';
export const NO_BLOCK = 'trace the block events';
export const NO_TIME = 'needs timestamps (-msg timestamp=on)';

export const rate = (metric, matchers) => `rate(${metric}{${matchers}}[$__rate_interval])`;
// The sum of two, of which one may not be there: a disk that is only read has no series of writes.
export const plus = (a, b) => `${a} + ${b} or ${a} or ${b}`;
export const quantile = (q, metric, matchers, by) =>
  `histogram_quantile(${q}, sum by (${by ? `${by}, ` : ''}le) (${rate(`${metric}_bucket`, matchers)}))`;

function query(expr, legend, index) {
  return new prometheus.DataqueryBuilder().refId(String.fromCharCode(65 + index)).datasource(DATASOURCE).expr(expr)
    .legendFormat(legend).editorMode(prometheus.QueryEditorMode.Code);
}

function begin(builder, {id, title, description, unit, decimals, min = 0, noValue = 'no exporter is scraped'}) {
  builder.id(id).title(title).description(description).datasource(DATASOURCE).unit(unit);
  if (min !== null) builder.min(min);
  if (decimals !== undefined) builder.decimals(decimals);
  builder.noValue(noValue);
  return builder;
}

// Colours from a value on: [[null, 'green'], [1, 'red']].
function thresholds(steps) {
  return new dashboard.ThresholdsConfigBuilder().mode(dashboard.ThresholdsMode.Absolute)
    .steps(steps.map(([value, color]) => ({value, color})));
}

// One number. `steps` colour it; without them it is blue.
export function number({expr, steps = [[null, 'blue']], graph = true, ...panel}) {
  const builder = begin(new stat.PanelBuilder(), panel);
  builder.withTarget(query(expr, '', 0).range())
    .thresholds(thresholds(steps))
    .colorMode(common.BigValueColorMode.Value)
    .graphMode(graph ? common.BigValueGraphMode.Area : common.BigValueGraphMode.None)
    .reduceOptions(new common.ReduceDataOptionsBuilder().calcs(['lastNotNull']));
  return {builder, width: panel.width ?? 4, height: panel.height ?? 4};
}

// Lines over time. `queries` are [expression, legend]; `stack` where they add up to something; `rare` is how high the axis
// goes at least where all may be 0 for long: it would go to 100 by itself.
export function lines({queries, stack = false, rare, ...panel}) {
  const builder = begin(new timeseries.PanelBuilder(), panel);
  queries.forEach(([expr, legend], index) => builder.withTarget(query(expr, legend, index).range()));
  builder.legend(new common.VizLegendOptionsBuilder().showLegend(true).placement(common.LegendPlacement.Bottom)
    .displayMode(common.LegendDisplayMode.Table).calcs(['mean', 'max', 'lastNotNull']).sortBy('Mean').sortDesc(true))
    .tooltip(new common.VizTooltipOptionsBuilder().mode(common.TooltipDisplayMode.Multi)
      .sort(common.SortOrder.Descending))
    .drawStyle(common.GraphDrawStyle.Line).lineWidth(1).fillOpacity(stack ? 40 : 10)
    .showPoints(common.VisibilityMode.Never).spanNulls(false);
  if (rare !== undefined) builder.axisSoftMax(rare);
  if (stack) builder.stacking(new common.StackingConfigBuilder().mode(common.StackingMode.Normal).group('A'));
  return {builder, width: panel.width ?? 12, height: panel.height ?? 8};
}

// How the observations of a histogram are spread, over time.
export function spread({metric, matchers, unit, ...panel}) {
  const builder = begin(new heatmap.PanelBuilder(), {...panel, unit, min: null});
  const expr = `sum by (le) (increase(${metric}_bucket{${matchers}}[$__rate_interval]))`;
  builder.withTarget(query(expr, '{{le}}', 0).range().format(prometheus.PromQueryFormat.Heatmap))
    .calculate(false)
    .color(new heatmap.HeatmapColorOptionsBuilder().mode(heatmap.HeatmapColorMode.Scheme).scheme('Turbo').steps(64)
      .scale(heatmap.HeatmapColorScale.Exponential).exponent(0.5).fill('dark-orange').reverse(false))
    .yAxis(new heatmap.YAxisConfigBuilder().unit(unit).axisPlacement(common.AxisPlacement.Left))
    .filterValues(new heatmap.FilterValueRangeBuilder().le(1e-9))
    .cellGap(1)
    .showLegend();
  return {builder, width: panel.width ?? 12, height: panel.height ?? 8};
}

// A line for each value of the label `by`; `columns`, two at least, are [title, expression, unit].
export function perLabel({by, columns, link, ...panel}) {
  const builder = begin(new table.PanelBuilder(), {...panel, unit: 'short'});
  const names = {[by]: panel.column};
  const overrides = [];
  columns.forEach(([title, expr, unit], index) => {
    const target = query(expr, '', index).instant().format(prometheus.PromQueryFormat.Table);
    builder.withTarget(target);
    names[`Value #${String.fromCharCode(65 + index)}`] = title;
    overrides.push([title, [{id: 'unit', value: unit}]]);
  });
  builder.withTransformation({id: 'joinByField', options: {byField: by, mode: 'outer'}})
    .withTransformation({id: 'organize', options: {
      excludeByName: Object.fromEntries(['Time', ...columns.map((_, index) => `Time ${index + 1}`)].map((n) => [n, true])),
      renameByName: names, indexByName: {}}})
    .sortBy([new common.TableSortByFieldStateBuilder().displayName(columns[0][0]).desc(true)]);
  overrides.forEach(([name, properties]) => builder.overrideByName(name, properties));
  // Images have long paths.
  const first = [{id: 'custom.width', value: panel.columnWidth ?? 200}];
  builder.overrideByName(panel.column, link ? [...first, {id: 'links', value: [link]}] : first);
  return {builder, width: panel.width ?? COLUMNS, height: panel.height ?? 8};
}

export const row = (id, title, panels, {collapsed = false} = {}) => ({id, title, panels, collapsed});

function choice(name, label, definition) {
  return new dashboard.QueryVariableBuilder(name).label(label).datasource(DATASOURCE)
    .query({qryType: 1, query: definition, refId: `variable-${name}`})
    .refresh(dashboard.VariableRefresh.OnTimeRangeChanged)
    .sort(dashboard.VariableSort.NaturalAsc)
    .multi(true).includeAll(true).allValue('.+')
    .current({selected: true, text: ['All'], value: ['$__all']});
}

const CHOICES = {
  job: ['Job', 'label_values(qemu_trace_exporter_build_info, job)'],
  instance: ['Instance', 'label_values(qemu_trace_exporter_build_info{job=~"$job"}, instance)'],
  vm: ['VM', `label_values(qemu_trace_events_total{${EXPORTER}}, vm)`],
  device: ['Device', `label_values({__name__=~"qemu_(block|dma)_(reads|writes)_total", ${VM}}, device)`],
};

// Where the panels stand: from left to right, a new line where one has no room.
function place(panels, top) {
  let x = 0;
  let y = top;
  let tallest = 0;
  for (const {builder, width, height} of panels) {
    if (x + width > COLUMNS) {
      x = 0;
      y += tallest;
      tallest = 0;
    }
    builder.gridPos({x, y, w: width, h: height});
    x += width;
    tallest = Math.max(tallest, height);
  }
  return y + tallest;
}

// The dashboard as what its JSON file holds. `variables` are names of CHOICES, each filtered by those before it.
export function build({uid, title, description, variables, rows}) {
  const builder = new dashboard.DashboardBuilder(title).uid(uid).description(description).tags([TAG]).readonly()
    .tooltip(dashboard.DashboardCursorSync.Crosshair).time({from: 'now-1h', to: 'now'}).refresh('30s').timezone('browser')
    .withVariable(new dashboard.DatasourceVariableBuilder('datasource').label('Data source').type('prometheus'))
    .link(new dashboard.DashboardLinkBuilder('QEMU').type(dashboard.DashboardLinkType.Dashboards).tags([TAG])
      .asDropdown(true).includeVars(true).keepTime(true).icon('external link'))
    .annotation(new dashboard.AnnotationQueryBuilder().name('Exporter restarts').datasource(DATASOURCE).enable(true)
      .iconColor('orange')
      .expr(`changes(process_start_time_seconds{${EXPORTER}}[$__rate_interval]) > 0`));
  for (const name of variables) builder.withVariable(choice(name, ...CHOICES[name]));
  let y = 0;
  const panels = [];
  for (const {id, title: heading, panels: content, collapsed} of rows) {
    const header = new dashboard.RowBuilder(heading).id(id).collapsed(collapsed).gridPos({x: 0, y, w: COLUMNS, h: 1});
    const end = place(content, y + 1);
    const built = content.map((panel) => panel.builder.build());
    panels.push({...header.build(), panels: collapsed ? built : []});
    if (!collapsed) panels.push(...built);
    y = collapsed ? y + 1 : end;
  }
  return {...builder.build(), id: null, panels};
}
