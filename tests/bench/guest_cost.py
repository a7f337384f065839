#!/usr/bin/env python3
"""What it costs QEMU to be followed: the time a real guest under software emulation takes from its start to the end of
its reading and writing, with a trace of everything, with and without the daemon; by turns, medians. With QEMU and the
daemon on a core each, and both on one. About three minutes."""

import argparse
import os
import pathlib
import statistics
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
import exporter
import measuring
import procfs
import qemu

# All that QEMU traces, but for what comes with every block of instructions: with that, no guest would get on.
OPTIONS = ["-trace", "*", "-trace", "-exec_tb*", "-msg", "timestamp=on"]


def on_core(pid, core):
    """All threads, and those that they start."""
    for task in os.listdir(f"/proc/{pid}/task"):
        os.sched_setaffinity(int(task), {core})


class Run:
    """One boot of a guest with two disks."""

    def __init__(self, is_followed, daemon_core):
        with tempfile.TemporaryDirectory(prefix="qte-bench-") as name:
            directory = pathlib.Path(name)
            disks = [qemu.Disk("ide0", "ide"), qemu.Disk("nvme0", "nvme")]
            machine = qemu.Machine(directory, disks, OPTIONS)
            if not is_followed:
                self._boot(machine)
                self.daemon_seconds = 0.0
                return
            with exporter.Daemon(f"--trace.path={machine.log}") as daemon:
                pid = daemon.process.pid
                on_core(pid, daemon_core)
                daemon.wait_ready()
                used = measuring.nanoseconds(pid)
                self._boot(machine)
                daemon.wait_for_bytes(self.size)
                self.daemon_seconds = (measuring.nanoseconds(pid) - used) / 1e9

    def _boot(self, machine):
        began = time.monotonic()
        with machine:
            on_core(machine.process.pid, QEMU_CORE)
            machine.wait_for_guest()
            self.seconds = time.monotonic() - began
            self.qemu_seconds = procfs.processor_seconds(machine.process.pid)
        self.size = machine.log.stat().st_size
        with open(machine.log, "rb") as log:
            self.lines = sum(block.count(b"\n") for block in iter(lambda: log.read(1 << 20), b""))


QEMU_CORE = 0


def measure(title, daemon_core, rounds):
    alone, followed = [], []
    for _ in range(rounds):
        alone.append(Run(False, daemon_core))
        followed.append(Run(True, daemon_core))
    wall = [statistics.median(run.seconds for run in runs) for runs in (alone, followed)]
    work = [statistics.median(run.qemu_seconds for run in runs) for runs in (alone, followed)]
    lines = statistics.median(run.lines for run in followed)
    per_million = statistics.median(run.daemon_seconds / run.lines * 1e6 for run in followed)
    return [title, f"{lines / 1e3:,.0f}", f"{lines / wall[1] / 1e3:,.0f}", f"{wall[0]:.2f}", f"{wall[1]:.2f}",
            f"{wall[1] / wall[0] - 1:+.1%}", f"{work[0]:.2f}", f"{work[1]:.2f}", f"{per_million:.2f}"]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="of each kind (default 5)")
    options = parser.parse_args()
    qemu.make_guest()
    Run(True, QEMU_CORE)  # the first one after a while reads its parts from the disk
    rows = [measure("a core each", 1, options.rounds)] if (os.cpu_count() or 1) > 1 else []
    rows.append(measure("one core for both", QEMU_CORE, options.rounds))
    measuring.print_table(["", "thousand lines", "thousand lines/s", "guest alone, s", "followed, s", "difference",
                           "CPU s of QEMU, alone", "followed", "CPU s of the daemon for a million lines"], rows)


if __name__ == "__main__":
    main()
