#!/usr/bin/env python3
"""-d int and other output of QEMU in the trace's file."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "lib"))
from field import HERE
from lines import EVENTS, READS, check, end, event

end(check(HERE / "trace.log", {(EVENTS,): 2, event("pic_interrupt"): 1, READS: 1}), "2 events")
