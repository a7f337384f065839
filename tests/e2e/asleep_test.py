#!/usr/bin/env python3
"""Nothing to do is nothing done, by any thread; what comes after a rest is counted, charted and on the disk in time."""

import json
import pathlib
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

SECONDS = 10
# The look at names and files each 5 s, and the HTTP library's look at its own end each 2 s: 7.
MOST_WAKEUPS = 12


class AsleepTest(unittest.TestCase):
    def test_rest(self):
        directory = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory(prefix="qte-asleep-")))
        log, state = directory / "vm.log", directory / "state"
        log.write_bytes(LINE)
        daemon = self.enterContext(exporter.Daemon(f"--trace.path={log}", f"--state.path={state}"))
        daemon.wait_ready()
        pid = daemon.process.pid

        def wakeups():
            before = procfs.wakeups(pid)
            time.sleep(SECONDS)
            return procfs.wakeups(pid) - before

        process.wait_until(lambda: wakeups() <= MOST_WAKEUPS, f"{MOST_WAKEUPS} wake-ups or less in {SECONDS} s", 60)

        history = json.loads(daemon.request("/api/v1/history")[2])
        reads = next(chart for chart in history["charts"] if chart["id"] == "pci_reads")["series"][0]["values"]
        steps = [after - before for before, after in zip(history["times"], history["times"][1:])]
        self.assertLess(max(steps), 9, "points of the rest are missing")
        self.assertGreaterEqual(history["times"][-1] - history["times"][0], SECONDS - 2 * 5)
        self.assertEqual(reads[0], 0)

        checkpoint = state / "checkpoint"
        written = checkpoint.stat().st_mtime_ns
        with log.open("ab") as appended:
            appended.write(LINE * 10)
        process.wait_until(lambda: daemon.metrics().total(READS) == 11, "lines after a rest", 4, 0.02)
        process.wait_until(lambda: checkpoint.stat().st_mtime_ns > written, "a checkpoint after a rest")


if __name__ == "__main__":
    unittest.main(verbosity=2)
