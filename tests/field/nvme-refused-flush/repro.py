#!/usr/bin/env python3
"""An NVMe controller refuses 50 flushes: they are errors, and no flushes that succeeded."""

import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "lib"))
from recorded_guest import Guest

guest = Guest(HERE, "trace.log")
guest.check("flushes", guest.total("qemu_block_flushes_total"), 0)
guest.check("refused flushes", guest.total("qemu_block_errors_total", operation="flush"), 50)
guest.check("all errors", guest.total("qemu_block_errors_total"), 50)
sys.exit(guest.verdict())
