"""What the cases of lines that are wrapped or dirty share: the same log by every way, and the same figures from each."""

import pathlib
import re
import subprocess
import time

from field import DIR, QTE, Serve, done, total

EVENTS = "qemu_trace_events_total"
READS = ("qemu_pci_config_reads_total", 'device="i440FX"')
KEY_CODES = ("qemu_trace_events_total", 'event="ps2_put_keycode"')
KEYSTROKES = ("qemu_keyboard_keystrokes_total",)
UNPARSED = "qemu_trace_exporter_unparsed_lines_total"
LAST_EVENT = ("qemu_trace_exporter_last_event_timestamp_seconds",)


def event(name):
    return (EVENTS, f'event="{name}"')


def unparsed(reason):
    return (UNPARSED, f'reason="{reason}"')


def run(*args, **options):
    return subprocess.run([QTE, *map(str, args)], capture_output=True, text=True, check=True, **options).stdout


def in_pieces(data, size):
    """`replay` of a pipe that brings `size` bytes at a time."""
    program = subprocess.Popen([QTE, "replay", "-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
    for at in range(0, len(data), size):
        program.stdin.write(data[at:at + size])
    text = program.communicate()[0].decode()
    return text


def served(log, wanted):
    """/metrics of a daemon that follows the log while it is written, once it shows the first figure."""
    copy = DIR / "vm.log"
    copy.write_bytes(b"")
    data = log.read_bytes()
    with Serve(f"--trace.path={copy}") as daemon:
        with open(copy, "ab", buffering=0) as file:
            for part in (data[:len(data) // 3], data[len(data) // 3:]):
                file.write(part)
                time.sleep(0.15)
        (first, want), *_ = wanted.items()
        for _ in range(100):
            text = daemon.get()[1]
            if total(text, *first) == want:
                break
            time.sleep(0.05)
    copy.unlink()
    return text


def check(log, wanted, explained=()):
    """Ends the case: `wanted` is {(metric, label...): figure}, `explained` what `explain` has to print."""
    log = pathlib.Path(log)
    data = log.read_bytes()
    ways = {"replay": run("replay", log), "replay in pieces of 1": in_pieces(data, 1),
            "replay in pieces of 7": in_pieces(data, 7), "serve": served(log, wanted)}
    wrong = []
    for way, text in ways.items():
        for series, want in wanted.items():
            got = total(text, *series)
            if abs(got - want) > 1e-6:
                wrong.append(f"{way}: {series} is {got}, not {want}")
    text = run("explain", input=data.decode("utf-8", "surrogateescape"), errors="surrogateescape") if explained else ""
    wrong += [f"explain does not print {part!r}" for part in explained if part not in text]
    return wrong


def end(wrong, figure):
    done(not wrong, "; ".join(wrong) or figure)
