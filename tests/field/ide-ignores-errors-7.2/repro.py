#!/usr/bin/env python3
"""Sectors of an IDE disk fail under rerror=ignore,werror=ignore. QEMU counts them as done; no event tells so, and they are
errors here."""

import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "lib"))
from recorded_guest import BYTES, FLUSHES, OPERATIONS, Guest

guest = Guest(HERE)
guest.check_disks(OPERATIONS, rd_operations=9 - 2, wr_operations=4 - 1)
guest.check_disks(BYTES, rd_bytes=37376 - 12288, wr_bytes=16384 - 4096)
guest.check_disks(FLUSHES)
guest.check_errors(failed_rd_operations=2, failed_wr_operations=1)
guest.check_at_rest()
sys.exit(guest.verdict())
