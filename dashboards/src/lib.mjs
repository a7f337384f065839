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

// Labels to group by. Two hosts may have VMs of one name, and two VMs images of one path.
export const BY_EXPORTER = 'job, instance';
export const BY_VM = `${BY_EXPORTER}, vm`;
export const BY_DEVICE = `${BY_VM}, device`;
export const BY_DISK = `${BY_VM}, interface, device`;

// What a panel says where it has nothing to show: the events it lives on, or what else may be missing. A number has room
// for the short form alone, and the full one in its description.
const QEMU_ARGS = 'qemu-args prints the options';
export const NO_EVENTS = {short: 'no events: needs -trace', full: `no events yet: QEMU needs -trace; ${QEMU_ARGS}`};
export const NO_KEYS = {short: 'trace ps2_put_keycode', full: `none: trace ps2_put_keycode; ${QEMU_ARGS}`};
export const NO_PCI = {short: 'trace pci_cfg_read, _write', full: `none: trace pci_cfg_read, pci_cfg_write; ${QEMU_ARGS}`};
export const NO_DMA = {short: 'trace dma_blk_*, blk_co_p*',
  full: `none: trace dma_blk_io, dma_blk_cb, dma_complete, blk_co_p*; ${QEMU_ARGS}`};
export const NO_BLOCK = {short: 'trace virtio_blk_*, ide_*, ...',
  full: `none: trace virtio_blk_*, pci_nvme_*, scsi_req_*, ide_*; ${QEMU_ARGS}`};
export const noTime = (what) => ({short: `no ${what}, or no timestamps`, full: `no ${what}, or no timestamps (-msg timestamp=on)`});
export const NO_SOURCES = 'no sources in the config';
export const NO_QUEUES = {short: 'add virtqueue.yaml', full: 'none: needs --config.file=virtqueue.yaml and its events'};

// Thresholds of the alerts in dashboards/rules, which panels draw as lines.
export const LIMITS = {
  duration: 0.1, flush: 0.5, lag: 50e6, pipeFull: 0.05, checkpointAge: 300,
};

// Units of what Grafana has no name for: 1.2K keys/s.
export const KEYS = 'count:keys/s';
export const CODES = 'count:codes/s';
export const LINES = 'count:lines/s';
export const EVENTS = 'count:events/s';

export const rate = (metric, matchers) => `rate(${metric}{${matchers}}[$__rate_interval])`;
// A disk's name without its directories, for legends. disk.img and the like are told apart by their directory alone, as those
// of KubeVirt are.
const DISK = '(?:.*?/)?([^/]+/disk[.][^/]*|[^/]+)';
export const named = (expr) => `label_replace(${expr}, "disk", "$1", "device", "${DISK}")`;
// What comes seldom (errors, rotations) is counted: as a rate it would be 0.0003 a second.
// Of two counters of the same, the first one where it says something.
export const either = (first, second) => `${first} > 0 or ${second}`;
export const increase = (metric, matchers) => `increase(${metric}{${matchers}}[$__rate_interval])`;
// All of the time shown, for a single number that is looked at once.
export const total = (metric, matchers) => `sum(increase(${metric}{${matchers}}[$__range]))`;
export const sumBy = (by, expr) => `sum by (${by}) (${expr})`;
// The sum of two, of which one may not be there: a disk that is only read has no series of writes.
export const plus = (a, b) => `${a} + ${b} or ${a} or ${b}`;
// Every target of Prometheus has `up`, `scrape_*`, and mostly `process_*`. Ours are those that told so within a day, and so
// they still count when they are down. The alert QemuTraceExporterDown looks as far back.
export const ours = (expr) =>
  `${expr} and on (${BY_EXPORTER}) last_over_time(qemu_trace_exporter_build_info{${EXPORTER}}[1d])`;
