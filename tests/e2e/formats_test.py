#!/usr/bin/env python3
"""The three formats of a scrape, as a real Prometheus and clients ask for them: the same numbers in each, and quantiles
of native histograms beside the exact ones of the log."""

import gzip
import math
import pathlib
import re
import sys
import tempfile
import unittest
import urllib.error
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
import exporter
import process
from prometheus import Prometheus

TRACE = exporter.ROOT / "tests/data/traces/busy-disks-7.2.log.gz"
OPENMETRICS = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5"
PROTOBUF = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited"

EXEMPLAR = re.compile(r'^(?P<name>\w+)_bucket{(?P<labels>.*),le="(?P<bound>[^"]*)"} \d+ '
                      r'# {log="(?P<log>[^"]*)",offset="(?P<offset>\d+)"} (?P<value>\S+) (?P<time>\S+)$', re.M)
LINE = re.compile(r"\d+@(?P<time>[\d.]+):virtio_blk_(?P<event>handle_read|handle_write|req_complete) vdev \S+ req (?P<request>\S+) ")


def durations(text):
    """{"read" or "write": sorted seconds}, from the log itself."""
    begun, found = {}, {"read": [], "write": []}
    for match in LINE.finditer(text):
        time, event, request = float(match["time"]), match["event"], match["request"]
        if event != "req_complete":
            begun[request] = time, event.removeprefix("handle_")
        elif request in begun:  # else it is a flush
            began, direction = begun.pop(request)
            found[direction].append(time - began)
    return {direction: sorted(seconds) for direction, seconds in found.items()}


def samples(text):
    """{series: value}; bounds of buckets as numbers, and without what only one format has."""
    result = {}
    for line in text.splitlines():
        if not line or line.startswith("#"):
            continue
        series, value = line.split(" # ")[0].rsplit(" ", 1)
        series = re.sub(r'le="([^"]+)"', lambda match: f"le={float(match[1])!r}", series)
        result[series] = float(value)
    return result


