// Panels of several dashboards: the exporter behind the numbers, and disks side by side.
import {
  BY_DISK, BY_EXPORTER, DEVICE, EXPORTER, LINES, NO_BLOCK, NO_SOURCES, counts, grid, increase, lines, ours, quantile, rate,
  row, sumBy,
} from './lib.mjs';

export const own = (name) => `qemu_trace_exporter_${name}`;

// A collapsed row that explains why the numbers above can be wrong.
export const exporterRow = (id) => row(id, 'Exporter', [
  lines({id: id * 10 + 1, title: 'Lines read', unit: LINES, width: 8,
    description: 'Lines of trace logs per second, by exporter. If it is 0 while guests work, their logs are not followed or tracing is off.',
    queries: [[sumBy(BY_EXPORTER, rate(own('lines_total'), EXPORTER)), '{{instance}}']]}),
  lines({id: id * 10 + 2, title: 'Unread', unit: 'bytes', rare: 1000, width: 8, noValue: NO_SOURCES,
    description: 'Bytes that QEMU has written and the exporter has not read yet. Near 0 is healthy. If it grows, the numbers above are late.',
    queries: [[sumBy(BY_EXPORTER, `${own('source_lag_bytes')}{${EXPORTER}}`), '{{instance}}']]}),
  counts({id: id * 10 + 3, title: 'Bytes lost', unit: 'bytes', width: 8,
    description: 'Bytes that were gone before they could be read, in the interval before each point. Anything but 0 makes the counters too low.',
    queries: [[sumBy(BY_EXPORTER, increase(own('lost_bytes_total'), EXPORTER)), '{{instance}}']]}),
  counts({id: id * 10 + 4, title: 'Lines not parsed', width: 8,
    description: 'In the interval before each point. Some are other output of QEMU and harmless. The exporter\'s dashboard shows the reasons.',
    queries: [[sumBy(BY_EXPORTER, increase(own('unparsed_lines_total'), EXPORTER)), '{{instance}}']]}),
  lines({id: id * 10 + 5, title: 'CPU', unit: 'percentunit', width: 8,
    description: 'Share of one core, by exporter. At 100% it cannot read faster. Trace fewer events then.',
    queries: [[sumBy(BY_EXPORTER, ours(rate('process_cpu_seconds_total', EXPORTER))), '{{instance}}']]}),
  lines({id: id * 10 + 6, title: 'Memory', unit: 'bytes', width: 8,
    description: 'Resident memory, by exporter. It is bounded for any input.',
    queries: [[sumBy(BY_EXPORTER, ours(`process_resident_memory_bytes{${EXPORTER}}`)), '{{instance}}']]}),
], {collapsed: true});

// Currently firing alerts of the rules in dashboards/rules, selected by `matchers`.
export const alertGrid = (panel, matchers) => grid({
  title: 'Alerts', height: 6, noValue: 'no alert fires',
  description: 'Alerts of qemu-trace-exporter.yaml that fire now; it is empty if Prometheus has not loaded these rules. The page of ' +
    'runbooks says for each what to do.',
  labels: [['alertname', 'Alert', 220], ['severity', 'Severity', 90], ['vm', 'VM', 110], ['device', 'Device', 300],
    ['source', 'Log', 300], ['instance', 'Instance', 150], ['job', 'Job', 90]],
  columns: [['Active for', `max by (${BY_EXPORTER}, alertname, severity, vm, device, source) (` +
    `(time() - ALERTS_FOR_STATE{alertname=~"Qemu.*", ${matchers}}) and ignoring (alertstate) ` +
    `ALERTS{alertname=~"Qemu.*", alertstate="firing", ${matchers}})`, 's']],
  to: ['vm', 'device', 'instance'],
  ...panel,
});

// The current values of every disk of every VM.
export const deviceGrid = (panel) => grid({
  title: 'Devices', height: 9, noValue: NO_BLOCK, to: ['device', 'vm', 'instance'],
  labels: [['device', 'Device', 300], ['interface', 'Interface', 100], ['vm', 'VM', 110], ['instance', 'Instance', 150],
    ['job', 'Job', 90]],
  columns: [
    ['Reads/s', sumBy(BY_DISK, rate('qemu_block_reads_total', DEVICE)), 'iops'],
    ['Writes/s', sumBy(BY_DISK, rate('qemu_block_writes_total', DEVICE)), 'iops'],
    ['Read', sumBy(BY_DISK, rate('qemu_block_read_bytes_total', DEVICE)), 'Bps'],
    ['Written', sumBy(BY_DISK, rate('qemu_block_written_bytes_total', DEVICE)), 'Bps'],
    ['p99 read', quantile(0.99, 'qemu_block_read_duration_seconds', DEVICE, BY_DISK), 's'],
    ['p99 write', quantile(0.99, 'qemu_block_write_duration_seconds', DEVICE, BY_DISK), 's'],
    ['p99 flush', quantile(0.99, 'qemu_block_flush_duration_seconds', DEVICE, BY_DISK), 's'],
    ['In flight', sumBy(BY_DISK, `qemu_block_requests_in_flight{${DEVICE}}`), 'short'],
  ],
  ...panel,
});