// A Prometheus with native histograms has none of the classic series of a histogram (_bucket, _sum, _count); others have
// no other. So each expression asks for the native one first. It is the more exact one where both are there.
const nativeOr = (native, classic) => `${native} or ${classic}`;
// Without observations the quantile is NaN, which the comparison drops.
export const quantile = (q, metric, matchers, by) => nativeOr(
  `histogram_quantile(${q}, ${by ? sumBy(by, rate(metric, matchers)) : `sum(${rate(metric, matchers)})`}) >= 0`,
  `histogram_quantile(${q}, sum by (${by ? `${by}, ` : ''}le) (${rate(`${metric}_bucket`, matchers)})) >= 0`);
export const mean = (metric, matchers, by) => nativeOr(
  `histogram_sum(${sumBy(by, rate(metric, matchers))}) / (histogram_count(${sumBy(by, rate(metric, matchers))}) > 0)`,
  `${sumBy(by, rate(`${metric}_sum`, matchers))} / (${sumBy(by, rate(`${metric}_count`, matchers))} > 0)`);
// How much was observed per second: seconds of requests, say.
export const observed = (metric, matchers, by) =>
  `(${nativeOr(`histogram_sum(${sumBy(by, rate(metric, matchers))})`, sumBy(by, rate(`${metric}_sum`, matchers)))})`;

function query(expr, legend, index) {
  return new prometheus.DataqueryBuilder().refId(String.fromCharCode(65 + index)).datasource(DATASOURCE).expr(expr)
    .legendFormat(legend).editorMode(prometheus.QueryEditorMode.Code);
}

// Digits behind the point of a number. Units with prefixes scale before they are cut: 0.0123 s is 12.3 ms. Lines and
// bytes do best with what Grafana chooses, by the ticks of the axis; only what is counted has none.
const DECIMALS = {short: 0, Bps: 1, iops: 1, ops: 1, percentunit: 1, s: 1, [KEYS]: 1, [CODES]: 1, [LINES]: 1, [EVENTS]: 1};

function begin(builder, {id, title, description, unit, decimals, min = 0, noValue = 'no exporter is scraped'}) {
  builder.id(id).title(title).description(description).datasource(DATASOURCE).unit(unit)
    .noValue(noValue.full ?? noValue);
  if (decimals !== undefined) builder.decimals(decimals);
  return min === null ? builder : builder.min(min);
}

// Colours from a value on: [[null, 'green'], [1, 'red']].
function thresholds(steps) {
  return new dashboard.ThresholdsConfigBuilder().mode(dashboard.ThresholdsMode.Absolute)
    .steps(steps.map(([value, color]) => ({value, color})));
}

const mapping = (texts) => ({type: 'value',
  options: Object.fromEntries(Object.entries(texts).map(([value, text], index) => [value, {text, index}]))});

// One number, of now (or of all the time shown, where it is a `total`): it never shows what was true an hour ago, and has no
// graph, which would lie behind its digits; the lines below have it. `steps` colour it; without them it is blue. `texts`
// stand for values: {1: 'fine'}.
export function number({expr, steps = [[null, 'blue']], texts, ...panel}) {
  const {short, full} = panel.noValue ?? {};
  if (full) Object.assign(panel, {noValue: short, description: `${panel.description} Without data: ${full}.`});
  const builder = begin(new stat.PanelBuilder(), {decimals: DECIMALS[panel.unit], ...panel})
    .withTarget(query(expr, '', 0).instant()).thresholds(thresholds(steps))
    .colorMode(common.BigValueColorMode.Value).graphMode(common.BigValueGraphMode.None)
    .reduceOptions(new common.ReduceDataOptionsBuilder().calcs(['lastNotNull']));
  if (texts) {
    builder.mappings([mapping(texts)]);
  }
  return {builder, width: panel.width ?? 4, height: panel.height ?? 4};
}

// Where a click leads: from a cell of a table, whose line has the labels, or from a series. A series' legend is short, so the
// title of its link has the full path and the host.
const url = (uid, labels, field) => `/d/${uid}?\${__url_time_range}&var-datasource=\${datasource}` +
  labels.map((label) => `&var-${label}=\${${field}.${label}:percentencode}`).join('');
