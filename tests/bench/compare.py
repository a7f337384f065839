#!/usr/bin/env python3
"""Measures `replay` beside other tools on the same inputs, on one core, alternating, and prints one table.

First all contenders must count the same, as far as each counts. Then each round runs every contender once; the table gives the median of the
CPU time (user and system, of the process and its children) and how many times as long as ours it takes. Start-up time,
measured on an empty input, is taken off, since these inputs are small beside what a daemon reads."""

import argparse
import gzip
import os
import pathlib
import platform
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "lib"))
import exporter
import exposition
import mixed_lines

CORE = "1" if (os.cpu_count() or 1) > 1 else "0"
THREAD = mixed_lines.THREAD_PREFIX
ISO = "2026-11-23T04:41:06.310976Z "
DOCKER, DOCKER_END = '{"log":"', '\\n","stream":"stderr","time":"2026-11-23T04:41:06.310976231Z"}'
PREFIX_PATTERNS = {"": "", THREAD: r"\d+@\d+\.\d+:", ISO: r"\d+-\d+-\d+T\d+:\d+:[\d.]+Z ", DOCKER: r'\{"log":"'}
# By hand, as fast as awk goes: fields are split once, the first one decides.
MAWK = r"""
{ name = $FIELD; SUB }
name == "ps2_put_keycode" { keycodes++; next }
name == "pci_cfg_read" { reads[$(FIELD + 1)]++; next }
name == "blk_co_preadv" { bytes += $(FIELD + 8); next }
name == "pci_cfg_write" { writes[$(FIELD + 1)]++; next }
END {
  print "keycodes_total", keycodes + 0; printf "bytes_total %.0f\n", bytes
  for (d in reads) print "reads_total", d, reads[d]
  for (d in writes) print "writes_total", d, writes[d]
}
"""


