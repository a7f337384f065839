#!/usr/bin/env python3
"""A mirror job's filter takes the address of a node that is gone: no request shows under that node's file."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "lib"))
import field

field.replay_account(field.HERE / "trace.log.gz", field.HERE / "truth.json")
