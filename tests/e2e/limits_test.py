#!/usr/bin/env python3
"""Memory is bounded whatever the input, nothing is lost at a bound without being counted, and sums stay right."""

import concurrent.futures
import itertools
import os
import pathlib
import socket
import sys
import tempfile
import unittest
import unittest.mock

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
import exporter
import process
import procfs

MOST_MEMORY = 64 << 20
MOST_MEMORY_OF_CHECKPOINT = 192 << 20
MOST_MEMORY_OF_FILES = 200 << 20  # 150 MiB for 10,000
MOST_MEMORY_OF_GUESTS = 88 << 20  # 76 MiB for 10,000
OWN = "qemu_trace_exporter_"

PCI = b"pci_cfg_read i440FX 00:00.0 @0x0 -> 0x12378086\n"

CONFIG = """\
sources: [{{path: {directory}/vm.fifo}}]
lookups:
  image: {{event: bdrv_open_common, key: bs, value: filename}}
spans:
  element: {{start: virtqueue_pop, end: virtqueue_fill, key: [vq, elem]}}
metrics:
  - {{name: qemu_reads_total, type: counter, event: pci_cfg_read, labels: {{device: dev}}}}
  - {{name: qemu_devices_reads_total, type: counter, event: pci_cfg_read, labels: {{device: dev, where: "{{bus}}:{{slot}}"}}}}
  - {{name: qemu_offsets, type: histogram, event: pci_cfg_read, value: offs, buckets: [1, 2], labels: {{device: dev}}}}
  - {{name: qemu_reads_by_image_total, type: counter, event: blk_co_preadv, labels: {{image: {{lookup: image, key: bs}}}}}}
  - {{name: qemu_elements_total, type: counter, event: element, labels: {{queue: vq}}}}
  - {{name: qemu_element_lengths, type: histogram, event: element, value: len, buckets: [1, 2], labels: {{element: elem}}}}
  - {{name: qemu_transfers_total, type: counter, event: dma_request_start, labels: {{device: device}}}}
  - {{name: qemu_transferred_bytes_total, type: counter, event: dma_request, value: bytes, labels: {{device: device}}}}
  - {{name: qemu_keystrokes_total, type: counter, event: keystroke, labels: {{keyboard: keyboard}}}}
  - {{name: qemu_panics_total, type: counter, match: '^guest panicked: (?P<reason>.+)', labels: {{reason: reason}}}}
"""


def blocks(template, count, lines=20_000):
    """`template` % i for every i below count, joined to blocks."""
    for begin in range(0, count, lines):
        yield b"".join(template % i for i in range(begin, min(begin + lines, count)))


class Flooded(unittest.TestCase):
    """A daemon that reads a FIFO, and what it holds after a flood."""

    CONFIG = CONFIG
    FLAGS = ()

    def setUp(self):
        self.directory = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory(prefix="qte-limits-")))
        config = self.directory / "config.yaml"
        config.write_text(self.CONFIG.format(directory=self.directory))
        os.mkfifo(self.directory / "vm.fifo")
        self.daemon = self.enterContext(exporter.Daemon(f"--config.file={config}", *self.FLAGS))
        self.fifo = self.enterContext(open(self.directory / "vm.fifo", "wb"))
        self.written = 0

    def flood(self, pieces):
        """Writes all pieces; the exposition after they were read, with the writer still there."""
        for piece in pieces:
            self.fifo.write(piece)
            self.written += len(piece)
        self.fifo.flush()
        return self.daemon.wait_for_bytes(self.written, 60)

    def assert_bounded(self, most=MOST_MEMORY):
        peak = procfs.peak_memory(self.daemon.process.pid)
        print(f"{self.id().rpartition('.')[2]}: {peak / 2**20:.1f} MiB at most, {self.written:,} bytes read")
        self.assertLess(peak, most)

    def unparsed(self, metrics, reason):
        return metrics.value(OWN + "unparsed_lines_total", reason=reason)


class LineTest(Flooded):
    def test_a_line_of_200_megabytes(self):
        torn = b"x" * (1 << 20)
        metrics = self.flood(itertools.chain([PCI * 3], (torn for _ in range(200)), [b"\n" + PCI * 5]))
        self.assertEqual(metrics.total("qemu_reads_total"), 8)
        self.assertEqual(self.unparsed(metrics, "line_too_long"), 1)
        self.assertEqual(metrics.value(OWN + "lines_total"), 9)
        self.assertEqual(metrics.total(OWN + "unparsed_lines_total"), 1)
        self.assert_bounded()

    def test_a_hole_of_200_megabytes(self):
        """What copytruncate leaves before QEMU's next line."""
        metrics = self.flood(itertools.chain((bytes(1 << 20) for _ in range(200)), [PCI + PCI * 5]))
        # The line behind the hole cannot be told from it.
        self.assertEqual(metrics.total("qemu_reads_total"), 5)
        self.assertEqual(self.unparsed(metrics, "line_too_long"), 1)
        self.assert_bounded()


