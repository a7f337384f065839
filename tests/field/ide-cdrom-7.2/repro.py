#!/usr/bin/env python3
"""A guest reads a CD-ROM behind IDE. QEMU counts three answers to commands (70 bytes) among the reads, which are none."""

import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "lib"))
from recorded_guest import BYTES, OPERATIONS, Guest

guest = Guest(HERE)
guest.check_disks(OPERATIONS, rd_operations=15)
guest.check_disks(BYTES, rd_bytes=1497158 - 70)
guest.check_errors()
sys.exit(guest.verdict())
