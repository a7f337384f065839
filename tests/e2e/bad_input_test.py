#!/usr/bin/env python3
"""Bytes that no QEMU should write: Prometheus still takes the scrape, every line is counted once, and good lines between
bad ones count."""

import gzip
import os
import pathlib
import random
import re
import sys
import tempfile
import unittest
import zlib

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
import exporter
import exposition
import prometheus

OWN = "qemu_trace_exporter_"
READS = "qemu_pci_config_reads_total"
PCI = b"pci_cfg_read i440FX 00:00.0 @0x0 -> 0x12378086\n"

# A device's name as bytes, and as the label that shows it.
NAMES = (
    (b"i440FX", "i440FX"),
    (b"with \"quotes\"", "with \"quotes\""),
    (b"back\\slash\\n", "back\\slash\\n"),
    (b"\\", "\\"),
    (b"{device=\"x\"} 1", "{device=\"x\"} 1"),
    (b"# HELP x", "# HELP x"),
    (b"tab\tand\rreturn", "tab\tand\rreturn"),
    ("Gerät 盤".encode(), "Gerät 盤"),
    (b"latin\xe4", "latin\ufffd"),
    (b"cut\xe7\x9b", "cut\ufffd\ufffd"),
    (b"overlong\xc0\x80", "overlong\ufffd\ufffd"),
    (b"surrogate\xed\xa0\x80", "surrogate\ufffd\ufffd\ufffd"),
    (b"nul\x00nul", "nul\ufffdnul"),
    (b"escape\x1b[31m", "escape\x1b[31m"),
)


class Case(unittest.TestCase):
    maxDiff = 2000

    def setUp(self):
        self.directory = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory(prefix="qte-bad-")))

    def replay(self, data, exit_code=0, name="vm.log"):
        """The exposition of a replay of `data`, which Prometheus must take."""
        path = self.directory / name
        path.write_bytes(data)
        done = exporter.run("replay", path)
        self.assertEqual(done.returncode, exit_code, done.stderr)
        self.errors = done.stderr
        self.assertEqual(prometheus.check_metrics(done.stdout), "")
        return exposition.parse(done.stdout)

    def unparsed(self, metrics, reason):
        return metrics.value(OWN + "unparsed_lines_total", reason=reason)

    def assert_every_line_counts_once(self, metrics, lines):
        """Each is an event, declared or not, or one of the reasons that are none."""
        self.assertEqual(metrics.value(OWN + "lines_total"), lines)
        self.assertEqual(metrics.total("qemu_trace_events_total") + self.unparsed(metrics, "not_an_event") +
                         self.unparsed(metrics, "line_too_long"), lines)


class TextTest(Case):
    def test_labels_in_events(self):
        lines = b"".join(b"pci_cfg_read %s 00:00.0 @0x0 -> 0x0\n" % name * (i + 1) for i, (name, _) in enumerate(NAMES))
        metrics = self.replay(lines)
        self.assertEqual(metrics.total(OWN + "unparsed_lines_total"), 0)
        for i, (_, label) in enumerate(NAMES):
            label = label.replace("\x1b[31m", "")  # a terminal's colour
            self.assertEqual(metrics.value(READS, vm="vm", device=label, address="00:00.0"), i + 1, label)

    def test_labels_in_names_of_files(self):
        for name, _ in NAMES:
            path = os.fsencode(self.directory) + b"/" + name.replace(b"/", b"").replace(b"\x00", b"") + b".log"
            with open(path, "wb") as log:
                log.write(PCI)
        # These are two files, and one text in UTF-8.
        for name in (b"line\nbreak", b"twin\xfe", b"twin\xff"):
            with open(os.fsencode(self.directory) + b"/" + name + b".log", "wb") as log:
                log.write(PCI)
        daemon = self.enterContext(exporter.Daemon(f"--trace.path={self.directory}/*.log"))
        daemon.wait_ready()
        text = daemon.text()
        self.assertEqual(prometheus.check_metrics(text), "")
        metrics = exposition.parse(text)
        self.assertEqual(metrics.total(READS), len(NAMES) + 3)
        for vm, count in (("line\nbreak", 1), ("twin\ufffd", 2), ("back\\slash\\n", 1), ("latin\ufffd", 1)):
            self.assertEqual(metrics.total(READS, vm=vm), count, vm)
        for page in ("/", "/api/v1/status", "/api/v1/events"):
            status, _, body = daemon.request(page)
            self.assertEqual(status, 200)
            body.decode()

    def test_a_random_file(self):
        seed = random.randrange(1 << 32)
        source = random.Random(seed)
        with self.subTest(seed=seed):
            # Some of it is cut from good lines, so that all readers are reached.
            pieces = [source.randbytes(source.randrange(200)) if source.random() < 0.7 else
                      PCI[:source.randrange(len(PCI) + 1)] for _ in range(20_000)]
            data = b"\n" + b"".join(pieces) + b"\n"
            metrics = self.replay(data)
            self.assert_every_line_counts_once(metrics, data.count(b"\n"))
            self.assertEqual(metrics.value(OWN + "read_bytes_total"), len(data))
            good = re.findall(rb"^pci_cfg_read i440FX 00:00\.0 @0x0 -> 0x0*[0-9a-fA-F]{1,16}$", data, re.MULTILINE)
            self.assertEqual(metrics.total(READS, device="i440FX"), len(good))


