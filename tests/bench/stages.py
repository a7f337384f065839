#!/usr/bin/env python3
"""The stages of the hot path one by one, by Google Benchmark, whose options this takes: lines and bytes a second."""

import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]

if __name__ == "__main__":
    program = ROOT / "build/release/tests/bench/qte_bench"
    if not program.exists():
        sys.exit(f"{program} is not there: install libbenchmark-dev and build again")
    sys.exit(subprocess.run([program, *sys.argv[1:]], cwd=ROOT).returncode)
