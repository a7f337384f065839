#!/usr/bin/env python3
"""A guest writes three times with FUA to a SCSI disk. QEMU flushes after each; no event of its default set tells so."""

import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "lib"))
from recorded_guest import BYTES, FLUSHES, OPERATIONS, Guest

guest = Guest(HERE)
guest.check_disks(OPERATIONS)
guest.check_disks(BYTES)
guest.check_disks(FLUSHES, flush_operations=7 - 3)
guest.check_errors()
guest.check_at_rest()
sys.exit(guest.verdict())
