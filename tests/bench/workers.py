#!/usr/bin/env python3
"""Two files on two cores beside one core: `replay A B`, and `serve` that catches up on the same two. In each round both
are run one after the other, so that what else the machine does hits both; medians of the rounds, and the
fastest of each, since another machine's work only adds. The processor time tells what the second core costs beside what it
saves; "at best" is one core's time over half of two cores' processor time."""

import argparse
import contextlib
import http.client
import os
import pathlib
import resource
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
import exporter
import measuring
from mixed_lines import LINES, THREAD_PREFIX

BLOCK = 10_000


def write_logs(directory, count):
    block = "".join(THREAD_PREFIX + LINES[i % len(LINES)] + "\n" for i in range(BLOCK)).encode()
    for name in ("a.log", "b.log"):
        with open(directory / name, "wb") as log:
            for _ in range(count // BLOCK):
                log.write(block)
    return [directory / "a.log", directory / "b.log"]


def cpu_seconds():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


@contextlib.contextmanager
def bound_to(cores):
    """What is started within may run on these cores alone."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def replay(cores, paths):
    """(seconds, CPU seconds)."""
    used, started = cpu_seconds(), time.monotonic()
    with bound_to(cores):
        subprocess.run([exporter.BINARY, "replay", *paths], check=True, stdout=subprocess.DEVNULL)
    return time.monotonic() - started, cpu_seconds() - used


def catch_up(cores, paths):
    """(seconds from the start until the daemon is ready, CPU seconds)."""
    pattern = paths[0].parent / "*.log"
    used, started = cpu_seconds(), time.monotonic()
    with bound_to(cores):
        started_daemon = exporter.Daemon(f"--trace.path={pattern}")
    with started_daemon as daemon:
        # By one kept connection, for a busy client would take from the second core.
        connection = http.client.HTTPConnection("127.0.0.1", daemon.port, timeout=30)
        while ready(connection) != 200:
            time.sleep(0.005)
        took = time.monotonic() - started
    return took, cpu_seconds() - used


def ready(connection):
    connection.request("GET", "/-/ready")
    with connection.getresponse() as response:
        response.read()
        return response.status


def row(title, run, paths, rounds):
    one, two = [], []
    for _ in range(rounds):
        one.append(run({0}, paths))
        two.append(run({0, 1}, paths))
    seconds = [statistics.median(took for took, _ in of) for of in (one, two)]
    cpu = [statistics.median(used for _, used in of) for of in (one, two)]
    fastest = [min(took for took, _ in of) for of in (one, two)]
    return [title, *(f"{s:.2f} s ({c:.2f} s CPU)" for s, c in zip(seconds, cpu)), f"{seconds[0] / seconds[1]:.2f}",
            f"{fastest[0] / fastest[1]:.2f}", f"{2 * cpu[0] / cpu[1]:.2f}"]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", type=int, default=2_000_000, help="of each file (default 2,000,000)")
    parser.add_argument("--rounds", type=int, default=5, help="medians of so many (default 5)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="qte-bench-", dir="/dev/shm") as name:
        paths = write_logs(pathlib.Path(name), options.lines)
        rows = [row("replay of two files", replay, paths, options.rounds),
                row("serve, until it has caught up on two files", catch_up, paths, options.rounds)]
    measuring.print_table(["", "one core", "two cores", "times as fast", "fastest rounds", "at best"], rows)


if __name__ == "__main__":
    main()
