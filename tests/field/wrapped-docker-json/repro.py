#!/usr/bin/env python3
"""Docker's json-file."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "lib"))
from field import HERE
from lines import KEY_CODES, LAST_EVENT, READS, check, end

end(check(HERE / "trace.log", {READS: 1, KEY_CODES: 1, LAST_EVENT: 1795408700.000002},
          ["envelope  docker-json", "its time: 1795408700.000000 s", "thread    4711"]),
    "1 read, 1 key code")
