#!/usr/bin/env python3
"""How long a scrape takes while millions of lines come in through a file, beside one of an idle daemon. Prints both and
their ratio; the exit code is 1 when the longest scrape is over the bound or a line is missing."""

import argparse
import pathlib
import statistics
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
import exporter
from mixed_lines import LINES, THREAD_PREFIX

BLOCK_LINES = 10000


class Writer(threading.Thread):
    """Appends `count` lines as fast as the file takes them."""

    def __init__(self, path, count):
        super().__init__()
        self._path = path
        self._blocks = count // BLOCK_LINES
        self.lines = self._blocks * BLOCK_LINES

    def run(self):
        block = "".join(THREAD_PREFIX + LINES[i % len(LINES)] + "\n" for i in range(BLOCK_LINES)).encode()
        with open(self._path, "ab", buffering=0) as log:
            for _ in range(self._blocks):
                log.write(block)


def timed_scrape(daemon):
    """(seconds, exposition)."""
    started = time.monotonic()
    text = daemon.text()
    return time.monotonic() - started, text


def lines_of(text):
    return int(next(float(line.split()[-1]) for line in text.splitlines()
                    if line.startswith("qemu_trace_exporter_lines_total")))


def measure(daemon, log, count):
    """(scrapes of the idle daemon, scrapes under load, seconds until all was read, lines missing)."""
    idle = [timed_scrape(daemon)[0] for _ in range(100)]
    writer = Writer(log, count)
    started = time.monotonic()
    writer.start()
    loaded = []
    lines = 0
    while lines < writer.lines and time.monotonic() < started + 60:
        seconds, text = timed_scrape(daemon)
        loaded.append(seconds)
        lines = lines_of(text)
        time.sleep(0.005)
    took = time.monotonic() - started
    writer.join()
    return idle, loaded, took, writer.lines - lines


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", type=int, default=5_000_000)
    parser.add_argument("--bound", type=float, default=1.0, help="seconds that the longest scrape may take")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="qte-bench-") as directory:
        log = pathlib.Path(directory) / "vm1.log"
        log.touch()
        with exporter.Daemon(f"--trace.path={log}") as daemon:
            daemon.wait_ready()
            idle, loaded, took, missing = measure(daemon, log, options.lines)
    usual, busy = statistics.median(idle), statistics.median(loaded)
    print(f"{options.lines:,} lines in {took:.1f} s ({options.lines / took / 1e6:.1f} million/s), {missing} missing\n"
          f"scrape, idle:       median {usual * 1e3:7.2f} ms, longest {max(idle) * 1e3:7.2f} ms ({len(idle)} scrapes)\n"
          f"scrape, under load: median {busy * 1e3:7.2f} ms, longest {max(loaded) * 1e3:7.2f} ms ({len(loaded)} scrapes)\n"
          f"under load / idle:  median {busy / usual:7.1f}, longest {max(loaded) / usual:7.1f}; "
          f"bound {options.bound * 1e3:.0f} ms for the longest")
    return 0 if max(loaded) < options.bound and missing == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
