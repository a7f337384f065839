#!/usr/bin/env python3
"""What more rules and more files cost. Rules: instructions a line by callgrind, which are the same on every run, with the
default config and with hundreds of rules beside it. Files: processor time and memory of a daemon that follows so many.
About two minutes."""

import argparse
import pathlib
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
import exporter
import instructions
import measuring
import procfs
from mixed_lines import LINES, THREAD_PREFIX

DEFAULT = exporter.ROOT / "config/default.yaml"
INPUTS = {
    "events that rules use": LINES,
    "text, no event": ["qemu-system-x86_64: warning: nothing of interest here, number 17",
                       "IN: 0x000fcf5e:  31 c0    xorl %eax, %eax"],
    "undeclared events": ["newer_qemus_event vq 0x55e759f09cf0 elem 0x7f2364048730 count 3"],
}


def declared_events():
    text = (exporter.ROOT / "config/trace-events").read_text()
    return {line.split("(")[0].split()[-1] for line in text.splitlines() if line[:1].isalpha()}


def other_rules(count):
    """On events that do not come."""
    events = sorted(declared_events() - {line.split()[0] for line in LINES})
    return [f"  - {{name: other_{i}_total, type: counter, help: x, event: {events[i % len(events)]}}}"
            for i in range(count)]


def same_rules(count):
    """All on one event that does come."""
    return [f"  - {{name: same_{i}_total, type: counter, help: x, event: pci_cfg_read, labels: {{device: dev}}}}"
            for i in range(count)]


def match_rules(count):
    return [f"  - {{name: match_{i}_total, type: counter, help: x, match: '^subsystem{i}: (?P<what>\\w+) failed',"
            " labels: {what: what}}" for i in range(count)]


RULES = {
    "default config": [],
    "and 200 rules on other events": other_rules(200),
    "and 200 `match` rules": match_rules(200),
    "and 1 `match` rule": match_rules(1),
    "and 50 rules on pci_cfg_read": same_rules(50),
    "and 100 rules on pci_cfg_read": same_rules(100),
}


def config_with(directory, title, rules):
    text = DEFAULT.read_text()
    at = text.index("\nmetrics:\n") + len("\nmetrics:\n")
    path = directory / f"{list(RULES).index(title)}.yaml"
    path.write_text(text[:at] + "".join(rule + "\n" for rule in rules) + text[at:])
    return [f"--config.file={path}"]


def rules_table(directory, lines):
    paths = {}
    for title, kinds in INPUTS.items():
        paths[title] = directory / f"{len(paths)}.log"
        paths[title].write_text("".join(THREAD_PREFIX + kinds[i % len(kinds)] + "\n" for i in range(lines)))
    empty = directory / "empty.log"
    empty.touch()
    rows = []
    for title, rules in RULES.items():
        config = config_with(directory, title, rules)
        start_up = instructions.instructions(empty, config)
        rows.append([title] + [f"{(instructions.instructions(path, config) - start_up) / lines:.0f}"
                               for path in paths.values()])
    measuring.print_table(["instructions a line", *INPUTS], rows)


def files_row(count):
    text = "".join(THREAD_PREFIX + line + "\n" for line in LINES).encode()
    with tempfile.TemporaryDirectory(prefix="qte-bench-") as name:
        directory = pathlib.Path(name)
        for i in range(count):
            (directory / f"vm-{i:05}.log").write_bytes(text)
        with exporter.Daemon(f"--trace.path={directory}/*.log") as daemon:
            daemon.wait_ready(120)
            pid = daemon.process.pid
            start, memory = measuring.nanoseconds(pid), procfs.memory(pid)
            time.sleep(6)  # until all count as idle
            used = measuring.nanoseconds(pid)
            time.sleep(6)
            idle = (measuring.nanoseconds(pid) - used) / 6e9
            used = measuring.nanoseconds(pid)
            for i in range(count):
                with open(directory / f"vm-{i:05}.log", "ab") as log:
                    log.write(text)
            daemon.wait_for_bytes(2 * count * len(text), 120)
            more = measuring.nanoseconds(pid) - used
    return [f"{count:,}", f"{start / count / 1e3:.0f}", f"{more / count / 1e3:.0f}", f"{idle:.2%}",
            f"{memory / 1e6:.1f}"]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", type=int, default=20_000, help="of each input (default 20,000)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="qte-bench-") as name:
        rules_table(pathlib.Path(name), options.lines)
    print()
    measuring.print_table(["files", "CPU us a file, start and 10 lines", "10 lines more in each, with scrapes",
                           "idle, share of a core", "RSS MB"], [files_row(count) for count in (100, 500, 2500)])


if __name__ == "__main__":
    main()