class FormatsTest(unittest.TestCase):
    def setUp(self):
        self.directory = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory(prefix="qte-formats-")))
        self.text = gzip.decompress(TRACE.read_bytes()).decode()
        (self.directory / "vm-a.log").write_text(self.text)
        (self.directory / "vm-b.log").write_text("".join(self.text.splitlines(keepends=True)[:500]))
        self.daemon = self.enterContext(exporter.Daemon(f"--trace.path={self.directory}/*.log"))
        self.daemon.wait_ready()

    def get(self, query="", accept="*/*"):
        """(content type, body)"""
        request = urllib.request.Request(f"{self.daemon.url}/metrics{query}", headers={"Accept": accept})
        with urllib.request.urlopen(request, timeout=10) as response:
            return response.headers["Content-Type"], response.read()

    def refused(self, query):
        """(status, text)"""
        with self.assertRaises(urllib.error.HTTPError) as caught:
            self.get(query)
        with caught.exception as error:
            return error.code, error.read().decode()

    def test_each_format_for_who_asks(self):
        kind, text = self.get()
        self.assertEqual(kind, "text/plain; version=0.0.4; charset=utf-8")
        kind, openmetrics = self.get(accept=OPENMETRICS)
        self.assertEqual(kind, "application/openmetrics-text; version=1.0.0; charset=utf-8")
        self.assertTrue(openmetrics.endswith(b"\n# EOF\n"))
        kind, protobuf = self.get(accept=f"{PROTOBUF},*/*;q=0.1")
        self.assertEqual(kind, "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited")
        self.assertIn(b"qemu_block_read_duration_seconds", protobuf)
        guests = {series: value for series, value in samples(text.decode()).items() if 'vm="' in series}
        self.assertGreater(len(guests), 100)
        told = samples(openmetrics.decode())
        self.assertEqual({series: told.get(series) for series in guests if "timestamp" not in series},
                         {series: value for series, value in guests.items() if "timestamp" not in series})
        created = [value for series, value in told.items() if "_created{" in series]
        self.assertTrue(created)
        self.assertGreater(min(created), 1_700_000_000)
        self.assertNotIn(b"_created{", self.get("?created=false", OPENMETRICS)[1])

    def test_exemplars_point_to_the_slowest_requests(self):
        told = self.get(accept=OPENMETRICS)[1].decode()
        found = {}
        for match in EXEMPLAR.finditer(told):
            found.setdefault(match["name"], []).append(match)
        for direction, seconds in durations(self.text).items():
            with self.subTest(direction=direction):
                of_vm = [match for match in found[f"qemu_block_{direction}_duration_seconds"]
                         if 'vm="vm-a",interface="virtio-blk"' in match["labels"]]
                slowest = max(of_vm, key=lambda match: float(match["value"]))
                self.assertAlmostEqual(float(slowest["value"]), seconds[-1], places=6)
                self.assertLessEqual(float(slowest["value"]), float(slowest["bound"].replace("+Inf", "inf")))
                self.assertEqual(slowest["log"], str(self.directory / "vm-a.log"))
                line = self.text[int(slowest["offset"]):].partition("\n")[0]
                self.assertIn("virtio_blk_req_complete", line)
                self.assertEqual(float(line[line.index("@") + 1:line.index(":")]), float(slowest["time"]))
        self.assertNotIn(" # {", self.get()[1].decode())

    def test_parts(self):
        only = samples(self.get("?vm=vm-b")[1].decode())
        self.assertTrue(only)
        self.assertTrue(all('vm="vm-b"' in series for series in only))
        both = samples(self.get("?vm=vm-b&vm=vm-a&collect[]=guests")[1].decode())
        self.assertFalse([series for series in both if series.startswith(("process_", "qemu_trace_exporter_"))])
        self.assertTrue(any('vm="vm-a"' in series for series in both))
        own = samples(self.get("?collect[]=exporter")[1].decode())
        self.assertTrue(all(series.startswith(("process_", "qemu_trace_exporter_")) for series in own))
        self.assertEqual(self.refused("?vm=vm-c"), (404, "no VM is called vm-c; there are: vm-a, vm-b\n"))
        self.assertEqual(self.refused("?collect[]=all"), (400, 'collect[] is guests or exporter, not "all"\n'))

    def test_prometheus_takes_each(self):
        want = {series for series in samples(self.get()[1].decode()) if series.startswith("qemu_block_reads_total{")}
        self.assertTrue(want)
        for flags in ((), ("--enable-feature=native-histograms",)):
            with self.subTest(flags=flags), tempfile.TemporaryDirectory(prefix="qte-prometheus-") as storage, \
                    Prometheus(pathlib.Path(storage), self.daemon.port, flags=flags) as prometheus:
                process.wait_until(lambda p=prometheus: p.query("qemu_block_reads_total"), "a scrape")
                self.assertEqual(list(prometheus.query('up{job="qemu"}').values()), [1])
                self.assertEqual(len(prometheus.query("qemu_block_reads_total")), len(want))
                [target] = prometheus.ask("targets", state="active")["activeTargets"]
                self.assertEqual(target["lastError"], "")

    def test_quantiles_of_native_histograms(self):
        exact = durations(self.text)
        with Prometheus(self.directory, self.daemon.port, flags=("--enable-feature=native-histograms",)) as prometheus:
            process.wait_until(lambda: prometheus.query("qemu_block_reads_total"), "a scrape")
            for direction, seconds in exact.items():
                self.assertGreater(len(seconds), 100)
                for quantile in (0.5, 0.9, 0.95, 0.99):
                    with self.subTest(direction=direction, quantile=quantile):
                        [found] = prometheus.query(
                            f'histogram_quantile({quantile}, sum(qemu_block_{direction}_duration_seconds'
                            '{vm="vm-a",interface="virtio-blk"}))').values()
                        true = seconds[math.ceil(quantile * len(seconds)) - 1]
                        self.assertAlmostEqual(found / true, 1, delta=0.05)


if __name__ == "__main__":
    unittest.main()
