#!/usr/bin/env python3
"""`reclaim: true`: what was consumed of a log goes back to the disk while its writer keeps writing, and nothing is lost."""

import os
import pathlib
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
import exporter
import process

OWN = "qemu_trace_exporter_"
READS = "qemu_pci_config_reads_total"
LINE = b"26638@1795408732.182800:pci_cfg_read i440FX 00:00.0 @0x0 -> 0x12378086\n"
MIB = 1 << 20
BOUND = 48 * MIB
# What an idle log keeps: its ends, and less than a hole is made for, where a checkpoint fell amid the reading.
RESTING = (256 + 16) * 1024
# Half as fast as the fastest QEMU that was seen: the bound holds for a daemon that keeps up, on a busy machine as well.
BYTES_PER_SECOND = 30 * MIB
# A writer that was held up does not make up for more than this: a daemon that was held up with it could not either.
MOST_CATCH_UP = 0.2
# Space is given back after a checkpoint is on the disk, which others may keep busy for as long as they like.
QUICK_DISK = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None

CONFIG = """
sources:
  - {path: '%s/*.log', reclaim: true, max_disk_bytes: %d}
metrics:
  - {name: qemu_pci_config_reads_total, type: counter, help: Reads., event: pci_cfg_read}
"""


def disk_use(path):
    return path.stat().st_blocks * 512


class ReclaimTest(unittest.TestCase):
    def setUp(self):
        self.directory = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory(prefix="qte-reclaim-")))
        self.logs = self.directory / "logs"
        self.logs.mkdir()
        self.path = self.logs / "vm.log"
        self.state = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory(prefix="qte-reclaim-", dir=QUICK_DISK))) / "state"
        self.config = self.directory / "config.yaml"
        self.config.write_text(CONFIG % (self.logs, BOUND))

    def daemon(self):
        daemon = self.enterContext(exporter.Daemon(f"--config.file={self.config}", f"--state.path={self.state}"))
        daemon.wait_ready()
        return daemon

    def write_and_watch(self, log, size):
        """Writes `size` bytes as a busy QEMU does, and returns the most that the log took on the disk."""
        block = LINE * (256 * 1024 // len(LINE))
        most = 0
        due = time.monotonic()
        for _ in range(0, size, len(block)):
            log.write(block)
            most = max(most, disk_use(self.path))
            due = max(due + len(block) / BYTES_PER_SECOND, time.monotonic() - MOST_CATCH_UP)
            time.sleep(max(0, due - time.monotonic()))
        return most

    def lines(self):
        return self.path.stat().st_size // len(LINE)

    def test_disk_use_stays_under_the_bound_over_a_kill(self):
        daemon = self.daemon()
        # As QEMU opens its log: truncating, and without append.
        with open(self.path, "wb", buffering=0) as log:
            most = self.write_and_watch(log, 128 * MIB)
            daemon.wait_for_metrics(lambda m: m.total(OWN + "reclaimed_bytes_total") > 64 * MIB, "space given back")
            daemon.kill()
            log.write(LINE * 1000)
            daemon = self.daemon()
            most = max(most, self.write_and_watch(log, 128 * MIB))
        metrics = daemon.wait_for_bytes(self.path.stat().st_size)
        print(f"a log of {self.path.stat().st_size / MIB:.0f} MiB took at most {most / MIB:.1f} MiB on the disk")
        self.assertLess(most, BOUND)
        self.assertEqual(metrics.total(READS), self.lines())
        self.assertEqual(metrics.total(OWN + "unparsed_lines_total"), 0)
        daemon.wait_for_metrics(lambda m: m.total(OWN + "reclaimed_bytes_total") > 250 * MIB, "all of it given back")

    def test_an_idle_log_shrinks_to_its_ends(self):
        self.path.write_bytes(LINE * 50_000)
        self.assertGreater(disk_use(self.path), 3 * MIB)
        self.daemon()
        process.wait_until(lambda: disk_use(self.path) <= RESTING, "the log to shrink")
        with self.path.open("rb") as log:
            self.assertEqual(log.read(len(LINE)), LINE)

    def test_a_log_whose_state_is_lost_is_read_as_far_as_it_is_there(self):
        self.path.write_bytes(LINE * 50_000)
        daemon = self.daemon()
        process.wait_until(lambda: disk_use(self.path) <= RESTING, "the log to shrink")
        daemon.kill()
        (self.state / "checkpoint").unlink()
        with self.path.open("ab") as log:
            log.write(LINE * 10)
        with self.path.open("rb") as log:
            there = sum(1 for line in log if line == LINE)
        metrics = self.daemon().metrics()
        self.assertEqual(metrics.total(READS), there)
        self.assertEqual(metrics.total(OWN + "unparsed_lines_total"), 1)
        self.assertEqual(metrics.total(OWN + "unparsed_lines_total", reason="line_too_long"), 1)

    def test_it_is_refused_without_state(self):
        done = exporter.run("serve", f"--config.file={self.config}", "--web.listen-address=127.0.0.1:0")
        self.assertEqual(done.returncode, 1)
        self.assertIn(f'{self.config}:3:', done.stderr)
        self.assertIn('"reclaim" needs --state.path', done.stderr)

    def test_a_file_system_that_cannot(self):
        mounted = subprocess.run(["mount", "-t", "ramfs", "ramfs", self.logs], capture_output=True)
        if mounted.returncode != 0:
            self.skipTest(f"no file system can be mounted: {mounted.stderr.decode().strip()}")
        self.addCleanup(subprocess.run, ["umount", "--lazy", self.logs], check=True)
        self.path.write_bytes(LINE)
        daemon = self.daemon()
        process.wait_until(lambda: "cannot punch holes" in daemon.log(), "the error in the log")
        self.assertIn(str(self.path), daemon.log())
        with open(self.path, "ab") as log:
            log.write(LINE)
        daemon.wait_for_metrics(lambda m: m.total(READS) == 2, "the second line")


if __name__ == "__main__":
    unittest.main(verbosity=2)
