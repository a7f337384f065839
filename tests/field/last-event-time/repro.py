#!/usr/bin/env python3
"""Events that no catalog declares move the time of the last event, also where there are no others."""

import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "lib"))
from field import HERE, QTE, done, total


def last(text):
    replayed = subprocess.run([QTE, "replay", "-"], input=text, capture_output=True, text=True).stdout
    return total(replayed, "qemu_trace_exporter_last_event_timestamp_seconds")


text = (HERE / "trace.log").read_text()
alone = "".join(line for line in text.splitlines(keepends=True) if "new_event" in line)
iso = "2026-11-23T04:41:06.310976Z new_event x 1\n"
found = [last(text), last(alone), last(iso)]
done(found == [1700000060.000001, 1700000060.000001, 1795408866.310976], str(found))
