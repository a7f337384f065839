#!/usr/bin/env python3
"""How soon a line shows in /metrics: a writer appends one, and a client polls on a kept connection until it is there; or,
since polling wakes the daemon, looks but once after so many milliseconds. Measured for a log that has been idle for seconds, for one that
had data just now, and for one beside a log that is written as fast as it goes. Then what an idle daemon's threads wake up
for. About two minutes."""

import argparse
import os
import pathlib
import statistics
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
import exporter
import measuring
import procfs
from mixed_lines import LINES

KEY = b"ps2_put_keycode 0x55e759f09cf0 keycode 0x34\n"
SAMPLE = b'qemu_keyboard_keycodes_total{vm="measured"} '
BUSY_LINES = 10_000


class BusyLog(threading.Thread):
    """Appends blocks to a log of its own, `rate` lines a second, until it is stopped. Without a rate: all the time."""

    def __init__(self, path, rate=None):
        super().__init__()
        self._path, self._rate = path, rate
        self._ended = threading.Event()
        self.lines = 0

    def run(self):
        count = BUSY_LINES if self._rate is None else self._rate // 100
        block = "".join(LINES[i % len(LINES)] + "\n" for i in range(count)).encode()
        with open(self._path, "ab", buffering=0) as log:
            began = time.monotonic()
            while not self._ended.is_set():
                log.write(block)
                self.lines += count
                if self._rate is not None:
                    time.sleep(max(0, began + self.lines / self._rate - time.monotonic()))
                elif log.tell() > 1 << 30:
                    os.ftruncate(log.fileno(), 0)  # the disk is not the matter here

    def stop(self):
        self._ended.set()
        self.join()


class Measured:
    """A log whose lines are waited for."""

    def __init__(self, directory, daemon):
        self._log = open(directory / "measured.log", "ab", buffering=0)
        self._client = measuring.Client(daemon.port)
        self._count = self.shown()

    def shown(self):
        body = self._client.get()
        at = body.find(SAMPLE)
        return 0 if at < 0 else int(float(body[at + len(SAMPLE):].split(b"\n", 1)[0]))

    def append(self):
        self._log.write(KEY)
        self._count += 1
        return time.perf_counter()

    def is_fresh(self):
        return self.shown() >= self._count

    def milliseconds(self):
        """From the write until a scrape that shows it has been answered."""
        written = self.append()
        while not self.is_fresh():
            if time.perf_counter() > written + 10:
                raise TimeoutError("a line has not shown for 10 s")
        return (time.perf_counter() - written) * 1e3

    def is_fresh_after(self, seconds):
        self.append()
        time.sleep(seconds)
        return self.is_fresh()


def waits(measured, count, pause):
    values = []
    for _ in range(count):
        time.sleep(pause)
        values.append(measured.milliseconds())
    return values


def single_looks(measured, count, pause, seconds):
    seen = 0
    for _ in range(count):
        time.sleep(pause)
        seen += measured.is_fresh_after(seconds)
        while not measured.is_fresh():
            pass
    return seen / count


def row(title, values, share):
    return [title, str(len(values)), f"{statistics.median(values):.1f}", f"{measuring.percentile(values, 99):.1f}",
            f"{max(values):.1f}", f"{share:.0%}"]


def wake_ups(pid, seconds):
    """Voluntary context switches a second of all threads, and the share of a core."""
    before, used, begin = procfs.wakeups(pid), measuring.nanoseconds(pid), time.monotonic()
    time.sleep(seconds)
    took = time.monotonic() - begin
    return (procfs.wakeups(pid) - before) / took, (measuring.nanoseconds(pid) - used) / took / 1e9


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=120, help="lines of each kind but the idle ones (default 120)")
    parser.add_argument("--idle-count", type=int, default=15, help="lines after seconds of silence (default 15)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="qte-bench-") as name:
        directory = pathlib.Path(name)
        (directory / "measured.log").write_bytes(KEY)
        (directory / "other.log").touch()
        rows = []
        with exporter.Daemon(f"--trace.path={directory}/*.log", f"--state.path={directory}/state") as daemon:
            daemon.wait_ready()
            measured = Measured(directory, daemon)
            silence = 2.5
            rows.append(row("idle for 2.5 s", waits(measured, options.idle_count, silence),
                            single_looks(measured, options.idle_count, silence, 0.02)))
            rows.append(row("data 50 ms ago", waits(measured, options.count, 0.05),
                            single_looks(measured, options.count, 0.05, 0.02)))
            for title, rate in (("beside a log of 100,000 lines/s", 100_000), ("beside a log at full speed", None)):
                busy = BusyLog(directory / "other.log", rate)
                busy.start()
                rows.append(row(title, waits(measured, options.count, 0.05),
                                single_looks(measured, options.count, 0.05, 0.02)))
                busy.stop()
            measuring.print_table(["log", "lines", "median ms", "99th percentile ms", "longest ms",
                                   "seen by one look after 20 ms"], rows)
            time.sleep(15)
            rate, share = wake_ups(daemon.process.pid, 20)
            print(f"\nIdle daemon: {rate:.1f} wake-ups a second over {procfs.threads(daemon.process.pid)} threads, "
                  f"{share:.3%} of a core")


if __name__ == "__main__":
    main()
