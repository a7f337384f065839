#!/usr/bin/env python3
"""Records keys-all-set{1,2,3}-*.log: what QEMU's PS/2 keyboard sends for every key there is, in each scan-code set.

    record_keys.py OUTPUT_DIRECTORY

Needs qemu-system-x86_64. There is no guest: a firmware of 64 KiB halts at once, the scan-code set is chosen through the
monitor's port access, and keys come in by QMP. All sets are recorded in one run, so that the logs name one keyboard.
"""
import json
import pathlib
import re
import socket
import subprocess
import sys
import tempfile
import time

MODIFIERS = ["shift", "shift_r", "ctrl", "ctrl_r", "alt", "alt_r"]
COMBINED = ["a", "f7", "print", "pause", "lang1", "lang2", "hiragana", "up", "1", "2", "meta_l", "menu"]
REPEATED = ["a", "f7", "hiragana", "up"]


class Qemu:
    def __init__(self, directory):
        self.log = directory / "trace.log"
        firmware = bytearray(b"\xf4" * 65536)
        firmware[0xFFF0:0xFFF4] = b"\xfa\xf4\xeb\xfd"  # cli; hlt; jmp to the hlt
        (directory / "halt.bin").write_bytes(firmware)
        self.process = subprocess.Popen(
            ["qemu-system-x86_64", "-display", "none", "-machine", "pc,accel=tcg", "-m", "16",
             "-bios", directory / "halt.bin", "-qmp", f"unix:{directory}/qmp,server=on,wait=off",
             "-trace", "ps2_put_keycode", "-trace", "ps2_keyboard_event", "-D", self.log])
        self.qmp = self.connect(directory / "qmp").makefile("rw")
        self.qmp.readline()
        self.run("qmp_capabilities")

    @staticmethod
    def connect(path):
        for _ in range(100):
            try:
                connection = socket.socket(socket.AF_UNIX)
                connection.connect(str(path))
                return connection
            except OSError:
                time.sleep(0.05)
        raise SystemExit("QEMU did not open its QMP socket")

    def run(self, command, **arguments):
        print(json.dumps({"execute": command, "arguments": arguments}), file=self.qmp, flush=True)
        while True:
            answer = json.loads(self.qmp.readline())
            if "error" in answer:
                raise SystemExit(f"{command}: {answer['error']}")
            if "return" in answer:
                return answer["return"]

    def monitor(self, line):
        return self.run("human-monitor-command", **{"command-line": line})

    def drain(self):
        """Empties the keyboard's queue of 16 bytes: QEMU stops sending when it is full."""
        for _ in range(17):
            self.monitor("i /b 0x60")

    def choose_set(self, number):
        self.drain()
        for byte in (0xF0, number):
            self.monitor(f"o /b 0x60 {byte:#x}")
            self.drain()

    def keys(self):
        for entity in self.run("query-qmp-schema"):
            names = [member["name"] for member in entity.get("members", []) if entity["meta-type"] == "enum"]
            if "kp_multiply" in names:
                return names

    def send(self, key, down):
        event = {"type": "key", "data": {"down": down, "key": {"type": "qcode", "data": key}}}
        self.run("input-send-event", events=[event])

    def tap(self, key, presses=1):
        for _ in range(presses):
            self.send(key, True)
        self.send(key, False)
        self.drain()


def record(qemu, keys):
    for key in keys:
        qemu.tap(key)
    for modifier in MODIFIERS:
        qemu.send(modifier, True)
        for key in COMBINED:
            qemu.tap(key)
        qemu.send(modifier, False)
    for key in REPEATED:
        qemu.tap(key, presses=3)
    for down, key in [(True, "1"), (True, "f7"), (True, "hiragana"), (False, "1"), (True, "a"), (False, "hiragana"),
                      (False, "f7"), (False, "a")]:
        qemu.send(key, down)
    qemu.drain()


def main():
    output = pathlib.Path(sys.argv[1])
    with tempfile.TemporaryDirectory() as directory:
        qemu = Qemu(pathlib.Path(directory))
        keys = qemu.keys()
        for number in (2, 1, 3):
            qemu.choose_set(number)
            record(qemu, keys)
        qemu.run("quit")
        qemu.process.wait()
        lines = qemu.log.read_text().splitlines(keepends=True)
    logs = {}
    number = None
    for line in lines:
        event = re.match(r"ps2_keyboard_event .* set (\d)", line)
        number = event.group(1) if event else number
        logs.setdefault(number, []).append(line)
    for number, log in logs.items():
        (output / f"keys-all-set{number}-7.2.log").write_text("".join(log))


if __name__ == "__main__":
    main()
