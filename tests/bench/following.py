#!/usr/bin/env python3
"""What following costs the daemon: memory while ten logs of a gigabyte go by, each renamed away by the next and deleted
once it has been read; processor time for a million lines at several paces of the writer; and what the writer's own
write(2) takes, to a followed log and to another by turns. About two minutes, and up to three gigabytes of disk."""

import argparse
import pathlib
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
import exporter
import measuring
import procfs
from freshness import BusyLog
from mixed_lines import LINES, THREAD_PREFIX

BLOCK = "".join(THREAD_PREFIX + LINES[i % len(LINES)] + "\n" for i in range(50_000)).encode()


def write(path, size):
    with open(path, "xb", buffering=0) as log:
        for _ in range(-(-size // len(BLOCK))):
            log.write(BLOCK)
    return -(-size // len(BLOCK)) * len(BLOCK)


def rotated(directory, logs, size):
    """Rows of one table: after each log, memory now and at its peak."""
    log, old = directory / "vm.log", directory / "vm.log.old"
    rows, total = [], 0
    with exporter.Daemon(f"--trace.path={log}") as daemon:
        daemon.wait_ready()
        pid = daemon.process.pid
        client = measuring.Client(daemon.port)
        rows.append(["0", f"{procfs.memory(pid) / 1e6:.1f}", f"{procfs.peak_memory(pid) / 1e6:.1f}", "", ""])
        for _ in range(logs):
            began, used = time.monotonic(), measuring.nanoseconds(pid)
            if log.exists():
                log.rename(old)
            total += write(log, size)
            while read_bytes(client) < total:
                if time.monotonic() > began + 120:
                    raise TimeoutError(f"{total - read_bytes(client)} bytes are unread")
                time.sleep(0.05)
            old.unlink(missing_ok=True)
            seconds = (measuring.nanoseconds(pid) - used) / 1e9
            lines = size / len(BLOCK) * 50_000
            rows.append([f"{total / 1e9:.1f}", f"{procfs.memory(pid) / 1e6:.1f}",
                         f"{procfs.peak_memory(pid) / 1e6:.1f}", f"{time.monotonic() - began:.1f}",
                         f"{seconds / lines * 1e6:.3f}"])
    return rows


def read_bytes(client):
    body = client.get()
    return int(float(body.split(b"\nqemu_trace_exporter_read_bytes_total ")[1].split(b"\n", 1)[0]))


def paced(directory, rate, seconds):
    """A row: processor time for a million lines that come at `rate`."""
    log = directory / f"paced-{rate}.log"
    log.touch()
    with exporter.Daemon(f"--trace.path={log}") as daemon:
        daemon.wait_ready()
        pid = daemon.process.pid
        writer = BusyLog(log, rate)
        used, began = measuring.nanoseconds(pid), time.monotonic()
        writer.start()
        time.sleep(seconds)
        writer.stop()
        daemon.wait_for_bytes(log.stat().st_size)
        spent, took = (measuring.nanoseconds(pid) - used) / 1e9, time.monotonic() - began
        memory = procfs.peak_memory(pid)
    log.unlink()
    return [f"{writer.lines / took:,.0f}", f"{spent / writer.lines * 1e6:.3f}", f"{spent / took:.1%}",
            f"{memory / 1e6:.1f}"]


def write_times(directory, rounds):
    """Rows: median nanoseconds of a write to a followed file and to another, and their ratio."""
    program = pathlib.Path(exporter.BINARY).resolve().parents[2] / "tests/write_times"
    rows = []
    for folder in ("followed", "unfollowed"):
        (directory / folder).mkdir()
    logs = [directory / "followed/vm.log", directory / "unfollowed/vm.log"]
    with exporter.Daemon(f"--trace.path={logs[0]}") as daemon:
        daemon.wait_ready()
        for _ in range(rounds):
            done = subprocess.run([program, *logs, "300000"], stdout=subprocess.PIPE, check=True, timeout=60)
            followed, other = map(float, done.stdout.split())
            rows.append([f"{followed:.0f}", f"{other:.0f}", f"{followed / other:.2f}"])
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--logs", type=int, default=10)
    parser.add_argument("--megabytes", type=int, default=1024, help="of each log (default 1024)")
    parser.add_argument("--seconds", type=float, default=8, help="of each pace (default 8)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="qte-bench-") as name:
        directory = pathlib.Path(name)
        measuring.print_table(["GB read", "RSS MB", "its peak", "s", "CPU s for a million lines"],
                              rotated(directory, options.logs, options.megabytes << 20))
        print()
        measuring.print_table(["lines a second", "CPU s for a million lines", "share of a core", "peak RSS MB"],
                              [paced(directory, rate, options.seconds) for rate in (1000, 10_000, 100_000, 1_000_000)])
        print()
        measuring.print_table(["ns a write to a followed log", "to another", "ratio"], write_times(directory, 3))


if __name__ == "__main__":
    main()
