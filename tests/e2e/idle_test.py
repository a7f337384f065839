#!/usr/bin/env python3
"""What following costs those who are not the daemon: idle files no processor time, busy writers no slower writes."""

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
import procfs

LINE = b"pci_cfg_read i440FX 00:00.0 @0x0 -> 0x12378086\n"
READS = "qemu_pci_config_reads_total"

IDLE_FILES = 1000
MEASURED_SECONDS = 10
MOST_WINDOWS = 3  # an interrupt on a busy machine is on the bill of who runs
MOST_IDLE_SHARE = 0.01  # of one core; 0.003 to 0.004 where nothing else runs, counted in hundredths of a second

WRITES = 300_000
# An IN_MODIFY watch that stays on the log makes it 1.7; noise is some percent.
MOST_WRITE_RATIO = 1.5


class IdleTest(unittest.TestCase):
    def setUp(self):
        self.directory = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory(prefix="qte-idle-")))

    def share_of_a_core(self, pid, seconds):
        used, begin = procfs.processor_seconds(pid), time.monotonic()
        time.sleep(seconds)
        return (procfs.processor_seconds(pid) - used) / (time.monotonic() - begin)

    def test_a_thousand_idle_files(self):
        for i in range(IDLE_FILES):
            (self.directory / f"vm{i}.log").write_bytes(LINE)
        daemon = self.enterContext(exporter.Daemon(f"--trace.path={self.directory}/*.log"))
        daemon.wait_ready()
        self.assertEqual(daemon.metrics().total(READS), IDLE_FILES)
        pid = daemon.process.pid
        # A file that had data lately is looked at all the time; how long, is the daemon's affair.
        process.wait_until(lambda: self.share_of_a_core(pid, 0.5) < 0.05, "the files to count as idle", 30)
        for _ in range(MOST_WINDOWS):
            share = self.share_of_a_core(pid, MEASURED_SECONDS)
            if share < MOST_IDLE_SHARE:
                break
        print(f"{IDLE_FILES} idle files: {share:.3%} of a core, {procfs.memory(pid) >> 20} MiB, "
              f"{procfs.descriptors(pid)} descriptors")
        self.assertLess(share, MOST_IDLE_SHARE)

        # Asleep, but not deaf: what one of them gets shows at once.
        with open(self.directory / "vm500.log", "ab") as log:
            log.write(LINE * 2)
        process.wait_until(lambda: daemon.metrics().total(READS) == IDLE_FILES + 2, "a line in an idle file", 4, 0.02)

    @unittest.skipUnless("QTE_WRITE_TIMES" in os.environ, "QTE_WRITE_TIMES names no program to measure with")
    def test_a_busy_writer(self):
        followed, unfollowed = self.directory / "followed", self.directory / "unfollowed"
        for folder in (followed, unfollowed):
            folder.mkdir()
        followed, unfollowed = followed / "vm.log", unfollowed / "vm.log"
        followed.write_bytes(LINE)
        daemon = self.enterContext(exporter.Daemon(f"--trace.path={followed}"))
        daemon.wait_ready()
        ratios = []
        for _ in range(3):
            done = subprocess.run([os.environ["QTE_WRITE_TIMES"], followed, unfollowed, str(WRITES)],
                                  stdout=subprocess.PIPE, check=True, timeout=60)
            with_daemon, without = map(float, done.stdout.split())
            ratios.append(with_daemon / without)
            print(f"median write: {with_daemon:.0f} ns to a followed file, {without:.0f} ns to another: "
                  f"ratio {ratios[-1]:.2f}")
        # It has been reading all the while, and all of it.
        size = followed.stat().st_size
        self.assertEqual(daemon.wait_for_bytes(size).total(READS), size // len(LINE))
        self.assertLess(sorted(ratios)[1], MOST_WRITE_RATIO)


if __name__ == "__main__":
    unittest.main(verbosity=2)
