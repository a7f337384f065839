#!/usr/bin/env python3
"""A real guest's log that was renamed, followed by `logfile FILE` in the monitor: each disk's requests of both parts are
under its image, and equal QEMU's own account. Both parts are replayed, and followed while they appear in turn."""

import gzip
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
QTE = os.environ["QTE"]
TRUTH = {"rd_operations": "reads", "rd_bytes": "read_bytes", "wr_operations": "writes", "wr_bytes": "written_bytes",
         "flush_operations": "flushes"}


def figures(text):
    found = {}
    for name, device, value in re.findall(r'^qemu_block_(\w+)_total\{.*device="([^"]*)"\S* (\d+)$', text, re.M):
        if name in TRUTH.values():
            found[device, name] = int(value)
    return {key: value for key, value in found.items() if value > 0}


def wanted():
    disks = json.loads((HERE / "truth.json").read_text())["disks"]
    return {(disk["image"], metric): disk[key] for disk in disks for key, metric in TRUTH.items() if disk[key] > 0}


def replay(directory, old, new):
    paths = [directory / part / "vm.log" for part in ("old", "new")]
    for path, text in zip(paths, (old, new)):
        path.parent.mkdir()
        path.write_bytes(text)
    return subprocess.run([QTE, "replay", *paths], check=True, capture_output=True, text=True).stdout


def follow(directory, old, new):
    log = directory / "vm.log"
    log.write_bytes(old)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    daemon = subprocess.Popen([QTE, f"--trace.path={log}", f"--web.listen-address=127.0.0.1:{port}"],
                              stderr=subprocess.DEVNULL)
    try:
        text = ""
        for part in range(2):
            if part == 1:
                log.rename(directory / "vm.log.1")
                log.write_bytes(new)
            lines = (old + new if part else old).count(b"\n")
            for _ in range(100):
                time.sleep(0.1)
                try:
                    text = urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5).read().decode()
                except OSError:
                    continue
                if f"\nqemu_trace_exporter_lines_total {lines}\n" in text:
                    break
        return text
    finally:
        daemon.send_signal(signal.SIGTERM)
        daemon.wait(10)


def main():
    old, new = (gzip.decompress((HERE / name).read_bytes()) for name in ("trace.log.1.gz", "trace.log.gz"))
    right = 0
    for way in (replay, follow):
        with tempfile.TemporaryDirectory(prefix="qte-rotated-") as directory:
            found = figures(way(pathlib.Path(directory), old, new))
            if found == wanted():
                right += 1
            else:
                print(f"{way.__name__}: {sorted(found.items() ^ wanted().items())}")
    print(f"{'right' if right == 2 else 'wrong'}: {right} of 2 ways equal QEMU's account of 3 disks")
    return 0 if right == 2 else 1


if __name__ == "__main__":
    sys.exit(main())
