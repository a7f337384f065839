#!/usr/bin/env python3
"""Binary traces of QEMU's `simple` backend: replay and backfill make of them what they make of the same log in text."""

import gzip
import os
import pathlib
import shutil
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "lib"))
import simpletrace
from field import DIR, QTE, done, total

ROOT = pathlib.Path(__file__).resolve().parents[3]
TRACES = ROOT / "tests/data/traces"
KEYCODES = "qemu_keyboard_keycodes_total"
SECOND = 10**9
wrong = []


def run(command, name, content, *flags):
    path = DIR / name
    path.write_bytes(content)
    os.utime(path, (1795408800, 1795408800))
    return subprocess.run([QTE, command, *flags, path], capture_output=True, text=True)


def expect(what, is_right, shown):
    if not is_right:
        wrong.append(f"{what}: {getattr(shown, 'stderr', shown)}")


def keys(order="<"):
    trace = simpletrace.Trace(order)
    for i, code in enumerate((0x34, 0xF0, 0x34)):
        trace.event("ps2_put_keycode", 5 * SECOND + i * 1000, 0x55AA00000010, code)
    return trace


# Whole recordings: all metrics equal those of the text, to the number of bytes that the lines have. Declarations are
# those of the QEMU that wrote the recording, as docs/how-to/recorded-traces.md has it.
BUNDLED = ROOT / "config/trace-events"
KEYS_7_2 = DIR / "keys-7.2.events"
KEYS_7_2.write_text("".join(line + "\n" for line in BUNDLED.read_text().splitlines()
                            if line.startswith("ps2_keyboard_event(void *opaque, int qcode")))
INSTALLED = pathlib.Path("/usr/share/qemu/trace-events-all")
RECORDINGS = {"nvme-7.2": BUNDLED, "ide-raw-7.2": BUNDLED, "ide-raw-5.2": BUNDLED, "virtio-blk-7.2": BUNDLED,
              "virtio-scsi-7.2": BUNDLED, "keys-7.2": KEYS_7_2}
if INSTALLED.exists():
    RECORDINGS["all-events-7.2"] = INSTALLED
records = 0
for name, events in RECORDINGS.items():
    log = next(path for path in TRACES.iterdir() if path.name in (f"{name}.log", f"{name}.log.gz"))
    text = (gzip.open if log.suffix == ".gz" else open)(log, "rb").read().decode(errors="replace")
    trace, kept = simpletrace.of_log(text.splitlines(), simpletrace.Declarations(events, BUNDLED))
    records += len(kept)
    config = DIR / "vm.yaml"
    config.write_text(f"trace_events: [{events}]\n")
    flags = ("--config.file=default", f"--config.file={config}")
    from_text = run("replay", "vm.log", ("\n".join(kept) + "\n").encode(), *flags)
    from_binary = run("replay", "vm.log", bytes(trace.bytes), *flags)
    expect(f"{name}, records", len(kept) > 100, len(kept))
    differing = sorted(set(from_text.stdout.splitlines()) ^ set(from_binary.stdout.splitlines()))
    expect(f"{name} as text and binary", from_text.stdout == from_binary.stdout, differing[:6])
    expect(f"{name}, summaries", from_text.stderr == from_binary.stderr, from_text.stderr + from_binary.stderr)

# Byte orders, compression, several traces in one file, standard input.
for what, content, count in (("little endian", keys().bytes, 3), ("big endian", keys(">").bytes, 3),
                             ("gzip", gzip.compress(keys().bytes), 3), ("two", keys().bytes + keys(">").bytes, 6),
                             ("two members", gzip.compress(keys().bytes) * 2, 6),
                             ("header alone", simpletrace.Trace().bytes, 0)):
    replayed = run("replay", "vm.log", bytes(content))
    expect(what, replayed.returncode == 0 and total(replayed.stdout, KEYCODES) == count, replayed)
