#!/usr/bin/env python3
"""Control sockets behind which no well-behaved QEMU listens: they cost the daemon little memory, and the others nothing."""

import contextlib
import json
import pathlib
import socket
import sys
import tempfile
import threading
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
import exporter
import procfs

OWN = "qemu_trace_exporter_"
GREETING = b'{"QMP": {"version": {"qemu": {"micro": 0, "minor": 2, "major": 7}, "package": ""}, "capabilities": []}}\r\n'
EVENT = b'{"event": "RTC_CHANGE", "data": {"offset": 0}}\r\n'
STATE = {"name": "pci_cfg_read", "state": "disabled", "vcpu": False}
# What each kind sends after the greeting, or instead of it, and then nothing more.
HOSTILE = {
    "half_string": GREETING + b'{"return": "' + b"x" * 1_900_000,
    "half_list": GREETING + b'{"return": [' + b"{}," * 25_000,
    "endless_line": GREETING + b'{"return": "' + b"x" * 20_000_000,
    "nested": GREETING + b'{"return": ' + b"[" * 10_000_000,
    "events": GREETING + EVENT * 400_000,
    "states": GREETING + json.dumps({"return": [STATE] * 50_000, "id": 1}).encode() + b"\n",
    "long_greeting": b'{"QMP": "' + b"x" * 10_000_000 + b'"}\n',
    "half_greeting": b'{"QMP": ',
    "silent": b"",
}
EACH = 20  # sockets of each kind
MOST_BYTES = 96 << 20  # 64 MiB for all conversations, the rest for a daemon with 181 logs


def answer(command):
    """What a well-behaved QEMU returns."""
    if command["execute"] == "trace-event-get-state":
        return [{"name": command["arguments"]["name"], "state": "enabled"}]
    return {"query-status": {"status": "running"}, "query-block": []}.get(command["execute"], {})


def behave(client):
    client.sendall(GREETING)
    for line in client.makefile("rb"):
        command = json.loads(line)
        client.sendall(json.dumps({"return": answer(command), "id": command["id"]}).encode() + b"\r\n")


def misbehave(client, text):
    client.sendall(text)
    while client.recv(1 << 20):
        pass


class Sockets:
    """Listens on UNIX sockets in `directory`; every client has a thread of its own."""

    def __init__(self, directory):
        self.directory = directory

    def add(self, name, speak):
        server = socket.socket(socket.AF_UNIX)
        server.bind(f"{self.directory}/{name}.qmp")
        server.listen(10)
        (self.directory / f"{name}.log").write_text("pci_cfg_read i440FX 00:00.0 @0x0 -> 0x1\n")
        threading.Thread(target=self._accept, args=(server, speak), daemon=True).start()

    def _accept(self, server, speak):
        while True:
            threading.Thread(target=self._serve, args=(server.accept()[0], speak), daemon=True).start()

    @staticmethod
    def _serve(client, speak):
        with client, contextlib.suppress(OSError):
            speak(client)


class HostileTest(unittest.TestCase):
    def test_many_hostile_sockets(self):
        directory = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory(prefix="qte-qmp-")))
        sockets = Sockets(directory)
        for kind, text in HOSTILE.items():
            for i in range(EACH):
                sockets.add(f"{kind}-{i}", lambda client, text=text: misbehave(client, text))
        sockets.add("zgood", behave)
        config = directory / "config.yaml"
        config.write_text(f"sources: [{{path: '{directory}/*.log', qmp: '{directory}/{{vm}}.qmp'}}]\n"
                          "metrics: [{name: x_total, type: counter, help: X., event: pci_cfg_read}]\n")
        with exporter.Daemon(f"--config.file={config}") as daemon:
            def up(metrics, name):
                return metrics.value(OWN + "qmp_up", path=f"{directory}/{name}.qmp")
            daemon.wait_for_metrics(lambda m: up(m, "zgood") == 1, "the well-behaved QEMU", 10)
            metrics = daemon.wait_for_metrics(
                lambda m: m.total(OWN + "qmp_failures_total", reason="protocol") >= 5 * EACH and
                m.total(OWN + "qmp_failures_total", reason="timeout") >= 2 * EACH and
                m.total(OWN + "qmp_failures_total", reason="no_greeting") >= 4 * EACH, "all to be given up", 60)
            self.assertEqual(up(metrics, "zgood"), 1)
            self.assertEqual(metrics.total(OWN + "qmp_up"), 1)
            peak = procfs.peak_memory(daemon.process.pid)
            print(f"{len(HOSTILE) * EACH} hostile sockets: peak memory {peak >> 20} MiB")
            self.assertLess(peak, MOST_BYTES)
            for line in daemon.log().splitlines():
                if "/states-" in line:
                    self.assertRegex(line, "limit of (2|16) MiB")


if __name__ == "__main__":
    unittest.main(verbosity=2)