class SeriesTest(Flooded):
    def test_ten_million_label_values(self):
        count = 10_000_000
        metrics = self.flood(blocks(b"pci_cfg_read d%d 00:00.0 @0x0 -> 0x0\n", count))
        for name in ("qemu_reads_total", "qemu_devices_reads_total", "qemu_offsets_count"):
            self.assertEqual(metrics.total(name), count)
            self.assertEqual(metrics.total(name, device="_other_"), count - 1000)
        for name in ("qemu_reads_total", "qemu_devices_reads_total", "qemu_offsets"):
            self.assertEqual(metrics.value(OWN + "series_overflow_total", metric=name), count - 1000)
        self.assert_bounded()

    def test_long_label_values(self):
        """50 kB each, most of which no label shows."""
        count, length = 10_000, 50_000
        metrics = self.flood((b"pci_cfg_read %d%s 00:00.0 @0x0 -> 0x0\n" % (i, b"x" * length) for i in range(count)))
        self.assertEqual(metrics.total("qemu_reads_total"), count)
        self.assertEqual(metrics.total("qemu_reads_total", device="_other_"), count - 1000)
        self.assert_bounded()

    def test_undeclared_events(self):
        count = 2_000_000
        metrics = self.flood(blocks(b"1@1.000001:strange_event_%d 1 2 3\n", count))
        self.assertEqual(metrics.total("qemu_trace_events_total"), count)
        self.assertEqual(len(metrics.series("qemu_trace_events_total")), 10_001)
        self.assertEqual(metrics.total("qemu_trace_events_total", event="_other_"), count - 10_000)
        self.assertEqual(self.unparsed(metrics, "undeclared_event"), count)
        self.assertEqual(self.daemon.status("/api/v1/events"), 200)
        self.assertEqual(self.daemon.status("/"), 200)
        self.assert_bounded()

    def test_text_that_looks_like_events(self):
        """As a guest's console: without a prefix, and no name comes twice."""
        count = 2_000_000
        metrics = self.flood(blocks(b"strange_event_%d 1 2 3\n", count))
        self.assertEqual(metrics.total("qemu_trace_events_total"), 16)
        self.assertEqual(self.unparsed(metrics, "undeclared_event"), 16)
        self.assertEqual(self.unparsed(metrics, "not_an_event"), count - 16)
        self.assert_bounded()

    def test_text_that_rules_match(self):
        count = 1_000_000
        metrics = self.flood(blocks(b"guest panicked: reason %d\n", count))
        self.assertEqual(metrics.total("qemu_panics_total"), count)
        self.assertEqual(metrics.total("qemu_panics_total", reason="_other_"), count - 1000)
        self.assert_bounded()