for tool in ("xz", "zstd", "bzip2", "lz4"):
    if shutil.which(tool):
        packed = subprocess.run([tool, "-c"], input=bytes(keys().bytes), capture_output=True, check=True).stdout
        replayed = run("replay", "vm.log", packed)
        expect(tool, replayed.returncode == 0 and total(replayed.stdout, KEYCODES) == 3, replayed)
piped = subprocess.run([QTE, "replay", "-"], input=bytes(keys().bytes), capture_output=True)
expect("standard input", total(piped.stdout.decode(), KEYCODES) == 3, piped)

# What QEMU dropped, what the catalog does not declare, what does not fit its declaration, what has no name.
trace = keys()
trace.dropped(6 * SECOND, 17)
trace.event("made_up_event", 7 * SECOND, 1, b"text")
trace.event("ps2_put_keycode", 8 * SECOND, 1, 2, 3)
trace.record(4000, 9 * SECOND)
trace.dropped(10 * SECOND, 3)
replayed = run("replay", "vm.log", bytes(trace.bytes))
lines = replayed.stderr.splitlines()
expect("dropped", replayed.returncode == 0 and any("QEMU dropped 20 events" in line for line in lines), replayed.stderr)
expect("summary", lines[-1] == "6 lines: 3 events (1 kind), 3 not read: 1 not_an_event, 1 undeclared_event, "
       "1 format_mismatch; QEMU dropped 20 events", replayed.stderr)
expect("undeclared", total(replayed.stdout, "qemu_trace_events_total", 'event="made_up_event"') == 1, replayed.stdout)

# Damaged files: an error with the reason, and what came before counts.
whole = bytes(keys().bytes)
for what, content, word, count in (
        ("torn record", whole[:-3], "ends early", 2), ("torn header", whole[:20], "ends early", None),
        ("torn type", whole + b"\1", "ends early", 3), ("torn gzip", gzip.compress(whole)[:-4], "ends early", 3),
        ("zeros", whole + bytes(4096), "no name", 3), ("noise", whole + b"\xaa" * 4096, "neither", 3),
        ("version", bytes(simpletrace.Trace(version=3).bytes), "version 3", None)):
    replayed = run("replay", "vm.log", content)
    expect(what, replayed.returncode == 1 and word in replayed.stderr and f"{DIR}/vm.log: " in replayed.stderr, replayed)
    expect(what, count is None or total(replayed.stdout, KEYCODES) == count, replayed.stdout)
for length in (0, 23, 2**32 - 1):
    trace = keys()
    trace.record(0, SECOND, b"", length=length)
    replayed = run("replay", "vm.log", bytes(trace.bytes) + bytes(1 << 20))
    expect(f"length {length}", replayed.returncode == 1 and f"{length} bytes" in replayed.stderr, replayed.stderr)

# The last record was written when the file was: backfill puts the trace there.
filled = run("backfill", "vm.log", whole, "--step=1s")
stamps = {int(float(line.rsplit(" ", 1)[1])) for line in filled.stdout.splitlines() if line.startswith(KEYCODES)}
expect("backfill", filled.returncode == 0 and stamps and 1795408795 <= min(stamps) and max(stamps) <= 1795408802, filled)
filled = subprocess.run([QTE, "backfill", "-"], input=whole, capture_output=True)
expect("backfill of a pipe", filled.returncode == 1 and b"pass the file itself" in filled.stderr, filled)

# simpletrace.py's own output cannot be read as a trace; the binary file can.
replayed = run("replay", "vm.log", b"ps2_put_keycode 0.000 pid=4711 opaque=0x55aa00000010 keycode=0x34\n" * 3)
expect("simpletrace.py", "simpletrace.py" in replayed.stderr and "replay the binary trace" in replayed.stderr, replayed.stderr)
done(not wrong, "; ".join(wrong) or f"{records} records of {len(RECORDINGS)} recordings count as their text does")