class Contender:
    def __init__(self, name, command, counts):
        self.name = name
        self.command = [str(part) for part in command]
        self._counts = counts  # output to {total: value}

    def run(self, path):
        """(CPU seconds, output)."""
        command = [part.replace("@", str(path)) if part.startswith("@") else part for part in self.command]
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run(["taskset", "-c", CORE, *command], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        found_nothing = command[0] == "grep" and done.returncode == 1
        if done.returncode != 0 and not found_nothing:
            sys.exit(f"{self.name} ended with {done.returncode}: {done.stderr.decode()[-500:]}")
        return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime, done.stdout.decode()

    def counts(self, path):
        return self._counts(self.run(path)[1])


TOTALS = ("keycodes_total", "reads_total", "writes_total", "bytes_total")


OUR_NAMES = {"keycodes_total": "qemu_keyboard_keycodes_total", "reads_total": "qemu_pci_config_reads_total",
             "writes_total": "qemu_pci_config_writes_total", "lines": "qemu_trace_exporter_lines_total"}


def totals_of_exposition(text):
    metrics = exposition.parse(text)
    totals = {name: metrics.total(name) for name in TOTALS}
    if OUR_NAMES["lines"] in text:
        totals["lines"] = metrics.total(OUR_NAMES["lines"])
    return totals


def totals_of_default_config(text):
    metrics = exposition.parse(text)
    return {name: metrics.total(ours) for name, ours in OUR_NAMES.items()}


def total_of_first_word(name):
    return lambda text: {name: float(text.split()[0])}


def totals_of_words(text):
    totals = dict.fromkeys(TOTALS, 0.0)
    for line in text.splitlines():
        words = line.split()
        totals[words[0]] += float(words[-1])
    return totals


def contenders(prefix, directory):
    """Those of an input whose lines begin with `prefix`."""
    program = directory / "four_rules.mtail"
    pattern = PREFIX_PATTERNS[prefix]
    program.write_text((HERE / "four_rules.mtail").read_text().replace("PREFIX", pattern))
    subs = {THREAD: 'sub(/^[^:]*:/, "", name)', DOCKER: 'sub(/^{"log":"/, "", name)'}
    field, sub = 2 if prefix == ISO else 1, subs.get(prefix, "")
    mawk = MAWK.replace("SUB", sub).replace("FIELD", str(field))
    return [
        Contender("ours, four rules", [exporter.BINARY, "replay", f"--config.file={HERE / 'four_rules.yaml'}", "@"],
                  totals_of_exposition),
        Contender("ours, default config", [exporter.BINARY, "replay", "@"], totals_of_default_config),
        Contender("mtail", ["mtail", "-one_shot", "-one_shot_format=prometheus", "-progs", program, "-logs", "@",
                            "-log_dir", directory], totals_of_exposition),
        Contender("mawk", ["mawk", mawk, "@"], totals_of_words),
        Contender("grep -c", ["grep", "-c", "pci_cfg_write", "@"], total_of_first_word("writes_total")),
        Contender("wc -l", ["wc", "-l", "@"], total_of_first_word("lines")),
    ]


def write_lines(path, prefix, lines, count):
    end = DOCKER_END if prefix == DOCKER else ""
    block = "".join(f"{prefix}{lines[i % len(lines)]}{end}\n" for i in range(10_000))
    with open(path, "w") as log:
        for _ in range(count // 10_000):
            log.write(block)


def repeat_trace(path, text, count):
    """A recorded trace, over and over: at least `count` lines."""
    with open(path, "wb") as log:
        for _ in range(-(-count // text.count(b"\n"))):
            log.write(text)


def make_inputs(directory, count):
    """{title: (path, prefix)}."""
    traces = HERE.parent / "data/traces"
    short = [line for line in mixed_lines.LINES if len(line) < 60]
    inputs = {
        "short lines": (directory / "short.log", "", short),
        "short lines, tid@time:": (directory / "thread.log", THREAD, short),
        "short lines, ISO time": (directory / "iso.log", ISO, short),
        "short lines, Docker's json-file": (directory / "docker.log", DOCKER, short),
        "lines of all lengths, DMA joined": (directory / "mixed.log", "", mixed_lines.LINES),
    }
    for path, prefix, lines in inputs.values():
        write_lines(path, prefix, lines, count)
    repeat_trace(directory / "all.log", gzip.decompress((traces / "all-events-7.2.log.gz").read_bytes()), count)
    repeat_trace(directory / "dma.log", (traces / "ahci-2disk-parallel-7.2.log").read_bytes(), count)
    found = {title: (path, prefix) for title, (path, prefix, _) in inputs.items()}
    found["-trace '*' (real)"] = (directory / "all.log", "")
    found["two busy AHCI disks (real)"] = (directory / "dma.log", "")
    return found


def measure(title, path, prefix, directory, rounds):
    every = contenders(prefix, directory)
    first = path.open().readline()
    if prefix == "" and re.match(r"\d+@", first):
        every = contenders(THREAD, directory)
    counted = {c.name: c.counts(path) for c in every}
    for total in (*TOTALS, "lines"):
        if len({counts[total] for counts in counted.values() if total in counts}) != 1:
            sys.exit(f"{title}: contenders do not count the same {total}: {counted}")
    empty = directory / "empty.log"
    empty.touch()
    seconds = {c.name: [] for c in every}
    for _ in range(rounds):
        for contender in every:
            seconds[contender.name].append(contender.run(path)[0] - contender.run(empty)[0])
    lines = int(subprocess.check_output(["wc", "-l", path]).split()[0])
    return lines, path.stat().st_size, {name: max(statistics.median(s), 1e-4) for name, s in seconds.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", type=int, default=1_000_000, help="of each input (default 1,000,000)")
    parser.add_argument("--rounds", type=int, default=5, help="medians of so many (default 5)")
    parser.add_argument("--quick", action="store_true", help="100,000 lines, three rounds")
    options = parser.parse_args()
    if options.quick:
        options.lines, options.rounds = 100_000, 3
    model = re.search(r"model name\s*: (.*)", pathlib.Path("/proc/cpuinfo").read_text())
    print(f"{model.group(1) if model else platform.processor()}, {time.strftime('%Y-%m-%d')}; one core, medians of "
          f"{options.rounds}, CPU time without start-up; in brackets, how many times ours with four rules\n")
    header = False
    with tempfile.TemporaryDirectory(prefix="qte-bench-") as name:
        directory = pathlib.Path(name)
        for title, (path, prefix) in make_inputs(directory, options.lines).items():
            lines, size, seconds = measure(title, path, prefix, directory, options.rounds)
            if not header:
                print("| input | " + " | ".join(seconds) + " |")
                print("|---|" + "---|" * len(seconds))
                header = True
            base = seconds["ours, four rules"]
            cells = [f"{lines / s / 1e6:.2f} M lines/s ({s / base:.2f})" for s in seconds.values()]
            print(f"| {title}, {size / lines:.0f} bytes a line | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
