import {
  BY_DEVICE, BY_VM, DEVICE, NO_BLOCK, NO_DMA, NO_EVENTS, NO_KEYS, NO_PCI, VM, build, either, lines, noTime, number, plus, quantile,
  rate, row, spread, sumBy, total,
} from './lib.mjs';
import {exporterRow} from './shared.mjs';

const AT = '@ {{instance}}';
const LEGEND = `{{vm}} {{device}} ${AT}`;

// The choice of devices is of disks: the devices of PCI have other names, and keep all their lines.
const byDevice = (metric, matchers = DEVICE) => [[sumBy(BY_DEVICE, rate(metric, matchers)), LEGEND]];
const byVm = (metric, matchers, what) => [sumBy(BY_VM, rate(metric, matchers)), `{{vm}} ${what} ${AT}`];
const quantiles = (metric) => [0.5, 0.9, 0.99].map((q) =>
  [quantile(q, metric, DEVICE, BY_DEVICE), `{{vm}} {{device}} p${q * 100} ${AT}`]);

export default build({
  uid: 'qemu-vm',
  title: 'QEMU / VM',
  description: 'One VM, or several side by side: keyboard, PCI configuration, DMA and block devices. Choose it above.',
  variables: ['job', 'instance', 'vm', 'device'],
  rows: [
    row(1, 'Overview', [
      number({id: 11, title: 'Trace events', unit: 'ops',
        description: 'Events a second that QEMU writes to its log, used by a rule or not.',
        expr: `sum(${rate('qemu_trace_events_total', VM)})`, noValue: NO_EVENTS}),
      number({id: 12, title: 'Keystrokes', unit: 'ops',
        description: 'Keys pressed a second on the PS/2 keyboard; on other keyboards where that one is silent.',
        expr: either(`sum(${rate('qemu_keyboard_keystrokes_total', VM)})`, `sum(${rate('qemu_input_keystrokes_total', VM)})`),
        noValue: NO_KEYS}),
      number({id: 13, title: 'PCI config accesses', unit: 'ops',
        description: 'Reads and writes of PCI configuration space. Near 0 once the guest has booted.',
        expr: plus(`sum(${rate('qemu_pci_config_reads_total', VM)})`,
          `sum(${rate('qemu_pci_config_writes_total', VM)})`), noValue: NO_PCI}),
      number({id: 14, title: 'DMA', unit: 'Bps',
        description: 'Bytes moved by DMA in both directions.',
        expr: plus(`sum(${rate('qemu_dma_read_bytes_total', DEVICE)})`,
          `sum(${rate('qemu_dma_written_bytes_total', DEVICE)})`), noValue: NO_DMA}),
      number({id: 15, title: 'Block requests', unit: 'iops',
        description: 'Reads and writes that the guest asks of all its disks.',
        expr: plus(`sum(${rate('qemu_block_reads_total', DEVICE)})`,
          `sum(${rate('qemu_block_writes_total', DEVICE)})`), noValue: NO_BLOCK}),
      number({id: 16, title: 'Block errors', unit: 'short',
        description: 'Requests that ended with an error in the time shown. Anything but 0 deserves a look at the guest\'s log.',
        expr: total('qemu_block_errors_total', DEVICE), noValue: NO_BLOCK, steps: [[null, 'green'], [1, 'red']]}),
    ]),
    row(2, 'Keyboard and PCI', [
      lines({id: 21, rare: 1, title: 'Keystrokes and key codes', unit: 'ops', noValue: NO_KEYS,
        description: 'A keystroke is a key going down, on the PS/2 keyboard or, where that one is silent, on others. Key codes are the bytes that the PS/2 keyboard puts for it: presses, releases and prefixes.',
        queries: [[either(sumBy(BY_VM, rate('qemu_keyboard_keystrokes_total', VM)), sumBy(BY_VM, rate('qemu_input_keystrokes_total', VM))), `{{vm}} keystrokes ${AT}`], byVm('qemu_keyboard_keycodes_total', VM, 'key codes')]}),
      lines({id: 22, title: 'Trace events by name', unit: 'ops', noValue: NO_EVENTS,
        description: 'The ten busiest events. Those that no rule uses only cost: the exporter\'s page at / tells which they are.',
        queries: [[`topk(10, sum by (event) (${rate('qemu_trace_events_total', VM)}))`, '{{event}}']]}),
      lines({id: 23, rare: 1, title: 'PCI config reads by device', unit: 'ops', noValue: NO_PCI,
        description: 'Reads of configuration space. A boot scans all devices; later, a steady rate is a driver that polls.',
        queries: byDevice('qemu_pci_config_reads_total', VM)}),
      lines({id: 24, rare: 1, title: 'PCI config writes by device', unit: 'ops', noValue: NO_PCI,
        description: 'Writes to configuration space: BARs, interrupts, power states. Later ones mean devices that are reset or plugged.',
        queries: byDevice('qemu_pci_config_writes_total', VM)}),
    ]),
    row(3, 'DMA', [
      lines({id: 31, title: 'Read by DMA', unit: 'Bps', stack: true, noValue: NO_DMA,
        description: 'Bytes from disks to memory. Needs the events that name devices as well: `dma_blk_cb`, `blk_co_preadv`.',
        queries: byDevice('qemu_dma_read_bytes_total')}),
      lines({id: 32, title: 'Written by DMA', unit: 'Bps', stack: true, noValue: NO_DMA,
        description: 'Bytes from memory to disks. Needs `dma_blk_cb` and `blk_co_pwritev`.',
        queries: byDevice('qemu_dma_written_bytes_total')}),
      lines({id: 33, title: 'DMA transfers', unit: 'ops', noValue: NO_DMA,
        description: 'Transfers that begin, by direction. Few large ones are better than many small ones.',
        queries: [[sumBy(BY_DEVICE, rate('qemu_dma_reads_total', DEVICE)), `{{vm}} {{device}} reads ${AT}`],
          [sumBy(BY_DEVICE, rate('qemu_dma_writes_total', DEVICE)), `{{vm}} {{device}} writes ${AT}`]]}),
      lines({id: 34, title: 'DMA duration', unit: 's', noValue: noTime('transfers'),
        description: 'p99 of transfers, from `dma_blk_io` to `dma_complete`.',
        queries: [[quantile(0.99, 'qemu_dma_read_duration_seconds', DEVICE, BY_DEVICE), `{{vm}} {{device}} reads ${AT}`],
          [quantile(0.99, 'qemu_dma_write_duration_seconds', DEVICE, BY_DEVICE), `{{vm}} {{device}} writes ${AT}`]]}),
      spread({id: 35, title: 'Sizes of DMA reads', unit: 'bytes', noValue: NO_DMA, metric: 'qemu_dma_read_size_bytes', matchers: DEVICE,
        description: 'How large transfers from disks are. A band that moves down means less readahead or smaller queues in the guest.'}),
      spread({id: 36, title: 'Sizes of DMA writes', unit: 'bytes', noValue: NO_DMA, metric: 'qemu_dma_write_size_bytes', matchers: DEVICE,
        description: 'How large transfers to disks are.'}),
    ]),
    row(4, 'Block devices', [
      lines({id: 41, title: 'Bytes read', unit: 'Bps', stack: true, noValue: NO_BLOCK,
        description: 'What the guest reads of each disk, as `query-blockstats` counts it.',
        queries: byDevice('qemu_block_read_bytes_total')}),
      lines({id: 42, title: 'Bytes written', unit: 'Bps', stack: true, noValue: NO_BLOCK,
        description: 'What the guest writes to each disk, as `query-blockstats` counts it.',
        queries: byDevice('qemu_block_written_bytes_total')}),
      lines({id: 43, title: 'Read latency', unit: 's', noValue: noTime('reads'),
        description: 'p50, p90 and p99 of reads. A p99 far above p50 is a disk that stalls now and then.',
        queries: quantiles('qemu_block_read_duration_seconds')}),
      lines({id: 44, title: 'Write latency', unit: 's', noValue: noTime('writes'),
        description: 'p50, p90 and p99 of writes. Rising with requests in flight, it is saturation; without, the storage below.',
        queries: quantiles('qemu_block_write_duration_seconds')}),
      lines({id: 45, title: 'Requests and flushes', unit: 'iops', noValue: NO_BLOCK,
        description: 'Many flushes for few writes is a guest that syncs a lot: databases do, and pay for it.',
        queries: [byVm('qemu_block_reads_total', DEVICE, 'reads'), byVm('qemu_block_writes_total', DEVICE, 'writes'),
          byVm('qemu_block_flushes_total', DEVICE, 'flushes')]}),
      lines({id: 46, rare: 1, title: 'Requests in flight', unit: 'short', noValue: NO_BLOCK,
        description: 'Reads and writes under way at the moment of the scrape.',
        queries: [[sumBy(BY_DEVICE, `qemu_block_requests_in_flight{${DEVICE}}`), LEGEND]]}),
    ]),
    exporterRow(5),
  ],
});
