#!/usr/bin/env python3
"""Panels and rules over histograms say the same with and without native histograms in Prometheus, which drops the classic
series of a histogram that has native buckets."""

import gzip
import pathlib
import re
import sys
import tempfile
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
import dashboards
import exporter
import parts
import process
from prometheus import Prometheus

TRACE = exporter.ROOT / "tests/data/traces/busy-disks-7.2.log.gz"
NATIVE = ("--enable-feature=native-histograms",)
CHUNKS, SECONDS = 10, 1
OF_HISTOGRAM = re.compile(r"_bucket\{|histogram_(?:sum|quantile)\(")
# A classic bucket is twice as wide as the one before it, so a quantile in it is off by 2 at most; scrapes differ, too.
MOST_RATIO = 2.5


def targets():
    """(dashboard, panel, expression) of all that show a histogram."""
    for name, dashboard in dashboards.load().items():
        for panel in dashboards.panels_of(dashboard):
            for target in panel["targets"]:
                if panel["type"] == "heatmap" or OF_HISTOGRAM.search(target["expr"]):
                    yield name, panel, target["expr"]


class NativePanelsTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        directory = pathlib.Path(cls.enterClassContext(tempfile.TemporaryDirectory(prefix="qte-native-")))
        lines = gzip.decompress(TRACE.read_bytes()).splitlines(keepends=True)
        log = cls.enterClassContext(open(directory / "vm.log", "wb", buffering=0))
        daemon = cls.enterClassContext(exporter.Daemon(f"--trace.path={directory}/*.log"))
        servers = {}
        for kind, flags in (("classic", ()), ("native", NATIVE)):
            (directory / kind).mkdir()
            servers[kind] = cls.enterClassContext(
                Prometheus(directory / kind, daemon.port, flags=flags, rules=[dashboards.RULES]))
        for at in range(CHUNKS):
            log.write(b"".join(lines[len(lines) * at // CHUNKS:len(lines) * (at + 1) // CHUNKS]))
            time.sleep(SECONDS)
            if at == 0:  # an increase needs something before it
                for server in servers.values():
                    process.wait_until(lambda p=server: p.query("qemu_block_reads_total"), "a scrape")
        daemon.wait_for_bytes(log.tell())
        time.sleep(2)
        cls.servers, cls.end = servers, time.time()

    def answers(self, expression):
        """{"classic": results, "native": results}, as they are after the last line."""
        expression = dashboards.fill_in(expression, "1m", "1m")
        return {kind: server.ask("query", query=expression, time=self.end)["result"]
                for kind, server in self.servers.items()}

    def values(self, expression):
        return {kind: {tuple(sorted(each["metric"].items())): float(each["value"][1]) for each in results}
                for kind, results in self.answers(expression).items()}

    def assert_alike(self, values, expression):
        self.assertEqual(values["native"].keys(), values["classic"].keys())
        # There are so few flushes that one of them, before or after a server's first scrape, moves the quantile.
        if "flush" in expression:
            return
        for labels, classic in values["classic"].items():
            native = values["native"][labels]
            self.assertLess(max(classic, native), MOST_RATIO * min(classic, native) + 1e-9, labels)

    def test_native_prometheus_has_no_classic_series(self):
        answers = self.answers("qemu_block_read_duration_seconds_bucket")
        self.assertTrue(answers["classic"])
        self.assertFalse(answers["native"])

    def test_panels(self):
        compared = 0
        for name, panel, expression in targets():
            if panel["type"] == "heatmap":
                continue
            with self.subTest(dashboard=name, panel=panel["title"], expression=expression):
                values = self.values(expression)
                self.assert_alike(values, expression)
                compared += bool(values["classic"])
        self.assertGreater(compared, 25)

    def test_heatmaps(self):
        of_heatmaps = [(panel, expression) for _, panel, expression in targets() if panel["type"] == "heatmap"]
        self.assertGreater(len(of_heatmaps), 6)
        for panel, expression in of_heatmaps:
            with self.subTest(panel=panel["title"], expression=expression):
                answers = self.answers(expression)
                with_data = {kind for kind, results in answers.items() if results}
                self.assertEqual(with_data, {"classic"} if "_bucket{" in expression else {"native"})
                if with_data == {"native"}:
                    self.assertIn("histogram", answers["native"][0])

    def test_rules(self):
        for record in ("instance_vm_interface_device:qemu_block_read_duration_seconds:p99_5m",
                       "instance_vm_interface_device:qemu_block_write_duration_seconds:p99_5m",
                       "instance_vm_interface_device:qemu_block_flush_duration_seconds:p99_5m",
                       "instance_vm_interface_device:qemu_block_read_duration_seconds_count:rate5m",
                       "instance_vm_interface_device:qemu_block_write_duration_seconds_count:rate5m",
                       "instance_vm_interface_device:qemu_block_flush_duration_seconds_count:rate5m",
                       "instance_vm:qemu_block_duration_seconds:p99_5m"):
            with self.subTest(record=record):
                values = self.values(record)
                self.assertTrue(values["classic"])
                self.assert_alike(values, record)
        for server in self.servers.values():
            for rule in [rule for group in server.ask("rules")["groups"] for rule in group["rules"]]:
                self.assertEqual(rule["health"], "ok", rule.get("lastError"))


if __name__ == "__main__":
    parts.need("prometheus")
    unittest.main(verbosity=2)
