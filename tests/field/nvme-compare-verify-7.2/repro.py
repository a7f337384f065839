#!/usr/bin/env python3
"""A guest sends Compare, Verify, Write Zeroes, Copy, Flush and others to an NVMe drive: Compare and Verify are reads."""

import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "lib"))
from recorded_guest import BYTES, OPERATIONS, Guest

guest = Guest(HERE)
guest.check_disks(OPERATIONS)
guest.check_disks(BYTES)
guest.check("flushes", guest.total("qemu_block_flushes_total"), 1)
guest.check_at_rest()
sys.exit(guest.verdict())