class JoinTest(Flooded):
    CAP = 65_536  # the default of max_lookup_entries and max_open_spans

    def test_lookup_keys(self):
        count = 2_000_000
        metrics = self.flood(blocks(b'bdrv_open_common bs 0x%x filename "disk.img" flags 0x0 format_name "raw"\n', count))
        self.assertEqual(metrics.value(OWN + "lookups_forgotten_total", lookup="image"), count - self.CAP)
        # The last ones are known, the first one is not.
        read = b"blk_co_preadv blk 0x1 bs 0x%x offset 0 bytes 512 flags 0x0\n"
        metrics = self.flood([read % (count - 1), read % (count - self.CAP), read % 1])
        self.assertEqual(metrics.total("qemu_reads_by_image_total", image="disk.img"), 2)
        self.assertEqual(metrics.total("qemu_reads_by_image_total", image="0x1"), 1)
        self.assert_bounded()

    def test_long_looked_up_names(self):
        name = b"x" * 50_000
        metrics = self.flood(b'bdrv_open_common bs 0x%x filename "%d%s" flags 0x0 format_name "raw"\n' % (i, i, name)
                             for i in range(10_000))
        for lookup in ("image", "dma_request"):
            self.assertGreater(metrics.value(OWN + "lookups_forgotten_total", lookup=lookup), 9000)
        self.assert_bounded()

    def test_open_spans(self):
        count = 2_000_000
        metrics = self.flood(blocks(b"virtqueue_pop vq 0x1 elem 0x%x in_num 1 out_num 1\n", count))
        self.assertEqual(metrics.value(OWN + "open_spans", span="element"), self.CAP)
        self.assertEqual(metrics.value(OWN + "spans_abandoned_total", span="element"), count - self.CAP)
        self.assert_bounded()

    def test_ended_spans(self):
        count = 1_000_000
        metrics = self.flood(b"".join(b"virtqueue_pop vq 0x1 elem 0x%x in_num 1 out_num 1\n"
                                      b"virtqueue_fill vq 0x1 elem 0x%x len 1 idx 0\n" % (i, i)
                                      for i in range(begin, begin + 10_000)) for begin in range(0, count, 10_000))
        self.assertEqual(metrics.total("qemu_elements_total"), count)
        self.assertEqual(metrics.total("qemu_element_lengths_count"), count)
        self.assertEqual(metrics.value(OWN + "open_spans", span="element"), 0)
        self.assert_bounded()

    def test_dma_requests(self):
        count = 2_000_000
        metrics = self.flood(blocks(b"dma_blk_io dbs=0x%x bs=0x1 offset=0 to_dev=0\n", count))
        self.assertEqual(metrics.total("qemu_transfers_total"), count)
        self.assertEqual(metrics.value(OWN + "open_spans", span="dma_request"), self.CAP)
        self.assertEqual(metrics.value(OWN + "spans_abandoned_total", span="dma_request"), count - self.CAP)
        self.assert_bounded()

    def test_block_backends(self):
        count = 2_000_000
        metrics = self.flood(blocks(b"blk_root_attach child 0x1 blk 0x%x bs 0x2\n", count))
        self.assertEqual(metrics.value(OWN + "lookups_forgotten_total", lookup="dma_request"), count - self.CAP)
        self.assert_bounded()

    def test_keyboards(self):
        count = 2_000_000
        metrics = self.flood(blocks(b"ps2_put_keycode 0x%x keycode 0x34\n", count))
        self.assertEqual(metrics.total("qemu_keystrokes_total"), count)
        self.assertEqual(metrics.total("qemu_keystrokes_total", keyboard="_other_"), count - 1000)
        self.assertEqual(metrics.value(OWN + "lookups_forgotten_total", lookup="keystroke"), count - self.CAP)
        self.assert_bounded()


class LongSpanTest(Flooded):
    CONFIG = """\
sources: [{{path: {directory}/vm.fifo}}]
spans:
  opening: {{start: bdrv_open_common, end: blk_co_preadv, key: [bs]}}
metrics:
  - {{name: qemu_openings_total, type: counter, event: opening, labels: {{file: filename}}}}
"""

    def test_long_texts_of_open_spans(self):
        count, name = 10_000, b"x" * 50_000
        metrics = self.flood(b'bdrv_open_common bs 0x%x filename "%d%s" flags 0x0 format_name "raw"\n' % (i, i, name)
                             for i in range(count))
        open_spans = metrics.value(OWN + "open_spans", span="opening")
        self.assertGreater(open_spans, 100)
        self.assertEqual(metrics.value(OWN + "spans_abandoned_total", span="opening"), count - open_spans)
        self.assert_bounded()


class CheckpointTest(Flooded):
    """A checkpoint is made in memory: what it holds is there some times over, and still bounded."""

    def setUp(self):
        self.FLAGS = ("--state.path=" + self.enterContext(tempfile.TemporaryDirectory(prefix="qte-limits-")),)
        super().setUp()

    def test_open_requests_and_names(self):
        self.flood(blocks(b"dma_blk_io dbs=0x%x bs=0x1 offset=0 to_dev=0\n", 100_000))
        self.flood(blocks(b'bdrv_open_common bs 0x%x filename "disk.img" flags 0x0 format_name "raw"\n', 100_000))
        metrics = self.flood(blocks(b"virtqueue_pop vq 0x1 elem 0x%x in_num 1 out_num 1\n", 100_000))
        self.assertEqual(metrics.total(OWN + "open_spans"), 2 * 65_536)
        for _ in range(2):  # the first one to come may have been under way
            before = self.daemon.metrics().value(OWN + "checkpoint_last_success_timestamp_seconds")
            self.daemon.wait_for_metrics(
                lambda m: m.value(OWN + "checkpoint_last_success_timestamp_seconds") > before, "a checkpoint")
        self.assert_bounded(MOST_MEMORY_OF_CHECKPOINT)


