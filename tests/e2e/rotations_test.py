#!/usr/bin/env python3
"""A thousand log rotations cost the daemon no line, no descriptor and no thread."""

import pathlib
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
import exporter
import process
import procfs

LINE = b"pci_cfg_read i440FX 00:00.0 @0x0 -> 0x12378086\n"
ROTATIONS = 1000
ROTATED = "qemu_trace_exporter_source_rotations_total"


class RotationsTest(unittest.TestCase):
    def setUp(self):
        self.directory = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory(prefix="qte-rotations-")))
        self.path = self.directory / "vm.log"
        self.log = open(self.path, "wb", buffering=0)
        self.lines = 0
        self.write(1)
        self.daemon = self.enterContext(exporter.Daemon(f"--trace.path={self.path}"))
        self.daemon.wait_ready()
        self.wait_for_all()
        self.resources = self.settled()

    def tearDown(self):
        self.log.close()

    def used(self):
        pid = self.daemon.process.pid
        return procfs.descriptors(pid), procfs.threads(pid)

    def settled(self):
        """Connections of the requests before are closed a moment later, so what is used counts once it rests."""
        seen = []

        def rests():
            seen.append(self.used())
            return len(seen) >= 10 and len(set(seen[-10:])) == 1

        process.wait_until(rests, "descriptors and threads to rest")
        return seen[-1]

    def write(self, count):
        self.log.write(LINE * count)
        self.lines += count

    def wait_for_all(self):
        size = self.lines * len(LINE)
        process.wait_until(lambda: self.daemon.metrics().value("qemu_trace_exporter_read_bytes_total") == size,
                           f"{size} bytes to be read", interval=0.002)

    def rotate(self, name, late_lines):
        """Renames the log and begins another one; the old descriptor is written to again after that."""
        self.path.rename(self.directory / name)
        old = self.log
        self.log = open(self.path, "wb", buffering=0)
        with old:
            old.write(LINE * late_lines)
        self.lines += late_lines

    def check(self):
        self.wait_for_all()
        # The last one brought no line to wait for.
        metrics = self.daemon.wait_for_metrics(lambda m: m.value(ROTATED) == ROTATIONS, f"{ROTATIONS} rotations", 10)
        self.assertEqual(metrics.total("qemu_pci_config_reads_total"), self.lines)
        self.assertEqual(metrics.value("qemu_trace_exporter_lines_total"), self.lines)
        self.assertEqual(metrics.value("qemu_trace_exporter_lost_bytes_total"), 0)
        self.assertEqual(metrics.total("qemu_trace_exporter_unparsed_lines_total"), 0)
        # Files that were rotated away are kept open for late lines, for some seconds.
        process.wait_until(lambda: all(now <= before for now, before in zip(self.used(), self.resources)),
                           f"no more descriptors and threads than {self.resources}, as before the rotations")

    def test_each_to_a_name_of_its_own(self):
        """As fast as it goes; files that have been read are removed now and then."""
        for i in range(ROTATIONS):
            self.write(1 + i % 7)
            self.rotate(f"vm.log.{i}", late_lines=i % 3)
            if i % 100 == 99:
                self.wait_for_all()
                for old in self.directory.glob("vm.log.*"):
                    old.unlink()
        self.check()

    def test_each_over_the_one_before(self):
        """vm.log.1 is overwritten by every rotation, so each file has to have been read by then."""
        for i in range(ROTATIONS):
            self.write(1 + i % 7)
            self.wait_for_all()
            self.rotate("vm.log.1", late_lines=i % 3)
        self.check()


if __name__ == "__main__":
    unittest.main(verbosity=2)
