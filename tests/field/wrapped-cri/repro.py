#!/usr/bin/env python3
"""containerd's CRI log; a line without a prefix has the wrapper's time."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "lib"))
from field import HERE
from lines import LAST_EVENT, READS, check, end

end(check(HERE / "trace.log", {READS: 2, LAST_EVENT: 1795408700.000001}, ["envelope  cri", "its time: 1795408700.000001 s"]),
    "2 reads")