class ScrapesTest(Flooded):
    CONFIG = """\
sources: [{{path: {directory}/vm.fifo}}]
metrics:
  - {{name: qemu_reads_total, type: counter, event: pci_cfg_read, labels: {{device: dev}}}}
limits: {{max_series_per_metric: 100000}}
"""
    SERIES = 30_000
    CLIENTS = 8

    def test_answers_of_megabytes(self):
        """Each of the server's threads has made some of them, and none keeps the memory."""
        self.flood(blocks(b"pci_cfg_read /images/a/long/name/of/a/disk-%d 00:00.0 @0x0 -> 0x0\n", self.SERIES))

        def scrape():
            for _ in range(5):
                answer = self.daemon.request("/metrics")
                self.assertEqual(answer[0], 200)
                self.assertGreater(len(answer[2]), 2 << 20)
        with concurrent.futures.ThreadPoolExecutor(self.CLIENTS) as clients:
            for done in [clients.submit(scrape) for _ in range(self.CLIENTS)]:
                done.result()
        process.wait_until(lambda: procfs.memory(self.daemon.process.pid) < 32 << 20, "memory to be given back", 5)
        self.assert_bounded()


class FilesTest(unittest.TestCase):
    FILES = 10_000

    def setUp(self):
        self.directory = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory(prefix="qte-limits-")))

    def test_many_files(self):
        """Each is a VM of its own, with a descriptor of its own."""
        for i in range(self.FILES):
            (self.directory / f"vm{i}.log").write_bytes(PCI * 2)
        daemon = self.enterContext(exporter.Daemon(f"--trace.path={self.directory}/*.log"))
        daemon.wait_ready(60)
        metrics = daemon.metrics()
        self.assertEqual(metrics.value(OWN + "lines_total"), 2 * self.FILES)
        self.assertEqual(metrics.total("qemu_pci_config_reads_total"), 2 * self.FILES)
        self.assertEqual(metrics.total("qemu_trace_events_total"), 2 * self.FILES)
        pid = daemon.process.pid
        peak = procfs.peak_memory(pid)
        print(f"{self.FILES} files: {peak / 2**20:.1f} MiB at most, {procfs.descriptors(pid)} descriptors")
        self.assertLess(peak, MOST_MEMORY_OF_FILES)

    def test_files_that_come_and_go(self):
        """Each VM keeps its series after its log is gone, but nothing else. 50,000 VMs at most are kept."""
        log = f"{self.directory}/*.log"
        daemon = self.enterContext(exporter.Daemon(f"--trace.path={log}"))
        daemon.wait_ready()
        pid = daemon.process.pid
        start = procfs.descriptors(pid)
        for i in range(0, self.FILES, 500):
            for j in range(i, i + 500):
                (self.directory / f"vm{j}.log").write_bytes(PCI)
            daemon.wait_for_bytes((i + 500) * len(PCI))
            for j in range(i, i + 500):
                (self.directory / f"vm{j}.log").unlink()
        self.assertEqual(daemon.metrics().total("qemu_pci_config_reads_total"), self.FILES)
        # At the start, a connection may still have been closing.
        process.wait_until(lambda: procfs.descriptors(pid) <= start, f"{start} descriptors again")
        metrics = daemon.metrics()
        for name in ("qemu_pci_config_reads_total", "qemu_trace_events_total"):
            by_vm = {labels["vm"]: value for labels, value in metrics.series(name)}
            self.assertEqual(by_vm, {f"vm{i}": 1 for i in range(self.FILES)})
        self.assertEqual(metrics.total(OWN + "series_overflow_total"), 0)
        peak = procfs.peak_memory(pid)
        print(f"{self.FILES} files that came and went: {peak / 2**20:.1f} MiB at most")
        self.assertLess(peak, MOST_MEMORY_OF_GUESTS)


