import {
  BY_VM, DEVICE, EVENTS, EXPORTER, KEYS, LIMITS, NO_BLOCK, NO_DMA, NO_EVENTS, NO_KEYS, NO_PCI, NO_SOURCES, VM, build, counts,
  either, grid, increase, lines, noTime, number, ours, plus, quantile, rate, row, sumBy, total,
} from './lib.mjs';
import {alertGrid, deviceGrid, exporterRow, own} from './shared.mjs';

const LEGEND = '{{vm}}';
const byVm = (panel) => lines({...panel, to: 'vm'});

const each = (metric, matchers) => [[sumBy(BY_VM, rate(metric, matchers)), LEGEND]];

export default build({
  uid: 'qemu-overview',
  title: 'QEMU / Overview',
  description: 'All VMs whose trace logs are followed: what they do, how well they are served, and whether all is read.',
  variables: ['job', 'instance', 'vm', 'device'],
  rows: [
    row(1, 'Overview', [
      number({id: 11, title: 'Exporters up', unit: 'short', width: 3,
        description: 'Exporters that answer the scrape. If there are fewer than hosts (or pods) with VMs, some are not in the scrape config.',
        expr: `sum(${ours(`up{${EXPORTER}}`)})`, steps: [[null, 'red'], [1, 'green']]}),
      number({id: 17, title: 'Exporters down', unit: 'short', width: 3,
        description: 'Exporters that were scraped within a day and do not answer now. Prometheus\' page of targets shows the reason.',
        expr: `sum(${ours(`1 - up{${EXPORTER}}`)})`, steps: [[null, 'green'], [1, 'red']]}),
      number({id: 12, title: 'VMs', unit: 'short', width: 3, noValue: NO_EVENTS,
        description: 'VMs whose logs are followed and hold trace events.',
        expr: `count(${sumBy(BY_VM, rate('qemu_trace_events_total', VM))})`}),
      number({id: 18, title: 'QEMU up', unit: 'short', width: 3, noValue: NO_SOURCES,
        description: 'VMs whose QEMU may be running. It is known to have ended if libvirt or QMP reports it, or if its log is gone.',
        expr: `sum(${own('qemu_up')}{${VM}})`, steps: [[null, 'orange'], [1, 'green']]}),
      number({id: 13, title: 'Trace events', unit: EVENTS, width: 3, noValue: NO_EVENTS,
        description: 'Events per second of all VMs, used by a rule or not. Each costs QEMU 1 to 2 microseconds and about 60 bytes ' +
          'of log. Switch off those that no rule uses (`qemu-trace-exporter qemu-args` lists those that rules use).',
        expr: `sum(${rate('qemu_trace_events_total', VM)})`}),
      number({id: 14, title: 'Unread', unit: 'bytes', width: 3, noValue: NO_SOURCES,
        description: 'Bytes of logs that are written and not read yet. Near 0 is healthy. If it grows, the exporter lacks CPU time.',
        expr: `sum(${own('source_lag_bytes')}{${EXPORTER}})`,
        steps: [[null, 'green'], [1e6, 'orange'], [1e8, 'red']]}),
      number({id: 15, title: 'Lost', unit: 'bytes', width: 3,
        description: 'Bytes in the time shown that were gone before they could be read. If it is not 0, logs are rotated ' +
          'or truncated faster than they are read.',
        expr: total(own('lost_bytes_total'), EXPORTER), steps: [[null, 'green'], [1, 'red']]}),
      number({id: 16, title: 'Sources down', unit: 'short', width: 3, noValue: NO_SOURCES,
        description: 'Logs that are missing or cannot be read. The exporter\'s log and its page at / show the reason.',
        expr: `sum(1 - ${own('source_up')}{${EXPORTER}})`, steps: [[null, 'green'], [1, 'red']]}),
    ]),
    row(7, 'Alerts', [
      alertGrid({id: 71}, EXPORTER),
    ]),
    row(2, 'Activity', [
      byVm({id: 21, title: 'Trace events by VM', unit: EVENTS, noValue: NO_EVENTS, queries: each('qemu_trace_events_total', VM),
        description: 'Events that QEMU writes, used by a rule or not. Tracing costs most in the busiest VMs.'}),
      byVm({id: 22, rare: 1, title: 'Keystrokes by VM', unit: KEYS, noValue: NO_KEYS,
        queries: [[either(sumBy(BY_VM, rate('qemu_keyboard_keystrokes_total', VM)), sumBy(BY_VM, rate('qemu_input_keystrokes_total', VM))), LEGEND]],
        description: 'Keys pressed on the PS/2 keyboard, or on other keyboards if that one is silent.'}),
      byVm({id: 23, title: 'Block bytes read by VM', unit: 'Bps', stack: true, noValue: NO_BLOCK,
        description: 'What guests read of their disks, all interfaces together.',
        queries: each('qemu_block_read_bytes_total', DEVICE)}),
      byVm({id: 24, title: 'Block bytes written by VM', unit: 'Bps', stack: true, noValue: NO_BLOCK,
        description: 'What guests write to their disks, all interfaces together.',
        queries: each('qemu_block_written_bytes_total', DEVICE)}),
      byVm({id: 25, title: 'DMA bytes by VM', unit: 'Bps', noValue: NO_DMA,
        description: 'Bytes moved by DMA in either direction. virtio-blk does not use QEMU\'s DMA helpers and shows only under block.',
        queries: [[plus(sumBy(BY_VM, rate('qemu_dma_read_bytes_total', DEVICE)),
          sumBy(BY_VM, rate('qemu_dma_written_bytes_total', DEVICE))), LEGEND]]}),
      byVm({id: 26, rare: 1, title: 'PCI config accesses by VM', unit: 'ops', noValue: NO_PCI,
        description: 'From `pci_cfg_read` and `pci_cfg_write`. Busy at boot and when devices are plugged. A steady rate ' +
          'later means that a driver polls.',
        queries: [[plus(sumBy(BY_VM, rate('qemu_pci_config_reads_total', VM)),
          sumBy(BY_VM, rate('qemu_pci_config_writes_total', VM))), LEGEND]]}),
    ]),
    row(3, 'Latency, saturation and errors', [
      byVm({id: 31, title: 'p99 read latency by VM', unit: 's', noValue: noTime('reads'), limit: [LIMITS.duration, 'QemuBlockLatencyHigh'],
        description: '99th-percentile read latency, from the guest\'s request to its completion. It needs timestamps in the log.',
        queries: [[quantile(0.99, 'qemu_block_read_duration_seconds', DEVICE, BY_VM), LEGEND]]}),
      byVm({id: 32, title: 'p99 write latency by VM', unit: 's', noValue: noTime('writes'), limit: [LIMITS.duration, 'QemuBlockLatencyHigh'],
        description: '99th-percentile write latency, from the guest\'s request to its completion. It needs timestamps in the log.',
        queries: [[quantile(0.99, 'qemu_block_write_duration_seconds', DEVICE, BY_VM), LEGEND]]}),
      byVm({id: 35, title: 'p99 flush latency by VM', unit: 's', noValue: noTime('flushes'), limit: [LIMITS.flush, 'QemuFlushLatencyHigh'],
        description: '99th-percentile flush latency. Databases and journals in the guest wait for each flush.',
        queries: [[quantile(0.99, 'qemu_block_flush_duration_seconds', DEVICE, BY_VM), LEGEND]]}),
      byVm({id: 36, rare: 1, title: 'Flushes by VM', unit: 'iops', noValue: NO_BLOCK,
        description: 'Requests to make writes lasting, all disks together.', queries: each('qemu_block_flushes_total', DEVICE)}),
      byVm({id: 33, rare: 1, title: 'Block requests in flight by VM', unit: 'short', noValue: NO_BLOCK,
        description: 'Reads and writes in flight at the moment of the scrape. If it stays high, a disk is at its limit.',
        queries: [[sumBy(BY_VM, `qemu_block_requests_in_flight{${DEVICE}}`), LEGEND]]}),
      counts({id: 34, title: 'Block errors by VM', noValue: NO_BLOCK, to: 'vm',
        description: 'Requests that failed in the interval before each point. 0 is healthy. The block dashboard shows which device.',
        queries: [[sumBy(BY_VM, increase('qemu_block_errors_total', DEVICE)), LEGEND]]}),
    ]),
    row(4, 'VMs', [
      grid({id: 41, title: 'VMs', noValue: NO_EVENTS,
        description: 'One line per VM, of now. A click on its name opens its own dashboard.',
        to: ['vm', 'instance'],
        labels: [['vm', 'VM', 200], ['instance', 'Instance', 180], ['job', 'Job', 110]],
        columns: [
          ['Events', sumBy(BY_VM, rate('qemu_trace_events_total', VM)), EVENTS],
          ['Reads/s', sumBy(BY_VM, rate('qemu_block_reads_total', DEVICE)), 'iops'],
          ['Writes/s', sumBy(BY_VM, rate('qemu_block_writes_total', DEVICE)), 'iops'],
          ['Read', sumBy(BY_VM, rate('qemu_block_read_bytes_total', DEVICE)), 'Bps'],
          ['Written', sumBy(BY_VM, rate('qemu_block_written_bytes_total', DEVICE)), 'Bps'],
          ['p99 read', quantile(0.99, 'qemu_block_read_duration_seconds', DEVICE, BY_VM), 's'],
          ['p99 write', quantile(0.99, 'qemu_block_write_duration_seconds', DEVICE, BY_VM), 's'],
          ['Errors', sumBy(BY_VM, increase('qemu_block_errors_total', DEVICE)), 'short'],
          ['QEMU', `min by (${BY_VM}) (${own('qemu_up')}{${VM}})`, 'short', {0: 'ended', 1: 'up'}],
        ]}),
    ]),
    row(5, 'Devices', [
      deviceGrid({id: 51, description: 'All disks side by side, of now. A click on a name opens the dashboard of block devices.'}),
    ], {collapsed: true}),
    exporterRow(6),
  ],
});
