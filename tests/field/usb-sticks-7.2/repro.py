#!/usr/bin/env python3
"""Two USB disks, both target 0 and lun 0, whose commands have equal tags: each has its own bytes."""

import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "lib"))
from recorded_guest import BYTES, Guest

guest = Guest(HERE)
guest.check_disks(BYTES)
guest.check("flushes", guest.total("qemu_block_flushes_total"), 2)
guest.check_errors()
guest.check_at_rest()
sys.exit(guest.verdict())
