import {
  BY_DEVICE, BY_VM, CODES, DEVICE, EVENTS, KEYS, LIMITS, NO_BLOCK, NO_DMA, NO_EVENTS, NO_KEYS, NO_PCI, NO_QUEUES,
  NO_SOURCES, VM, build, counts, either, increase, lines, named, noTime, number, plus, quantile, rate, row, spread, sumBy, total,
} from './lib.mjs';
import {alertGrid, exporterRow, own} from './shared.mjs';

const LEGEND = '{{vm}} {{disk}}';
const PCI_LEGEND = '{{vm}} {{device}}';
const BY_QUEUE = `${BY_DEVICE}, queue`;
const BY_TYPE = `${BY_VM}, type, queue`;

// The variable `device` selects disks only. PCI devices have other names, so they are not filtered.
const byDevice = (metric) => [[named(sumBy(BY_DEVICE, rate(metric, DEVICE))), LEGEND]];
const byPciDevice = (metric) => [[sumBy(BY_DEVICE, rate(metric, VM)), PCI_LEGEND]];
const byVm = (metric, matchers, what, unit) => [sumBy(BY_VM, rate(metric, matchers)), `{{vm}} ${what}`, unit];
const quantiles = (metric) => [0.5, 0.9, 0.99].map((q) =>
  [named(quantile(q, metric, DEVICE, BY_DEVICE)), `${LEGEND} p${q * 100}`]);
const ofDisks = (panel) => lines({...panel, to: 'device'});
const ofVms = (panel) => lines({...panel, to: 'vm'});

