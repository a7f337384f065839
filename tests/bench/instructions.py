#!/usr/bin/env python3
"""Instructions a line of `replay`, counted by callgrind: the same on every run, whatever else the machine does.

Start-up, measured on an empty input, is taken off. With --profile, prints where the instructions of one input go."""

import argparse
import pathlib
import re
import subprocess
import tempfile

import compare
from compare import HERE, exporter

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


def table(inputs, directory):
    empty = directory / "empty.log"
    empty.touch()
    start_up = {name: instructions(empty, config) for name, config in CONFIGS.items()}
    print("| input | " + " | ".join(f"{name}, instructions a line" for name in CONFIGS) + " |")
    print("|---|" + "---|" * len(CONFIGS))
    for title, (path, _) in inputs.items():
        lines = path.read_bytes().count(b"\n")
        cells = [f"{(instructions(path, config) - start_up[name]) / lines:.0f}" for name, config in CONFIGS.items()]
        print(f"| {title} | " + " | ".join(cells) + " |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", type=int, default=100_000, help="of each input (default 100,000)")
    parser.add_argument("--profile", metavar="INPUT", help="part of an input's title")
    parser.add_argument("--config", choices=CONFIGS, default="default config", help="for --profile")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="qte-bench-") as name:
        directory = pathlib.Path(name)
        inputs = compare.make_inputs(directory, options.lines)
        if not options.profile:
            return table(inputs, directory)
        for title, (path, _) in inputs.items():
            if options.profile in title:
                print(title, profile(path, CONFIGS[options.config], directory), sep="\n")


if __name__ == "__main__":
    main()