class NumberTest(Case):
    def test_numbers_that_are_too_large(self):
        for template, largest, one_more in (
                (b"pci_cfg_read i440FX 00:00.0 @0x0 -> 0x%s\n", b"f" * 16, b"1" + b"0" * 16),
                (b"dma_blk_io dbs=0x%s bs=0x1 offset=0 to_dev=0\n", b"f" * 16, b"f" * 17),
                (b"dma_blk_io dbs=0x1 bs=0x1 offset=%s to_dev=0\n", b"9223372036854775807", b"9" * 30),
                (b"dma_blk_io dbs=0x1 bs=0x1 offset=%s to_dev=0\n", b"-9223372036854775808", b"-" + b"9" * 300)):
            with self.subTest(template=template, number=one_more):
                metrics = self.replay(template % largest * 3 + template % one_more * 2 + PCI)
                self.assertEqual(self.unparsed(metrics, "format_mismatch"), 2)
                self.assertEqual(metrics.total(OWN + "unparsed_lines_total"), 2)
                self.assertGreaterEqual(metrics.total(READS), 1)
                self.assert_every_line_counts_once(metrics, 6)

    def test_sums_beyond_what_a_double_can_count(self):
        lines = (b"dma_blk_io dbs=0x1 bs=0x1 offset=0 to_dev=0\ndma_blk_cb dbs=0x1 ret=0\n"
                 b"blk_co_preadv blk 0x1 bs 0x2 offset 0 bytes 9223372036854775807 flags 0x0\n"
                 b"dma_complete dbs=0x1 ret=0 cb=0x1\n") * 1000
        metrics = self.replay(lines)
        self.assertEqual(metrics.total("qemu_dma_reads_total"), 1000)
        self.assertAlmostEqual(metrics.total("qemu_dma_read_bytes_total") / (1000 * 2**63), 1)

    def test_time_that_goes_backwards(self):
        request = (b"7@%d.500000:dma_blk_io dbs=0x%x bs=0x1 offset=0 to_dev=0\n"
                   b"7@%d.500000:dma_complete dbs=0x%x ret=0 cb=0x1\n")
        lines = b"".join(request % (2_000_000_000 - 1000 * i, i, 1_999_999_990 - 1000 * i, i) for i in range(1, 501))
        lines += b"".join(request % (1_000_000_000 + i, i, 1_000_000_001 + i, i) for i in range(1, 301))
        metrics = self.replay(lines)
        self.assertEqual(metrics.total("qemu_dma_reads_total"), 800)
        self.assertEqual(metrics.total("qemu_dma_read_duration_seconds_count"), 300)
        self.assertEqual(metrics.total("qemu_dma_read_duration_seconds_sum"), 300)
        self.assertEqual(metrics.total(OWN + "spans_abandoned_total"), 0)
        self.assertEqual(metrics.total(OWN + "open_spans"), 0)
        self.assertEqual(metrics.value(OWN + "last_event_timestamp_seconds"), 1_000_000_301.5)


class RecordingTest(Case):
    def test_gzip_that_is_cut(self):
        """Told on stderr and by the exit code; what could be read counts."""
        lines = b"".join(b"7@%d.%06d:" % (1_795_408_732 + i, i * 7919 % 1_000_000) + PCI for i in range(50_000))
        whole = gzip.compress(lines)
        for size in (len(whole) // 3, len(whole) - 4):
            with self.subTest(size=size):
                readable = zlib.decompressobj(31).decompress(whole[:size])
                metrics = self.replay(whole[:size], 1, "vm.log.gz")
                self.assertIn(f"{self.directory}/vm.log.gz: gzip data ends early", self.errors)
                self.assertEqual(len(self.errors.splitlines()), 2, self.errors)  # and the summary
                self.assertEqual(metrics.total(READS), readable.count(b"\n"))
                self.assertEqual(self.unparsed(metrics, "partial_line"), int(not readable.endswith(b"\n")))

    def test_gzip_that_is_broken(self):
        whole = bytearray(gzip.compress(PCI * 1000 + random.Random(1).randbytes(100_000)))
        whole[len(whole) // 2] ^= 0xff
        self.replay(bytes(whole), 1, "vm.log.gz")
        self.assertRegex(self.errors, "vm.log.gz: (bad gzip data|gzip data ends early)")


if __name__ == "__main__":
    unittest.main(verbosity=2)
