#!/usr/bin/env python3
"""What a scrape costs and what series weigh: processor time of whole requests (snapshot, serialisation, sending; without
and with gzip), the part of it that the ingest thread spends, since that is how long lines wait, and the memory of the
daemon before, after and during scrapes; and beside it what each format takes. About a minute."""

import argparse
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
import exporter
import measuring
import process
import procfs

COUNTER = """\
metrics:
  - {name: qemu_reads_total, type: counter, help: Reads., event: pci_cfg_read,
     labels: {device: dev, address: "{bus}:{slot}.{func}"}}
limits: {max_series_per_metric: 1000000}
"""
HISTOGRAM = """\
metrics:
  - {name: qemu_read_size_bytes, type: histogram, help: Sizes., event: pci_cfg_read, value: offs,
     buckets: {start: 1, factor: 2, count: 20}, labels: {device: dev, address: "{bus}:{slot}.{func}"}}
limits: {max_series_per_metric: 1000000}
"""
EVENTS = """\
metrics: [{name: qemu_keycodes_total, type: counter, help: Codes., event: ps2_put_keycode}]
"""
DISKS = 100


def reads(directory, count):
    """Lines of `count` label sets, each twice, and a third time with another size."""
    with open(directory / "vm-017.log", "w") as log:
        for _ in range(2):
            for i in range(count):
                disk, address = i % DISKS, i // DISKS
                log.write(f"pci_cfg_read /var/lib/images/disk-{disk:03}.qcow2 {address >> 8 & 255:02x}:"
                          f"{address >> 3 & 31:02x}.{address & 7:x} @0x{i % 4000:x} -> 0x12378086\n")


def events(directory, machines, names):
    """`machines` logs with the first `names` events that QEMU declares, and one that no rule moves."""
    declared = [line.split("(")[0].split()[-1]
                for line in (exporter.ROOT / "config/trace-events").read_text().splitlines() if line[:1].isalpha()]
    some = (declared + [f"undeclared_event_{i}" for i in range(names)])[:names]
    text = "".join(f"{name} 1 2 3\n" * (i % 3 + 1) for i, name in enumerate(some))
    for i in range(machines):
        (directory / f"vm-{i:03}.log").write_text(text)


CASES = {
    "10,000 counters": (COUNTER, lambda directory: reads(directory, 10_000)),
    "100,000 counters": (COUNTER, lambda directory: reads(directory, 100_000)),
    "500 VMs x 200 events": (EVENTS, lambda directory: events(directory, 500, 200)),
    "1,000 histograms x 21 buckets": (HISTOGRAM, lambda directory: reads(directory, 1000)),
}


class Scrapes:
    """Processor time of so many scrapes, in milliseconds each."""

    def __init__(self, daemon, ingest_thread, count, gzip):
        client = measuring.Client(daemon.port, gzip)
        client.get()
        pid = daemon.process.pid
        self.whole, self.ingest = [], []
        for _ in range(count):
            before = measuring.nanoseconds_by_thread(pid)
            self.size = len(client.get())
            after = measuring.nanoseconds_by_thread(pid)
            self.whole.append((sum(after.values()) - sum(before.values())) / 1e6)
            self.ingest.append((after[ingest_thread] - before[ingest_thread]) / 1e6)


def settle(pid, thread):
    """Until the ingest thread has nothing to do of its own: files that had data just now are looked at often."""
    def is_idle():
        before = measuring.nanoseconds_by_thread(pid)[thread]
        time.sleep(0.5)
        return measuring.nanoseconds_by_thread(pid)[thread] - before < 1e6
    process.wait_until(is_idle, "the ingest thread to be idle")


def measure(title, count):
    """(cells of the table, series, bytes of memory after reading)."""
    config, write = CASES[title]
    with tempfile.TemporaryDirectory(prefix="qte-bench-") as name:
        directory = pathlib.Path(name)
        write(directory)
        (directory / "config.yaml").write_text(config)
        with exporter.Daemon(f"--config.file={directory / 'config.yaml'}",
                             f"--trace.path={directory}/*.log") as daemon:
            daemon.wait_ready(60)
            pid = daemon.process.pid
            times = measuring.nanoseconds_by_thread(pid)
            ingest_thread = max(times, key=times.get)  # it has just read all lines, before any scrape
            settle(pid, ingest_thread)
            read = procfs.memory(pid)
            plain = Scrapes(daemon, ingest_thread, count, gzip=False)
            peak = procfs.peak_memory(pid)
            time.sleep(0.2)
            after = procfs.memory(pid)
            packed = Scrapes(daemon, ingest_thread, count, gzip=True)
            samples = sum(not line.startswith(b"#") for line in measuring.Client(daemon.port).get().splitlines())
    return [title, f"{samples:,}", f"{plain.size / 1e6:.1f}", measuring.median_and_spread(plain.whole),
            f"{statistics.median(packed.whole):.1f}", measuring.median_and_spread(plain.ingest),
            f"{read / 1e6:.1f}", f"{peak / 1e6:.1f}", f"{after / 1e6:.1f}"], read


def formats():
    """Rows of what it takes to write 100,000 counters in each format, and by prometheus-cpp's own serializer."""
    done = subprocess.run([exporter.ROOT / "build/release/tests/bench/qte_bench", "--benchmark_filter=BM_Exposition",
                           "--benchmark_repetitions=5", "--benchmark_format=json"], stdout=subprocess.PIPE, check=True, text=True)
    medians = [run for run in json.loads(done.stdout)["benchmarks"] if run.get("aggregate_name") == "median"]
    last = medians[-1]["cpu_time"]
    return [[run["run_name"].split("/")[1], f"{run['MB']:.1f}", f"{run['cpu_time']:.1f}", f"{last / run['cpu_time']:.1f}"]
            for run in medians]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scrapes", type=int, default=15, help="of each kind (default 15)")
    parser.add_argument("--case", choices=CASES, action="append", help="only this one (repeatable)")
    options = parser.parse_args()
    memory, rows = {}, []
    for title in options.case or CASES:
        cells, memory[title] = measure(title, options.scrapes)
        rows.append(cells)
    measuring.print_table(["series", "samples", "MB", "CPU ms a scrape", "with gzip", "of these, ingest thread",
                           "RSS MB", "its peak in scrapes", "after them"], rows)
    if {"10,000 counters", "100,000 counters"} <= memory.keys():
        grown = memory["100,000 counters"] - memory["10,000 counters"]
        print(f"\nMemory of a counter series, from 10,000 to 100,000: {grown / 90_000:.0f} bytes\n")
    measuring.print_table(["100,000 counters in the format", "MB", "CPU ms", "times as fast as prometheus-cpp"], formats())


if __name__ == "__main__":
    main()
