#!/usr/bin/env python3
"""Sectors of a disk behind an lsi53c895a fail under rerror=ignore,werror=ignore. QEMU counts them as failed; no event tells
so, and they count as done here."""

import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "lib"))
from recorded_guest import BYTES, FLUSHES, OPERATIONS, Guest

guest = Guest(HERE)
guest.check_disks(OPERATIONS, rd_operations=7 + 2, wr_operations=3 + 1)
guest.check_disks(BYTES, rd_bytes=25088 + 12288, wr_bytes=12288 + 4096)
guest.check_disks(FLUSHES)
guest.check_errors(failed_rd_operations=0, failed_wr_operations=0)
guest.check_at_rest()
sys.exit(guest.verdict())