class GuestsTest(unittest.TestCase):
    """What one guest prints folds that guest's series alone; a bound over all of them keeps memory finite."""

    GUESTS, DEVICES, MAX_SERIES = 100, 1000, 10_000
    CONFIG = """\
sources: [{{path: '{directory}/*.log'}}]
metrics:
  - {{name: qemu_reads_total, type: counter, event: pci_cfg_read, labels: {{device: dev}}}}
limits: {{max_series_per_metric: {per_metric}, max_series: {series}}}
"""

    def setUp(self):
        self.directory = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory(prefix="qte-limits-")))
        self.written = 0

    def serve(self, per_metric):
        config = self.directory / "config.yaml"
        config.write_text(self.CONFIG.format(directory=self.directory, per_metric=per_metric, series=self.MAX_SERIES))
        self.daemon = self.enterContext(exporter.Daemon(f"--config.file={config}"))
        self.daemon.wait_ready()

    def write(self, vm, devices):
        data = b"".join(blocks(b"pci_cfg_read d%d 00:00.0 @0x0 -> 0x0\n", devices))
        (self.directory / f"{vm}.log").write_bytes(data)
        self.written += len(data)

    def test_a_greedy_guest(self):
        """It gets half of all series at most; others have theirs as if it were not there."""
        self.serve(per_metric=1_000_000)
        self.write("greedy", 1_000_000)
        self.daemon.wait_for_bytes(self.written, 60)
        for i in range(20):
            self.write(f"vm{i}", 10)
        metrics = self.daemon.wait_for_bytes(self.written)
        own = len(metrics.series("qemu_reads_total", vm="greedy")) - 1
        self.assertEqual(own, self.MAX_SERIES // 2)
        self.assertEqual(metrics.total("qemu_reads_total", vm="greedy"), 1_000_000)
        self.assertEqual(metrics.total("qemu_reads_total", vm="greedy", device="_other_"), 1_000_000 - own)
        for i in range(20):
            self.assertEqual(len(metrics.series("qemu_reads_total", vm=f"vm{i}")), 10)
            self.assertEqual(metrics.total("qemu_reads_total", vm=f"vm{i}", device="_other_"), 0)
        self.assert_bounded()

    def test_many_guests(self):
        """More than all may have together: each keeps what it has, the rest is its own _other_."""
        self.serve(per_metric=self.DEVICES)
        for i in range(self.GUESTS):
            self.write(f"vm{i}", self.DEVICES)
        metrics = self.daemon.wait_for_bytes(self.written, 60)
        own = len(metrics.series("qemu_reads_total")) - len(metrics.series("qemu_reads_total", device="_other_"))
        self.assertLessEqual(own, self.MAX_SERIES)
        self.assertGreater(own, self.MAX_SERIES - self.GUESTS)
        for i in range(self.GUESTS):
            self.assertEqual(metrics.total("qemu_reads_total", vm=f"vm{i}"), self.DEVICES)
        folded = metrics.total("qemu_reads_total", device="_other_")
        self.assertEqual(folded, self.GUESTS * self.DEVICES - own)
        self.assertEqual(metrics.value(OWN + "series_overflow_total", metric="qemu_reads_total"), folded)
        self.assert_bounded()

    def assert_bounded(self):
        peak = procfs.peak_memory(self.daemon.process.pid)
        print(f"{self.id().rpartition('.')[2]}: {peak / 2**20:.1f} MiB at most, {self.written:,} bytes read")
        self.assertLess(peak, MOST_MEMORY)


class DescriptorsTest(unittest.TestCase):
    LOGS = 300

    def test_more_logs_and_clients_than_descriptors(self):
        """Clients that hold on to their connections take none of the descriptors that a scrape and a checkpoint need."""
        directory = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory(prefix="qte-limits-")))
        for i in range(self.LOGS):
            (directory / f"vm{i}.log").write_text("pci_cfg_read i440FX 00:00.0 @0x0 -> 0x12378086\n")
        limited = directory / "limited"
        limited.write_text(f'#!/bin/sh\nulimit -n 256\nexec {exporter.BINARY} "$@"\n')
        limited.chmod(0o755)
        with unittest.mock.patch.object(exporter, "BINARY", str(limited)):
            daemon = self.enterContext(exporter.Daemon(f"--trace.path={directory}/*.log", f"--state.path={directory}/state"))
        daemon.wait_ready()
        for _ in range(60):
            client = self.enterContext(socket.create_connection(("127.0.0.1", daemon.port), timeout=10))
            client.sendall(b"GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n")
        written = daemon.metrics().value(OWN + "checkpoint_last_success_timestamp_seconds")
        metrics = daemon.wait_for_metrics(lambda m: m.value(OWN + "checkpoint_last_success_timestamp_seconds") > written
                                          and m.total("qemu_pci_config_reads_total") == self.LOGS,
                                          "a checkpoint, and a line of each log", 30)
        self.assertGreater(metrics.value("process_open_fds"), 200)
        self.assertNotIn("Too many open files", daemon.log())


if __name__ == "__main__":
    unittest.main(verbosity=2)
