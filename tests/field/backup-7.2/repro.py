#!/usr/bin/env python3
"""While a backup job runs, QEMU puts a filter below each backend and logs no name for it: requests stay with their disk."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "lib"))
import field

field.replay_account(field.HERE / "trace.log.gz", field.HERE / "truth.json")
