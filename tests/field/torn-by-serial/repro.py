#!/usr/bin/env python3
"""A guest's serial console and the trace in one file."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "lib"))
from field import HERE
from lines import READS, check, end, event, unparsed

end(check(HERE / "trace.log", {READS: 2, event("virtio_set_status"): 1, unparsed("format_mismatch"): 1}), "2 reads")
