#!/usr/bin/env python3
"""A guest with a USB keyboard: the keys pressed count, though QEMU queues no PS/2 scan code."""

import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "lib"))
from recorded_guest import Guest

guest = Guest(HERE)
guest.check("keys", guest.total("qemu_input_keystrokes_total"), guest.truth["keys_pressed"])
guest.check("keys of PS/2", guest.total("qemu_keyboard_keystrokes_total"), 0)
sys.exit(guest.verdict())
