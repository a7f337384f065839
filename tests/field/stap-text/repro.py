#!/usr/bin/env python3
"""qemu-trace-stap's process id and nanoseconds."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "lib"))
from field import HERE
from lines import LAST_EVENT, READS, check, end, event

end(check(HERE / "trace.log", {READS: 1, event("virtio_blk_req_complete"): 1, LAST_EVENT: 1554311155.346095},
          ["envelope  stap"]), "1 read, 1 completion")
