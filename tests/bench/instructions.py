#!/usr/bin/env python3
"""Instructions a line of `replay`, counted by callgrind: the same on every run, whatever else the machine does.

Start-up, measured on an empty input, is taken off. With --profile, prints where the instructions of one input go. With
--check, fails where an input takes more than instructions.json says, which --update writes: a commit that does so tells
why. The numbers are of one compiler; another one's are not compared."""

import argparse
import json
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile

import compare
import parts
from compare import HERE, exporter

BASELINE = HERE / "instructions.json"
# Each process hashes by a secret of its own, which moves the numbers by up to one in a hundred.
TOLERANCE = 1.03
TRIES = 3
SAMPLE = 20_000  # lines of each input
CONFIGS = {"four rules": [f"--config.file={HERE / 'four_rules.yaml'}"], "default config": []}


def instructions(path, config, output="/dev/null"):
    command = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={output}", exporter.BINARY, "replay", *config,
               path]
    done = subprocess.run([str(part) for part in command], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    counted = re.search(r"Collected : (\d+)", done.stderr)
    if done.returncode != 0 or not counted:
        raise SystemExit(f"callgrind failed: {done.stderr[-500:]}")
    return int(counted.group(1))


def profile(path, config, directory):
    output = directory / "callgrind.out"
    instructions(path, config, output)
    return subprocess.check_output(["callgrind_annotate", "--auto=no", output], text=True)


class Counter:
    """Instructions a line of an input with a config."""

    def __init__(self, directory):
        empty = directory / "empty.log"
        empty.touch()
        self._start_up = {name: instructions(empty, config) for name, config in CONFIGS.items()}

    def count(self, path, config):
        lines = path.read_bytes().count(b"\n")
        return (instructions(path, CONFIGS[config]) - self._start_up[config]) / lines


def table(inputs, directory, tries):
    counter, counts = Counter(directory), {}
    print("| input | " + " | ".join(f"{name}, instructions a line" for name in CONFIGS) + " |")
    print("|---|" + "---|" * len(CONFIGS))
    for title, (path, _) in inputs.items():
        counts[title] = {config: round(statistics.median(counter.count(path, config) for _ in range(tries))) for config in CONFIGS}
        print(f"| {title} | " + " | ".join(map(str, counts[title].values())) + " |", flush=True)
    return counts


def compiler():
    """That has made the binary: "GCC 12"."""
    comment = subprocess.check_output(["readelf", "--string-dump=.comment", exporter.BINARY], text=True)
    found = dict(re.findall(r"(GCC|clang)\D[^\n]*? (\d+)\.\d+\.\d+", comment))
    name = "clang" if "clang" in found else "GCC"  # what the C library brings is GCC's in any case
    return f"{name} {found[name]}"


def check(inputs, directory):
    """Whether no input takes more than in the baseline. One that does is counted again."""
    baseline = json.loads(BASELINE.read_text())
    if baseline["compiler"] != compiler():
        return print(f"not compared: this binary is by {compiler()}, the baseline by {baseline['compiler']}") or True
    counter, all_good = Counter(directory), True
    for title, (path, _) in inputs.items():
        for config in CONFIGS:
            most = baseline["instructions"][title][config] * TOLERANCE
            counted = min_until(most, lambda: counter.count(path, config))
            print(f"{title}, {config}: {counted:.0f}, at most {most:.0f}", flush=True)
            all_good = all_good and counted <= most
    if not all_good:
        print("More instructions than before. If there is a reason: tests/bench/run.sh instructions --update, and tell it in "
              "the commit.")
    return all_good


def min_until(enough, count):
    """The least of some counts, and of no more than it takes to be at most `enough`."""
    least = count()
    for _ in range(TRIES - 1):
        if least <= enough:
            break
        least = min(least, count())
    return least


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", type=int, default=100_000, help="of each input (default 100,000)")
    parser.add_argument("--check", action="store_true", help="compare with the baseline")
    parser.add_argument("--update", action="store_true", help="make this the baseline")
    parser.add_argument("--profile", metavar="INPUT", help="part of an input's title")
    parser.add_argument("--config", choices=CONFIGS, default="default config", help="for --profile")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="qte-bench-") as name:
        directory = pathlib.Path(name)
        if options.check:
            parts.need("valgrind", "readelf")
        inputs = compare.make_inputs(directory, SAMPLE if options.check or options.update else options.lines)
        if options.check:
            return 0 if check(inputs, directory) else 1
        if not options.profile:
            counts = table(inputs, directory, TRIES if options.update else 1)
            if options.update:
                BASELINE.write_text(json.dumps({"compiler": compiler(), "instructions": counts}, indent=1) + "\n")
            return 0
        for title, (path, _) in inputs.items():
            if options.profile in title:
                print(title, profile(path, CONFIGS[options.config], directory), sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
