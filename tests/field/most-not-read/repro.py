#!/usr/bin/env python3
"""Logs of which nothing is read: serve, its status and replay say what they look like, once."""

import json
import pathlib
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "lib"))
from field import DIR, PCI, QTE, Serve, done

# Name, line, how many of it, words of the warning (none: there is none while the log is followed).
LOGS = (
    ("simpletrace", "virtio_blk_req_complete 0.699 pid=4711 vdev=0x55aa00000010 req=0x55aa00000020 status=0x0", 2, "simpletrace.py"),
    ("simpletrace-undeclared", "some_new_event 12.125 pid=4711 x=0x1", 3, "simpletrace.py"),
    ("lttng", "[13:54:11.123456789] (+0.000000123) host qemu:pci_cfg_read: { cpu_id = 1 }, { val = 1 }", 5, "babeltrace"),
    ("perf", "qemu-system-x86  4711 [002]  7231.123456: sdt_qemu:pci_cfg_read: (55aa00)", 5, "perf"),
    ("d-int", "     0: v=0d e=0008 i=0 cpl=0 IP=0000:000000000000101e pc=000000000000101e", 1200, "output of -d"),
    ("text", "hello, world", 20, "no trace events; the first one is \\\"hello, world"),
    ("few", "hello, few", 2, "no trace events"),
    ("version", "ps2_put_keycode in another way", 20, "another version of QEMU"),
    ("undeclared", "made_up_event a 1", 20, "no declaration at hand"),
    ("unused", "usb_ehci_reset === RESET ===", 20, "no rule uses any"),
    ("libvirt", "LC_ALL=C \\", 60, ""),
    ("qemu", "qemu-system-x86_64: warning: host doesn't support requested feature", 3, ""),
    ("good", PCI.strip(), 50, ""),
)
CATALOG = DIR / "trace-events"
CATALOG.write_text('usb_ehci_reset(void) "=== RESET ==="\n')
(DIR / "catalog.yaml").write_text(f"trace_events: [{CATALOG}]\n")
config = ["--config.file=default", f"--config.file={DIR}/catalog.yaml"]
for name, line, count, _ in LOGS:
    (DIR / f"{name}.log").write_text(f"{line}\n" * count)
wrong = []
with Serve(*config, f"--trace.path={DIR}/*.log") as daemon:
    time.sleep(12)
    told = daemon.warnings()
    about = {}
    for warning in json.loads(daemon.get("/api/v1/status")[1])["warnings"]:
        about.setdefault(warning["about"], []).append(warning["text"])
for name, line, count, words in LOGS:
    path = f"{DIR}/{name}.log"
    warned = [entry for entry in told if path + ":" in entry and "timestamp" not in entry]
    if len(warned) != bool(words) or words not in "".join(warned):
        wrong.append(f"serve, {name}: {warned}")
    texts = [text for text in about.get(path, []) if "timestamp" not in text]
    if len(texts) != bool(words) or words.replace("\\", "") not in "".join(texts):
        wrong.append(f"status, {name}: {texts}")
    replayed = subprocess.run([QTE, "replay", *config, path], capture_output=True, text=True)
    warnings = [entry for entry in replayed.stderr.splitlines()
                if entry.startswith("warning: ") and "timestamp" not in entry]
    if len(warnings) != (name != "good") or words.replace("\\", "") not in "".join(warnings) or replayed.returncode != 0:
        wrong.append(f"replay, {name}: {warnings}")
    explained = subprocess.run([QTE, "explain", *config], input=line + "\n",
                               capture_output=True, text=True).stderr.splitlines()
    is_told = name not in ("good", "unused")
    if is_told and words.replace("\\", "") not in explained[0] or len(explained) != 1 + is_told:
        wrong.append(f"explain, {name}: {explained}")
done(not wrong, "\n".join(wrong) or f"{len(LOGS)} logs")