const TARGETS = {
  vm: ['qemu-vm', ['job', 'instance', 'vm'], 'This VM', '${__field.labels.vm} at ${__field.labels.instance}'],
  device: ['qemu-block', ['job', 'instance', 'vm', 'device'], 'This disk',
    '${__field.labels.vm} ${__field.labels.device} at ${__field.labels.instance}'],
  instance: ['qemu-trace-exporter', ['job', 'instance'], 'This exporter', null],
};
const cellLink = (to) => ({title: TARGETS[to][2], url: url(TARGETS[to][0], TARGETS[to][1], '__data.fields'), targetBlank: false});
const seriesLink = (to) => ({title: TARGETS[to][3], url: url(TARGETS[to][0], TARGETS[to][1], '__field.labels'), targetBlank: false});

// Lines over time. `queries` are [expression, legend, unit where it is another than the panel's]; `stack` where they add up to
// something; `rare` is how high the axis goes at least where all may be 0 for long: it would go to 100 by itself. `limit` is
// [value, alert]: a dashed line where that alert begins. `to` is the key of TARGETS to which a click on a series leads.
export function lines({queries, stack = false, rare, limit, to, calcs = ['mean', 'max', 'lastNotNull'], ...panel}) {
  if (limit) panel.description += ` The dashed line is the threshold of the alert ${limit[1]}.`;
  const builder = begin(new timeseries.PanelBuilder(), {decimals: panel.unit === 'short' ? 0 : undefined, ...panel});
  queries.forEach(([expr, legend, unit], index) => {
    builder.withTarget(query(expr, legend, index).range());
    if (unit) {
      builder.overrideByQuery(String.fromCharCode(65 + index), [{id: 'unit', value: unit}, {id: 'decimals', value: DECIMALS[unit]}]);
    }
  });
  if (limit) {
    builder.thresholds(thresholds([[null, 'transparent'], [limit[0], 'red']]))
      .thresholdsStyle(new common.GraphThresholdsStyleConfigBuilder().mode(common.GraphThresholdsStyleMode.Dashed));
  }
  if (to) builder.overrideByFieldType('number', [{id: 'links', value: [seriesLink(to)]}]);
  builder.legend(new common.VizLegendOptionsBuilder().showLegend(true).placement(common.LegendPlacement.Bottom)
    .displayMode(common.LegendDisplayMode.Table).calcs(calcs).sortBy(calcs[0] === 'mean' ? 'Mean' : 'Max').sortDesc(true))
    .tooltip(new common.VizTooltipOptionsBuilder().mode(common.TooltipDisplayMode.Multi)
      .sort(common.SortOrder.Descending))
    .drawStyle(common.GraphDrawStyle.Line).lineWidth(1).fillOpacity(stack ? 40 : 10)
    .showPoints(common.VisibilityMode.Never).spanNulls(false);
  if (rare !== undefined) builder.axisSoftMax(rare);
  if (stack) builder.stacking(new common.StackingConfigBuilder().mode(common.StackingMode.Normal).group('A'));
  // A legend may take a third of the height: that of two hosts has two lines, that of their disks or events more.
  const long = queries.some(([, legend]) => /disk|device|event|reason|span|lookup/.test(legend));
  return {builder, width: panel.width ?? 12, height: panel.height ?? (long ? 10 : 8)};
}

// How often something rare happened within the interval before each point. Intervals overlap, so a mean would mean nothing.
export const counts = ({queries, unit = 'short', ...panel}) =>
  lines({...panel, unit, rare: 1, calcs: ['max', 'lastNotNull'], queries});