export default build({
  uid: 'qemu-vm',
  title: 'QEMU / VM',
  description: 'One VM, or several side by side: keyboard, PCI configuration, DMA and block devices. Choose it above.',
  variables: ['job', 'instance', 'vm', 'device'],
  rows: [
    row(1, 'Overview', [
      number({id: 17, title: 'QEMU', unit: 'short', width: 3, texts: {0: 'ended', 1: 'up'}, noValue: NO_SOURCES,
        description: 'Whether QEMU may be running. It is known to have ended if libvirt or QMP reports it, or if its log is gone. If ' +
          'several VMs are chosen, it shows whether all are up.',
        expr: `min(${own('qemu_up')}{${VM}})`, steps: [[null, 'orange'], [1, 'green']]}),
      number({id: 11, title: 'Trace events', unit: EVENTS,
        description: 'Events per second that QEMU writes to its log, used by a rule or not.',
        expr: `sum(${rate('qemu_trace_events_total', VM)})`, noValue: NO_EVENTS}),
      number({id: 12, title: 'Keystrokes', unit: KEYS, width: 3,
        description: 'Keys pressed per second on the PS/2 keyboard, or on other keyboards if that one is silent.',
        expr: either(`sum(${rate('qemu_keyboard_keystrokes_total', VM)})`, `sum(${rate('qemu_input_keystrokes_total', VM)})`),
        noValue: NO_KEYS}),
      number({id: 13, title: 'PCI config accesses', unit: 'ops',
        description: 'Reads and writes of PCI configuration space. Near 0 once the guest has booted.',
        expr: plus(`sum(${rate('qemu_pci_config_reads_total', VM)})`,
          `sum(${rate('qemu_pci_config_writes_total', VM)})`), noValue: NO_PCI}),
      number({id: 14, title: 'DMA', unit: 'Bps', width: 3,
        description: 'Bytes moved by DMA in both directions.',
        expr: plus(`sum(${rate('qemu_dma_read_bytes_total', DEVICE)})`,
          `sum(${rate('qemu_dma_written_bytes_total', DEVICE)})`), noValue: NO_DMA}),
      number({id: 15, title: 'Block requests', unit: 'iops',
        description: 'Reads and writes by the guest, all disks together.',
        expr: plus(`sum(${rate('qemu_block_reads_total', DEVICE)})`,
          `sum(${rate('qemu_block_writes_total', DEVICE)})`), noValue: NO_BLOCK}),
      number({id: 16, title: 'Block errors', unit: 'short', width: 3,
        description: 'Requests that failed in the time shown. If it is not 0, look at the guest\'s log.',
        expr: total('qemu_block_errors_total', DEVICE), noValue: NO_BLOCK, steps: [[null, 'green'], [1, 'red']]}),
    ]),
    row(6, 'Alerts', [
      alertGrid({id: 61}, VM),
    ]),
    row(2, 'Keyboard and PCI', [
      ofVms({id: 21, rare: 1, title: 'Keystrokes and key codes', unit: KEYS, noValue: NO_KEYS,
        description: 'A keystroke is a key going down, on the PS/2 keyboard or, where that one is silent, on others. Key codes are the ' +
          'bytes that the PS/2 keyboard sends for it: presses, releases and prefixes.',
        queries: [[either(sumBy(BY_VM, rate('qemu_keyboard_keystrokes_total', VM)), sumBy(BY_VM, rate('qemu_input_keystrokes_total', VM))), `{{vm}} keystrokes`],
          byVm('qemu_keyboard_keycodes_total', VM, 'key codes', CODES)]}),
      lines({id: 22, title: 'Trace events by name', unit: EVENTS, noValue: NO_EVENTS,
        description: 'The 10 busiest events. Those that no rule uses only cost time. The exporter\'s page at / shows which they are.',
        queries: [[`topk(10, sum by (event) (${rate('qemu_trace_events_total', VM)}))`, '{{event}}']]}),
      ofVms({id: 23, rare: 1, title: 'PCI config reads by device', unit: 'ops', noValue: NO_PCI,
        description: 'Reads of configuration space. A boot scans all devices. A steady rate later means that a driver polls.',
        queries: byPciDevice('qemu_pci_config_reads_total')}),
      ofVms({id: 24, rare: 1, title: 'PCI config writes by device', unit: 'ops', noValue: NO_PCI,
        description: 'Writes to configuration space: BARs, interrupts, power states. Later ones mean that devices are reset or plugged.',
        queries: byPciDevice('qemu_pci_config_writes_total')}),
    ]),
    row(4, 'Block devices', [
      ofDisks({id: 41, title: 'Bytes read', unit: 'Bps', stack: true, noValue: NO_BLOCK,
        description: 'What the guest reads of each disk, as `query-blockstats` counts it.',
        queries: byDevice('qemu_block_read_bytes_total')}),
      ofDisks({id: 42, title: 'Bytes written', unit: 'Bps', stack: true, noValue: NO_BLOCK,
        description: 'What the guest writes to each disk, as `query-blockstats` counts it.',
        queries: byDevice('qemu_block_written_bytes_total')}),
      ofDisks({id: 43, title: 'Read latency', unit: 's', noValue: noTime('reads'), limit: [LIMITS.duration, 'QemuBlockLatencyHigh'],
        description: 'p50, p90 and p99 of reads. If p99 is far above p50, the disk stalls now and then.',
        queries: quantiles('qemu_block_read_duration_seconds')}),
      ofDisks({id: 44, title: 'Write latency', unit: 's', noValue: noTime('writes'), limit: [LIMITS.duration, 'QemuBlockLatencyHigh'],
        description: 'p50, p90 and p99 of writes. If they rise together with requests in flight, the disk is saturated. If they rise alone, the storage below is slow.',
        queries: quantiles('qemu_block_write_duration_seconds')}),
      ofVms({id: 45, title: 'Requests, flushes and discards', unit: 'iops', noValue: NO_BLOCK,
        description: 'Many flushes and few writes mean that the guest syncs a lot, as databases do. Discards free what the guest no longer needs.',
        queries: [byVm('qemu_block_reads_total', DEVICE, 'reads'), byVm('qemu_block_writes_total', DEVICE, 'writes'),
          byVm('qemu_block_flushes_total', DEVICE, 'flushes'), byVm('qemu_block_unmaps_total', DEVICE, 'discards')]}),
      ofDisks({id: 47, title: 'Flush latency', unit: 's', noValue: noTime('flushes'), limit: [LIMITS.flush, 'QemuFlushLatencyHigh'],
        description: 'p50, p90 and p99 of flushes. Databases and journals in the guest wait for each.',
        queries: quantiles('qemu_block_flush_duration_seconds')}),
      counts({id: 48, title: 'Errors by disk', noValue: NO_BLOCK, to: 'device',
        description: 'Requests that failed in the interval before each point. 0 is healthy.',
        queries: [[named(sumBy(BY_DEVICE, increase('qemu_block_errors_total', DEVICE))), LEGEND]]}),
      ofDisks({id: 46, rare: 1, title: 'Requests in flight', unit: 'short', noValue: NO_BLOCK,
        description: 'Reads and writes in flight at the moment of the scrape.',
        queries: [[named(sumBy(BY_DEVICE, `qemu_block_requests_in_flight{${DEVICE}}`)), LEGEND]]}),
    ]),
    row(3, 'DMA below the block devices', [
      ofDisks({id: 31, title: 'Read by DMA', unit: 'Bps', stack: true, noValue: NO_DMA,
        description: 'Bytes from disks to memory. Needs the events that name devices as well: `dma_blk_cb`, `blk_co_preadv`.',
        queries: byDevice('qemu_dma_read_bytes_total')}),
      ofDisks({id: 32, title: 'Written by DMA', unit: 'Bps', stack: true, noValue: NO_DMA,
        description: 'Bytes from memory to disks. Needs `dma_blk_cb` and `blk_co_pwritev`.',
        queries: byDevice('qemu_dma_written_bytes_total')}),
      ofDisks({id: 33, title: 'DMA transfers', unit: 'ops', noValue: NO_DMA,
        description: 'Transfers that begin, by direction. Few large ones are better than many small ones.',
        queries: [[named(sumBy(BY_DEVICE, rate('qemu_dma_reads_total', DEVICE))), `${LEGEND} reads`],
          [named(sumBy(BY_DEVICE, rate('qemu_dma_writes_total', DEVICE))), `${LEGEND} writes`]]}),
      ofDisks({id: 34, title: 'DMA duration', unit: 's', noValue: noTime('transfers'),
        description: 'p99 of transfers, from `dma_blk_io` to `dma_complete`.',
        queries: [[named(quantile(0.99, 'qemu_dma_read_duration_seconds', DEVICE, BY_DEVICE)), `${LEGEND} reads`],
          [named(quantile(0.99, 'qemu_dma_write_duration_seconds', DEVICE, BY_DEVICE)), `${LEGEND} writes`]]}),
      spread({id: 35, title: 'Sizes of DMA reads', unit: 'bytes', noValue: NO_DMA, metric: 'qemu_dma_read_size_bytes', matchers: DEVICE,
        description: 'How large transfers from disks are. A band that moves down means less readahead or smaller queues in the guest.'}),
      spread({id: 36, title: 'Sizes of DMA writes', unit: 'bytes', noValue: NO_DMA, metric: 'qemu_dma_write_size_bytes', matchers: DEVICE,
        description: 'How large transfers to disks are.'}),
    ], {collapsed: true}),
    row(7, 'Virtqueues', [
      ofVms({id: 71, rare: 1, title: 'Elements in flight by queue', unit: 'short', noValue: NO_QUEUES,
        description: 'How full queues are: elements that QEMU has taken from a queue and not returned yet. The size of a queue is not ' +
          'in the trace. Needs the ready config file virtqueue.yaml.',
        queries: [[sumBy(BY_QUEUE, `qemu_virtqueue_elements_in_flight{${VM}}`), '{{vm}} {{device}} queue {{queue}}']]}),
      ofVms({id: 72, title: 'p99 time of an element', unit: 's', noValue: NO_QUEUES,
        description: '99th-percentile time that QEMU holds an element. Needs virtqueue.yaml and timestamps.',
        queries: [[quantile(0.99, 'qemu_virtqueue_element_duration_seconds', VM, BY_QUEUE), '{{vm}} {{device}} queue {{queue}}']]}),
      ofVms({id: 73, rare: 1, title: 'Notifications by the guest', unit: 'ops', noValue: NO_QUEUES,
        description: 'Each is an exit of the guest. Far fewer notifications than requests are good: one notification serves many requests. Needs virtqueue.yaml.',
        queries: [[sumBy(BY_TYPE, rate('qemu_virtqueue_notifications_total', VM)), '{{vm}} {{type}} queue {{queue}}']]}),
      ofVms({id: 74, rare: 1, title: 'Interrupts of the guest', unit: 'ops', noValue: NO_QUEUES,
        description: 'Interrupts for a queue, without those that the guest suppressed. Needs virtqueue.yaml.',
        queries: [[sumBy(BY_TYPE, rate('qemu_virtqueue_interrupts_total', VM)), '{{vm}} {{type}} queue {{queue}}']]}),
    ], {collapsed: true}),
    exporterRow(5),
  ],
});
