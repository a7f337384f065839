#!/usr/bin/env python3
"""Bad clients disturb neither ingestion nor the scrapes of others: while they are at work a log grows, every line of it
is counted, and a client in order gets its answers in bounded time."""

import http.client
import pathlib
import statistics
import sys
import tempfile
import threading
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
import attackers
import certificates
import exporter

SECONDS = 3.0
# What a scrape may take while bad clients are at work. Loaded machines need generosity; what is usual is printed.
LONGEST_SCRAPE = 3.0
# While threads are few, a connection is closed if nothing has come over it for 50 ms. A busy machine
# may delay a well-behaved client for so long, too. Such a scrape is repeated, and takes as long as both.
MOST_REPEATED = 1

READS = "qemu_pci_config_reads_total"
LINE = b"pci_cfg_read i440FX 00:00.0 @0x0 -> 0x12378086\n"


class GrowingLog:
    """Appends lines to a log every few milliseconds, as a context manager."""

    def __init__(self, path):
        self._path = path
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.lines = 0

    def _run(self):
        with open(self._path, "ab", buffering=0) as log:
            while not self._stop.wait(0.005):
                log.write(LINE * 100)
                self.lines += 100

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join()


def scrape_for(daemon, seconds):
    """Seconds that each of the scrapes took that a client in order made in that time, and how many were repeated."""
    taken, repeated = [], 0
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        started = time.monotonic()
        while True:
            try:
                status, _, body = daemon.request("/metrics")
                break
            except (OSError, http.client.HTTPException):
                repeated += 1
                if repeated > MOST_REPEATED:
                    raise
        taken.append(time.monotonic() - started)
        if status != 200 or READS.encode() not in body:
            raise AssertionError(f"a scrape got {status} and {len(body)} bytes")
        time.sleep(0.05)
    return taken, repeated


class HardenedTest(unittest.TestCase):
    TLS = None

    @classmethod
    def setUpClass(cls):
        attackers.raise_descriptor_limit()

    def setUp(self):
        self.directory = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory(prefix="qte-hardened-")))
        self.log = self.directory / "vm1.log"
        self.log.write_bytes(self.first_lines())
        self.daemon = self.enterContext(exporter.Daemon(*self.arguments(), tls=self.TLS))
        self.daemon.wait_ready()

    def first_lines(self):
        return LINE

    def arguments(self):
        return [f"--trace.path={self.log}"]

    def counted(self):
        return self.daemon.metrics().value(READS, device="i440FX", address="00:00.0", vm="vm1")

    def cpu_seconds(self):
        return self.daemon.metrics().value("process_cpu_seconds_total")

    def port(self):
        return self.daemon.port

    def withstands(self, kind, *arguments, port=None):
        before = self.counted()
        calm, _ = scrape_for(self.daemon, SECONDS / 3)
        with attackers.attack(kind, port or self.port(), *arguments), GrowingLog(self.log) as growing:
            busy, started = self.cpu_seconds(), time.monotonic()
            disturbed, repeated = scrape_for(self.daemon, SECONDS)
            cores = (self.cpu_seconds() - busy) / (time.monotonic() - started)
        usual = statistics.median(calm)
        print(f"{kind.__name__}: {len(disturbed)} scrapes, {repeated} repeated, median {statistics.median(disturbed) * 1e3:.1f} ms "
              f"({statistics.median(disturbed) / usual:.1f} times the {usual * 1e3:.1f} ms undisturbed), "
              f"longest {max(disturbed) * 1e3:.0f} ms; {growing.lines} lines; {cores:.2f} cores", flush=True)
        self.assertLess(max(disturbed), LONGEST_SCRAPE)
        self.daemon.wait_for_metrics(
            lambda m: m.value(READS, device="i440FX", address="00:00.0", vm="vm1") >= before + growing.lines, "all lines", 10)
        self.assertEqual(self.counted(), before + growing.lines)


class ClientsTest(HardenedTest):
    def test_idle(self):
        self.withstands(attackers.idle)

    def test_requests_without_an_end(self):
        self.withstands(attackers.endless_requests)

    def test_a_byte_at_a_time(self):
        self.withstands(attackers.byte_by_byte)

    def test_holding_on(self):
        self.withstands(attackers.keep_alive)

    def test_huge_headers(self):
        self.withstands(attackers.huge_headers)

    def test_bad_methods(self):
        self.withstands(attackers.bad_methods)

    def test_garbage(self):
        self.withstands(attackers.garbage)

    def test_tls_handshakes(self):
        self.withstands(attackers.tls_handshakes)

    def test_scanners(self):
        self.withstands(attackers.scanners)


class TlsTest(HardenedTest):
    """The same over TLS."""

    TLS = attackers.TlsPort.context

    def arguments(self):
        certificates.make_self_signed(self.directory, "server")
        web = self.directory / "web.yml"
        web.write_text("tls_server_config: {cert_file: server.crt, key_file: server.key}\n")
        return [f"--web.config.file={web}", f"--trace.path={self.log}"]

    def port(self):
        return attackers.TlsPort(self.daemon.port)

    def test_idle(self):
        self.withstands(attackers.idle, 500)

    def test_requests_without_an_end(self):
        self.withstands(attackers.endless_requests)

    def test_holding_on(self):
        self.withstands(attackers.keep_alive)

    def test_huge_headers(self):
        self.withstands(attackers.huge_headers)

    def test_garbage(self):
        self.withstands(attackers.garbage)

    def test_abandoned_handshakes(self):
        self.withstands(attackers.abandoned_handshakes, port=self.daemon.port)

    def test_nothing_but_plain_http(self):
        self.withstands(attackers.endless_requests, port=self.daemon.port)


class BigAnswerTest(HardenedTest):
    """With more series than fit into the buffers of a connection."""

    def first_lines(self):
        return LINE + b"".join(b"pci_cfg_read a-device-of-many-%d 00:00.0 @0x0 -> 0x12378086\n" % i for i in range(60000))

    def arguments(self):
        config = self.directory / "big.yaml"
        config.write_text((exporter.ROOT / "config/default.yaml").read_text() + "limits: {max_series_per_metric: 100000}\n")
        return [f"--config.file={config}", f"--trace.path={self.log}"]

    def test_stop_reading(self):
        self.assertGreater(len(self.daemon.text()), 5_000_000)
        self.withstands(attackers.stop_reading)


class BigTlsAnswerTest(BigAnswerTest):
    TLS = TlsTest.TLS
    port = TlsTest.port

    def arguments(self):
        return [*TlsTest.arguments(self), *BigAnswerTest.arguments(self)]


if __name__ == "__main__":
    unittest.main(verbosity=2)
