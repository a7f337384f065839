#!/usr/bin/env python3
"""QEMU on Windows: pointers without 0x, and CR LF."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "lib"))
from field import HERE
from lines import KEYSTROKES, KEY_CODES, READS, check, end, event, unparsed

end(check(HERE / "trace.log", {READS: 1, KEY_CODES: 3, KEYSTROKES: 1, ("qemu_block_reads_total",): 1,
                              ("qemu_block_read_bytes_total",): 4096, unparsed("not_an_event"): 1,
                              unparsed("format_mismatch"): 0, event("Servicing"): 0}), "1 keystroke, 1 read of 4096 bytes")
