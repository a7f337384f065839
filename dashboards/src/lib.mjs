// Shared parts of the dashboards: variables, annotations, links, layout, and panels with a common style.
//
// A dashboard consists of rows of panels. A panel sets its own id, because links to panels contain it, and its width. Its
// position follows from the order.
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

// Matchers by the detail of a panel. Values are regular expressions, because a variable can hold several values.
export const EXPORTER = 'job=~"$job", instance=~"$instance"';
export const VM = `${EXPORTER}, vm=~"$vm"`;
export const DEVICE = `${VM}, device=~"$device"`;

// Labels to group by. Two hosts can have VMs with the same name, and two VMs can have images with the same path.
export const BY_EXPORTER = 'job, instance';
export const BY_VM = `${BY_EXPORTER}, vm`;
export const BY_DEVICE = `${BY_VM}, device`;
export const BY_DISK = `${BY_VM}, interface, device`;

// The text of a panel without data: the events that it needs, or another reason. A number has room for the short form only,
// so its description has the full text.
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

// Thresholds of the alerts in dashboards/rules. Panels draw them as lines.
export const LIMITS = {
  duration: 0.1, flush: 0.5, lag: 50e6, pipeFull: 0.05, checkpointAge: 300,
};

// Units that Grafana does not have: 1.2K keys/s.
export const KEYS = 'count:keys/s';
export const CODES = 'count:codes/s';
export const LINES = 'count:lines/s';
export const EVENTS = 'count:events/s';

export const rate = (metric, matchers) => `rate(${metric}{${matchers}}[$__rate_interval])`;
// A disk's name without its directories, for legends. Names such as disk.img keep the last directory, because KubeVirt's
// images differ only in the directory.
const DISK = '(?:.*?/)?([^/]+/disk[.][^/]*|[^/]+)';
export const named = (expr) => `label_replace(${expr}, "disk", "$1", "device", "${DISK}")`;
// Rare events (errors, rotations) are counted, because their rate would be 0.0003 per second.
// The first of two counters for the same thing, or the second one where the first is 0.
export const either = (first, second) => `${first} > 0 or ${second}`;
export const increase = (metric, matchers) => `increase(${metric}{${matchers}}[$__rate_interval])`;
// The increase over the whole time range, for panels with a single number.
export const total = (metric, matchers) => `sum(increase(${metric}{${matchers}}[$__range]))`;
export const sumBy = (by, expr) => `sum by (${by}) (${expr})`;
// The sum of two expressions, of which one may have no series: a disk that is only read has no series of writes.
export const plus = (a, b) => `${a} + ${b} or ${a} or ${b}`;
// Every target of Prometheus has `up`, `scrape_*`, and mostly `process_*`. A target is an exporter if it had
// qemu_trace_exporter_build_info within the last day, so an exporter that is down still counts. The alert
// QemuTraceExporterDown uses the same range.
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

// Decimals of a number. Units with prefixes are scaled before rounding: 0.0123 s is 12.3 ms. For lines and bytes, Grafana
// chooses the decimals by the ticks of the axis. Counts have no decimals.
const DECIMALS = {short: 0, Bps: 1, iops: 1, ops: 1, percentunit: 1, s: 1, [KEYS]: 1, [CODES]: 1, [LINES]: 1, [EVENTS]: 1};

function begin(builder, {id, title, description, unit, decimals, min = 0, noValue = 'no exporter is scraped'}) {
  builder.id(id).title(title).description(description).datasource(DATASOURCE).unit(unit)
    .noValue(noValue.full ?? noValue);
  if (decimals !== undefined) builder.decimals(decimals);
  return min === null ? builder : builder.min(min);
}

// Colours, each with the lowest value to which it applies: [[null, 'green'], [1, 'red']].
function thresholds(steps) {
  return new dashboard.ThresholdsConfigBuilder().mode(dashboard.ThresholdsMode.Absolute)
    .steps(steps.map(([value, color]) => ({value, color})));
}

const mapping = (texts) => ({type: 'value',
  options: Object.fromEntries(Object.entries(texts).map(([value, text], index) => [value, {text, index}]))});

// A single current number, or the total over the time range for a `total`. It never shows an old value. It has no graph,
// because that would lie behind its digits; the lines below show the history. `steps` set its colours; without them it is
// blue. `texts` replace values: {1: 'fine'}.
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

// Link targets of table cells, whose line has the labels, and of series. The legend of a series is short, so the title of
// its link has the full path and the host.
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

// Lines over time. `queries` are [expression, legend, unit if it differs from the panel's]. Set `stack` if the lines add up.
// `rare` is the minimum height of the axis for values that can all be 0 for a long time; by default the axis would go to 100.
// `limit` is [value, alert]: a dashed line at the threshold of that alert. `to` is the key of TARGETS to which a click leads.
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
  // A legend can take a third of the height: a legend of two hosts has two lines, one of their disks or events has more.
  const long = queries.some(([, legend]) => /disk|device|event|reason|span|lookup/.test(legend));
  return {builder, width: panel.width ?? 12, height: panel.height ?? (long ? 10 : 8)};
}

// Number of rare events in the interval before each point. The intervals overlap, so a mean would be meaningless.
export const counts = ({queries, unit = 'short', ...panel}) =>
  lines({...panel, unit, rare: 1, calcs: ['max', 'lastNotNull'], queries});

// Distribution of a histogram's observations over time.
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

// A table with a line for each set of labels. `labels` are [label, title, width]. `columns` are [title, expression, unit,
// texts]; the expressions are grouped by the same labels, and `texts` replace values as in `number`. `to` are the labels
// whose cells have links, keys of TARGETS. The table is sorted by the first column. An empty cell shows a dash; the panel's
// `noValue` is for an empty table.
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

// The exporter's own metrics have no vm and no device, so its dashboard does not offer these variables.
const CHOICES = {
  job: ['Job', 'label_values(qemu_trace_exporter_build_info, job)'],
  instance: ['Instance', 'label_values(qemu_trace_exporter_build_info{job=~"$job"}, instance)'],
  vm: ['VM', `label_values(qemu_trace_events_total{${EXPORTER}}, vm)`],
  device: ['Device', `label_values({__name__=~"qemu_(block|dma)_(reads|writes)_total", ${VM}}, device)`],
};

// Places the panels from left to right and starts a new line when a line is full. All panels of a line get the height of
// the tallest one.
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

// The dashboard as the content of its JSON file. `variables` are names of CHOICES. Each is filtered by those before it.
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