// How the observations of a histogram are spread, over time.
export function spread({metric, matchers, unit, ...panel}) {
  const builder = begin(new heatmap.PanelBuilder(), {...panel, unit, min: null});
  const expr = `sum by (le) (increase(${metric}_bucket{${matchers}}[$__rate_interval]))`;
  builder.withTarget(query(expr, '{{le}}', 0).range().format(prometheus.PromQueryFormat.Heatmap))
    // A native histogram comes as cells of its own, which the other format would take apart. Only one of the two has data.
    .withTarget(query(`sum(${increase(metric, matchers)})`, '', 1).range().format(prometheus.PromQueryFormat.TimeSeries))
    .calculate(false)
    .color(new heatmap.HeatmapColorOptionsBuilder().mode(heatmap.HeatmapColorMode.Scheme).scheme('Turbo').steps(64)
      .scale(heatmap.HeatmapColorScale.Exponential).exponent(0.5).fill('dark-orange').reverse(false))
    .yAxis(new heatmap.YAxisConfigBuilder().unit(unit).axisPlacement(common.AxisPlacement.Left))
    .filterValues(new heatmap.FilterValueRangeBuilder().le(1e-9))
    .cellGap(1)
    .showLegend();
  return {builder, width: panel.width ?? 12, height: panel.height ?? 8};
}

// A line for each set of labels. `labels` are [label, title, width]; `columns` are [title, expression, unit, texts], the
// expressions grouped by the same labels; `texts` stand for values, as in `number`. `to` are the labels whose cells lead
// somewhere, keys of TARGETS. The first column sorts. An empty cell has a dash: the panel's `noValue` is for an empty table.
export function grid({labels, columns, to = [], ...panel}) {
  const builder = begin(new table.PanelBuilder(), {...panel, unit: 'short'});
  const values = columns.map((_, index) => (columns.length > 1 ? `Value #${String.fromCharCode(65 + index)}` : 'Value'));
  columns.forEach(([, expr], index) =>
    builder.withTarget(query(expr, '', index).instant().format(prometheus.PromQueryFormat.Table)));
  const names = [...labels.map(([label]) => label), ...values];
  const titles = [...labels.map(([, title]) => title), ...columns.map(([title]) => title)];
  builder.withTransformation({id: 'merge', options: {}})
    .withTransformation({id: 'organize', options: {
      excludeByName: {Time: true},
      indexByName: Object.fromEntries(names.map((name, index) => [name, index])),
      renameByName: Object.fromEntries(names.map((name, index) => [name, titles[index]]))}})
    .sortBy([new common.TableSortByFieldStateBuilder().displayName(columns[0][0]).desc(true)]);
  labels.forEach(([label, title, width]) => builder.overrideByName(title,
    [{id: 'custom.width', value: width}, {id: 'noValue', value: '–'}, ...(to.includes(label) ? [{id: 'links', value: [cellLink(label)]}] : [])]));
  for (const [title, , unit, texts] of columns) {
    builder.overrideByName(title, [{id: 'unit', value: unit}, {id: 'decimals', value: DECIMALS[unit]},
      {id: 'custom.minWidth', value: 85}, {id: 'noValue', value: '–'}, ...(texts ? [{id: 'mappings', value: [mapping(texts)]}] : [])]);
  }
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

// Metrics of the exporter itself have no vm and no device, so its dashboard offers neither.
const CHOICES = {
  job: ['Job', 'label_values(qemu_trace_exporter_build_info, job)'],
  instance: ['Instance', 'label_values(qemu_trace_exporter_build_info{job=~"$job"}, instance)'],
  vm: ['VM', `label_values(qemu_trace_events_total{${EXPORTER}}, vm)`],
  device: ['Device', `label_values({__name__=~"qemu_(block|dma)_(reads|writes)_total", ${VM}}, device)`],
};

// Where the panels stand: from left to right, a new line where one has no room. Those of a line are as tall as the tallest.
function place(panels, top) {
  let line = [];
  let y = top;
  const finish = () => {
    const h = Math.max(...line.map(({height}) => height));
    let x = 0;
    for (const {builder, width: w} of line) {
      builder.gridPos({x, y, w, h});
      x += w;
    }
    y += h;
    line = [];
  };
  for (const panel of panels) {
    if (line.reduce((sum, {width}) => sum + width, panel.width) > COLUMNS) finish();
    line.push(panel);
  }
  finish();
  return y;
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
      .expr(ours(`changes(process_start_time_seconds{${EXPORTER}}[$__rate_interval]) > 0`)));
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
