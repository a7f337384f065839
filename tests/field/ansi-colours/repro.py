#!/usr/bin/env python3
"""Escape sequences of a terminal around events."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "lib"))
from field import HERE
from lines import READS, UNPARSED, check, end

end(check(HERE / "trace.log", {READS: 3, (UNPARSED,): 0}, ["\\x1b[2J\\x1b[01;01H"]), "3 reads")
