#!/usr/bin/env python3
"""UTF-16LE of PowerShell 5, and UTF-8 with a byte order mark."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "lib"))
from field import HERE
from lines import KEYSTROKES, KEY_CODES, UNPARSED, check, end

end(check(HERE / "trace.log", {KEYSTROKES: 1, KEY_CODES: 2, (UNPARSED,): 0}) +
    check(HERE / "bom.log", {KEYSTROKES: 1, KEY_CODES: 2, (UNPARSED,): 0}), "1 keystroke each")
