import {
  BY_EXPORTER, EXPORTER, LIMITS, LINES, NO_SOURCES, build, counts, increase, lines, noTime, number, ours, rate, row, sumBy, total,
} from './lib.mjs';
import {alertGrid, own} from './shared.mjs';

const gauge = (name) => `${own(name)}{${EXPORTER}}`;
const each = (expr, what = '') => [sumBy(BY_EXPORTER, expr), `{{instance}}${what}`];
const eachBy = (label, expr) => [sumBy(`${BY_EXPORTER}, ${label}`, expr), `{{${label}}} @ {{instance}}`];
const CHECKPOINT = gauge('checkpoint_last_success_timestamp_seconds');
const FOLDED = increase(own('series_overflow_total'), EXPORTER);

export default build({
  uid: 'qemu-trace-exporter',
  title: 'QEMU / Exporter health',
  description: 'Whether the exporter reads all that QEMU writes, understands it, keeps up, and what it costs.',
  variables: ['job', 'instance'],
  rows: [
    row(1, 'Overview', [
      number({id: 11, title: 'Up', unit: 'short', width: 3,
        description: 'Exporters that answer the scrape.', expr: `sum(${ours(`up{${EXPORTER}}`)})`, steps: [[null, 'red'], [1, 'green']]}),
      number({id: 17, title: 'Down', unit: 'short', width: 3,
        description: 'Exporters that were scraped within a day and do not answer now. Prometheus\' page of targets shows the reason.',
        expr: `sum(${ours(`1 - up{${EXPORTER}}`)})`, steps: [[null, 'green'], [1, 'red']]}),
      number({id: 12, title: 'Lines', unit: LINES,
        description: 'Lines of trace logs read per second.', expr: `sum(${rate(own('lines_total'), EXPORTER)})`}),
      number({id: 13, title: 'Unread', unit: 'bytes', noValue: NO_SOURCES,
        description: 'Bytes that QEMU has written and the exporter has not read yet. Near 0 is healthy.',
        expr: `sum(${gauge('source_lag_bytes')})`, steps: [[null, 'green'], [1e6, 'orange'], [1e8, 'red']]}),
      number({id: 14, title: 'Lost', unit: 'bytes', width: 3,
        description: 'Bytes in the time shown that were gone before they could be read. If it is not 0, rotate less often, or by rename.',
        expr: total(own('lost_bytes_total'), EXPORTER), steps: [[null, 'green'], [1, 'red']]}),
      number({id: 15, title: 'Series', unit: 'short',
        description: 'Time series that the exporter holds and Prometheus scrapes. Each takes about 200 bytes of memory.',
        expr: `sum(${gauge('series')})`}),
      number({id: 16, title: 'Config', unit: 'short', width: 3, texts: {0: 'refused', 1: 'good'},
        description: 'Refused: an exporter could not read its config at the last reload and keeps using the previous one. Its log shows the reason.',
        expr: `min(${gauge('config_last_reload_successful')})`, steps: [[null, 'red'], [1, 'green']]}),
    ]),
    row(7, 'Alerts', [
      alertGrid({id: 71}, EXPORTER),
    ]),
    row(2, 'Reading', [
      lines({id: 21, title: 'Lines read', unit: LINES,
        description: 'By exporter. A line takes about 100 ns of CPU time.',
        queries: [each(rate(own('lines_total'), EXPORTER))]}),
      lines({id: 22, title: 'Bytes read', unit: 'Bps',
        description: 'How fast QEMU\'s logs grow, by exporter. `reclaim` frees what was read on the disk.',
        queries: [each(rate(own('read_bytes_total'), EXPORTER))]}),
      lines({id: 23, title: 'Unread by source', unit: 'bytes', noValue: NO_SOURCES,
        limit: [LIMITS.lag, 'QemuTraceSourceLagging'],
        description: 'The 10 logs with most bytes still to be read. A line that rises is a log that is written faster than it is read.',
        queries: [[`topk(10, ${own('source_lag_bytes')}{${EXPORTER}})`, '{{instance}} {{source}}']]}),
      lines({id: 24, rare: 1, title: 'Sources down', unit: 'short', noValue: NO_SOURCES,
        description: 'Logs that are missing or cannot be read, by exporter.',
        queries: [each(`1 - ${gauge('source_up')}`)]}),
      counts({id: 25, title: 'Rotations and truncations',
        description: 'In the interval before each point: logs that were replaced by another file, or became shorter. Truncations may lose bytes. Renames do not.',
        queries: [each(increase(own('source_rotations_total'), EXPORTER), ' rotations'),
          each(increase(own('source_truncations_total'), EXPORTER), ' truncations')]}),
      lines({id: 26, rare: 0.1, title: 'Writers of FIFOs that had to wait', unit: 'percentunit',
        limit: [LIMITS.pipeFull, 'QemuGuestStalledByFifo'],
        description: 'Share of the time in which QEMU could not write into a FIFO or standard input because it was full. QEMU and its ' +
          'guest stand still then.',
        queries: [each(rate(own('pipe_full_seconds_total'), EXPORTER))]}),
    ]),
    row(3, 'Understanding', [
      counts({id: 31, title: 'Lines not parsed, by reason',
        description: 'In the interval before each point. `not_an_event` is QEMU\'s other output and harmless. `undeclared_event`: this QEMU is newer than the bundled ' +
          'declarations; name its trace-events-all in the config. `format_mismatch`, `partial_line`: torn lines, mostly a full disk.',
        queries: [eachBy('reason', increase(own('unparsed_lines_total'), EXPORTER))]}),
      counts({id: 32, title: 'Requests without an end',
        description: 'Spans that were replaced or grew too old in the interval before each point, by kind. Some at a reset of the guest are normal; a steady rate ' +
          'means that end events are not traced.',
        queries: [eachBy('span', increase(own('spans_abandoned_total'), EXPORTER))]}),
      lines({id: 33, rare: 1, title: 'Requests under way', unit: 'short',
        description: 'Requests that have begun and not ended, by kind.',
        queries: [eachBy('span', gauge('open_spans'))]}),
      counts({id: 34, title: 'Names forgotten',
        description: 'Learned names that were dropped in the interval before each point because a table was full. Rates then show pointers instead of names.',
        queries: [eachBy('lookup', increase(own('lookups_forgotten_total'), EXPORTER))]}),
    ]),
    row(4, 'Series', [
      lines({id: 41, title: 'Series', unit: 'short',
        description: 'Series by exporter. They stay below limits.max_series.',
        queries: [each(gauge('series'))]}),
      counts({id: 42, title: 'Folded over the limit',
        description: 'Updates that counted in a VM\'s `_other_` in the interval before each point, by metric. Sums stay right, details are lost. The log names the VM. Raise max_series_per_metric, or use fewer labels.',
        queries: [[`${sumBy(`${BY_EXPORTER}, metric`, FOLDED)} > 0 or ` +
          `label_replace(${sumBy(BY_EXPORTER, FOLDED)}, "metric", "all", "", "")`, '{{metric}} @ {{instance}}']]}),
      counts({id: 43, title: 'Series that expired',
        description: 'Series of logs that are gone, dropped in the interval before each point after `expire_after`.',
        queries: [each(increase(own('series_expired_total'), EXPORTER))]}),
      lines({id: 44, title: 'Age of the newest event', unit: 's',
        description: 'Time since the last event with a timestamp. An idle guest is silent. If all are silent at once, tracing is off.',
        noValue: noTime('events'),
        queries: [[`time() - max by (${BY_EXPORTER}) (${gauge('last_event_timestamp_seconds')} > 0)`, '{{instance}}']]}),
    ]),
    row(5, 'Cost', [
      lines({id: 51, title: 'CPU', unit: 'percentunit',
        description: 'Share of one core, by exporter.',
        queries: [each(ours(rate('process_cpu_seconds_total', EXPORTER)))]}),
      lines({id: 52, title: 'Memory', unit: 'bytes',
        description: 'Resident memory, by exporter. It is bounded for any input.',
        queries: [each(ours(`process_resident_memory_bytes{${EXPORTER}}`))]}),
      lines({id: 53, title: 'Scrape duration', unit: 's',
        description: 'As Prometheus measures it. The exporter reads logs meanwhile.',
        queries: [each(ours(`scrape_duration_seconds{${EXPORTER}}`))]}),
      lines({id: 54, rare: 0.1, title: 'Descriptors in use', unit: 'percentunit',
        description: 'Share of the limit on open files, by exporter. Each log takes one. At 100% no new log can be opened.',
        queries: [[`${sumBy(BY_EXPORTER, ours(`process_open_fds{${EXPORTER}}`))} / ` +
          sumBy(BY_EXPORTER, ours(`process_max_fds{${EXPORTER}}`)), '{{instance}}']]}),
    ]),
    // These panels need a flag or a key of the config. An empty panel names the one that it needs.
    row(6, 'With --state.path, reclaim, qmp or usdt', [
      lines({id: 61, title: 'Age of the last checkpoint', unit: 's', noValue: 'off: needs the flag --state.path=DIR',
        limit: [LIMITS.checkpointAge, 'QemuTraceCheckpointOld'],
        description: 'Needs the flag --state.path. After a kill -9, the exporter reads this much again. Without any checkpoint, it is ' +
          'the time since the exporter\'s start. 3 seconds are normal; if it grows, the disk of --state.path is full or slow.',
        queries: [[`time() - max by (${BY_EXPORTER}) (${CHECKPOINT} > 0 or ` +
          `process_start_time_seconds{${EXPORTER}} and on (${BY_EXPORTER}) ${CHECKPOINT} == 0)`, '{{instance}}']]}),
      lines({id: 62, rare: 1000, title: 'Given back to the disk', unit: 'Bps', noValue: 'off: needs the flag --state.path=DIR, and reclaim: true in a source',
        description: 'Needs --state.path, and `reclaim: true` in a source. Bytes of logs that were read and then freed on disk while ' +
          'QEMU continues to write.',
        queries: [each(rate(own('reclaimed_bytes_total'), EXPORTER))]}),
      lines({id: 63, rare: 1, title: 'QMP sockets down', unit: 'short', noValue: 'off: needs qmp: SOCKET in a source',
        description: 'Needs `qmp` in a source. Sockets on which QEMU does not answer, such as those of VMs that are switched off. The ' +
          'exporter cannot switch events on there.',
        queries: [each(`1 - ${gauge('qmp_up')}`)]}),
      counts({id: 64, title: 'QMP failures by reason', noValue: 'off: needs qmp: SOCKET in a source',
        description: 'Needs `qmp` in a source. Failed attempts to talk to a QEMU in the interval before each point.',
        queries: [eachBy('reason', increase(own('qmp_failures_total'), EXPORTER))]}),
      lines({id: 65, rare: 1, title: 'Events that QMP has switched on', unit: 'short', noValue: 'off: needs qmp: SOCKET in a source',
        description: 'Needs `qmp` in a source. Events that rules need and that are enabled, by socket. 0 of a running QEMU: see its ' +
          'entry under qmp of /api/v1/status.',
        queries: [[gauge('qmp_events_enabled'), '{{path}}']]}),
      counts({id: 66, title: 'Events lost by bpftrace', noValue: 'none: only QEMUs traced by usdt: can lose some',
        description: 'Needs `usdt` in a source. Events in the interval before each point that bpftrace could not keep up with. ' +
          'Counters are too low by them. Trace fewer events.',
        queries: [eachBy('vm', increase(own('lost_events_total'), EXPORTER))]}),
    ], {collapsed: true}),
  ],
});
