#!/usr/bin/env python3
"""Recorded traces in all compressions, and a pattern that matches one: as a whole, and as it is being written."""

import pathlib
import shutil
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "lib"))
from field import DIR, QTE, Serve, done, total

PRESS = "4711@1795408700.000001:ps2_put_keycode 0x55aa00000010 keycode 0x1c\n"
RELEASE = "4711@1795408700.000001:ps2_put_keycode 0x55aa00000010 keycode 0xf0\n"
TOOLS = {"xz": ["xz", "-c"], "bz2": ["bzip2", "-c"], "gz": ["gzip", "-c"], "zst": ["zstd", "-qc"], "lz4": ["lz4", "-qc"],
         "lzma": ["xz", "--format=lzma", "-c"]}


def compressed(suffix, text):
    return subprocess.run(TOOLS[suffix], input=text.encode(), stdout=subprocess.PIPE, check=True).stdout


def replay(name, content):
    path = DIR / name
    path.write_bytes(content)
    replayed = subprocess.run([QTE, "replay", path], capture_output=True, text=True)
    path.unlink()
    return replayed


wrong = []
suffixes = [suffix for suffix, tool in TOOLS.items() if shutil.which(tool[0])]
for suffix in suffixes:
    one = compressed(suffix, PRESS + RELEASE)
    # By content, not by name; several in one file; a torn one is an error; one of nothing holds nothing.
    for name, content, keycodes, code in ((f"vm.log.{suffix}", one, 2, 0), ("vm.log", one, 2, 0), ("b.log", one + one, 4, 0),
                                          ("torn.log", one[:-5], None, 1), ("empty.log", compressed(suffix, ""), 0, 0)):
        if suffix == "lzma" and name == "b.log":
            continue  # xz itself reads but one
        done_with = replay(name, content)
        read = total(done_with.stdout, "qemu_keyboard_keycodes_total")
        if done_with.returncode != code or keycodes not in (None, read):
            wrong.append(f"{name} by {suffix}: {done_with.returncode}, {read}, {done_with.stderr}")
    big = compressed(suffix, (PRESS + RELEASE) * 50_000)
    if total(replay("big.log", big).stdout, "qemu_keyboard_keycodes_total") != 100_000:
        wrong.append(f"big by {suffix}")
refused = replay("a.zip", b"PK\x03\x04\x14\0\0\0" + bytes(50))
if refused.returncode != 1 or "zip" not in refused.stderr:
    wrong.append(f"a.zip: {refused.stderr}")

(DIR / "vm.log").write_text(PRESS)
(DIR / "vm.log.1.gz").write_bytes(compressed("gz", PRESS + RELEASE))
(DIR / "vm.log.3").write_bytes(compressed("gz", PRESS)[:3])
with Serve(f"--trace.path={DIR}/vm.log*", "--trace.path=/proc/self/nothing*") as daemon:
    time.sleep(2)
    said = [line for line in daemon.warnings() if "is compressed (gzip)" in line and "vm.log.1.gz" in line]
    if len(said) != 1 or "exclude" not in said[0]:
        wrong.append(f"serve says {daemon.warnings()}")
    if "vm.log.1.gz" in daemon.get()[1]:
        wrong.append("the .gz is a source in /metrics")
    # A file that is compressed while it is followed, and one that becomes a log again.
    with open(DIR / "vm.log.2.gz", "wb") as later:
        time.sleep(1)
        later.write(compressed("gz", PRESS * 1000))
    (DIR / "vm.log.1.gz").write_text(PRESS + PRESS)
    time.sleep(7)
    read, lines = (daemon.total(name) for name in ("qemu_keyboard_keycodes_total", "qemu_trace_exporter_lines_total"))
    if (read, lines) != (3, 3):
        wrong.append(f"{read} key codes in {lines} lines, not 3 in 3")
done(not wrong, f"{len(suffixes)} formats; {'; '.join(wrong) or 'all as they should be'}")
