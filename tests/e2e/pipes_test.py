#!/usr/bin/env python3
"""FIFOs and standard input, whose writers come and go and should never wait: every line counts once."""

import os
import pathlib
import subprocess
import sys
import tempfile
import threading
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
import exporter

BUFFERED = "qemu_trace_exporter_pipe_buffered_bytes"
FULL = "qemu_trace_exporter_pipe_full_seconds_total"
LINES = "qemu_trace_exporter_lines_total"
EVENTS = "qemu_trace_events_total"

LINE = b"2026-11-23T04:41:06.310976Z pci_cfg_read virtio-blk-pci 00:04.0 @0x%x -> 0x10011af4\n"


def lines(count):
    return b"".join(LINE % (number % 4096) for number in range(count))


class PipesTest(unittest.TestCase):
    def setUp(self):
        self.directory = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory(prefix="qte-pipes-")))

    def fifo(self, name):
        path = self.directory / name
        os.mkfifo(path)
        return path

    def check_all_read(self, daemon, count):
        metrics = daemon.wait_for_metrics(lambda m: m.total(LINES) >= count and m.total(BUFFERED) == 0,
                                          f"{count} lines to be read")
        self.assertEqual(metrics.total(LINES), count)
        self.assertEqual(metrics.total(EVENTS), count)
        return metrics

    def test_the_metrics_are_there_from_the_start(self):
        with exporter.Daemon(f"--trace.path={self.directory}/*.log") as daemon:
            samples = daemon.metrics().samples
            self.assertEqual(samples[BUFFERED, ()], 0)
            self.assertEqual(samples[FULL, ()], 0)

    def test_twenty_writers_on_one_fifo_one_after_the_other(self):
        path = self.fifo("vm.fifo")
        with exporter.Daemon(f"--trace.path={path}") as daemon:
            for writer in range(1, 21):
                path.write_bytes(lines(writer * 1000))
                daemon.metrics()
            self.check_all_read(daemon, 210 * 1000)

    def test_twenty_fifos_at_once(self):
        paths = [self.fifo(f"vm{number}.fifo") for number in range(20)]
        data = lines(20000)
        with exporter.Daemon(f"--trace.path={self.directory}/*.fifo") as daemon:
            writers = [threading.Thread(target=path.write_bytes, args=(data,)) for path in paths]
            for writer in writers:
                writer.start()
            for writer in writers:
                writer.join()
            self.check_all_read(daemon, 20 * 20000)

    def test_standard_input(self):
        with exporter.Daemon("--trace.path=-", stdin=subprocess.PIPE) as daemon:
            daemon.process.stdin.write(lines(200000))
            daemon.process.stdin.close()
            self.check_all_read(daemon, 200000)


if __name__ == "__main__":
    unittest.main(verbosity=2)
