#!/usr/bin/env python3
"""Disks behind every controller, busy at once, as a QEMU recorded them: with its own account (query-blockstats) beside
the trace, so that this needs no QEMU. real_disks_test.py does the same with a live one."""

import datetime
import gzip
import json
import pathlib
import re
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
import exporter

TRACES = exporter.ROOT / "tests/data/traces"
METRICS = {"qemu_block_reads_total": "rd_operations", "qemu_block_read_bytes_total": "rd_bytes",
           "qemu_block_writes_total": "wr_operations", "qemu_block_written_bytes_total": "wr_bytes"}
PREFIX = re.compile(r"^\d+@(\d+)\.(\d{6}):", re.MULTILINE)


class RecordedDisksTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.directory = pathlib.Path(cls.enterClassContext(tempfile.TemporaryDirectory(prefix="qte-recorded-")))
        cls.text = gzip.decompress((TRACES / "busy-disks-7.2.log.gz").read_bytes()).decode()
        cls.truth = json.loads((TRACES / "busy-disks-7.2.json").read_text())

    def check(self, text):
        log = self.directory / "trace.log"
        log.write_text(text)
        metrics = exporter.replay(log)
        for metric, statistic in METRICS.items():
            found = {labels["device"]: value for labels, value in metrics.series(metric) if value}
            self.assertEqual(found, {image: account[statistic] for image, account in self.truth.items()}, metric)
        flushes = {labels["device"]: value for labels, value in metrics.series("qemu_block_flushes_total") if value}
        # QEMU leaves out NVMe's.
        self.assertEqual(flushes.pop("nsid 1"), 2)
        self.assertEqual(flushes, {image: account["flush_operations"] for image, account in self.truth.items()
                                   if "flush_operations" in account})
        for metric in ("qemu_block_errors_total", "qemu_block_requests_in_flight", "qemu_trace_exporter_open_spans",
                       "qemu_trace_exporter_spans_abandoned_total", "qemu_trace_exporter_unparsed_lines_total"):
            self.assertEqual([series for series in metrics.series(metric) if series[1]], [], metric)

    def test_as_recorded(self):
        self.check(self.text)

    def test_without_prefixes(self):
        self.check(PREFIX.sub("", self.text))

    def test_as_newer_qemu_writes_it(self):
        """With times and without threads (10.1 on)."""
        def prefix(match):
            at = datetime.datetime.fromtimestamp(int(match[1]), datetime.timezone.utc)
            return f"{at:%Y-%m-%dT%H:%M:%S}.{match[2]}Z "
        self.check(PREFIX.sub(prefix, self.text))


if __name__ == "__main__":
    unittest.main(verbosity=2)
