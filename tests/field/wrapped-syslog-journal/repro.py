#!/usr/bin/env python3
"""RFC 3164, ISO with microseconds, and journalctl -o short-iso."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "lib"))
from field import HERE
from lines import READS, check, end

end(check(HERE / "trace.log", {READS: 3}, ["envelope  syslog"]), "3 reads")
