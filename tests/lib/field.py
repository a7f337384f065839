"""What the cases of tests/field share: a folder of their own, a daemon, and the last line that tells whether the figure is
right."""

import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

QTE = os.environ.get("QTE") or sys.exit("set QTE to the path of qemu-trace-exporter")
HERE = pathlib.Path(sys.argv[0]).resolve().parent  # of the case
DIR = pathlib.Path(tempfile.mkdtemp(prefix="field-"))
PCI = "pci_cfg_read i440FX 00:00.0 @0x0 -> 0x1\n"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Serve:
    """`qemu-trace-exporter serve` on a free loopback port, stopped at the end of the `with` block."""

    def __init__(self, *args, address=True, wait=True, prefix=(), **options):
        self.port = free_port()
        self.err = tempfile.TemporaryFile()
        listen = ["--web.listen-address=127.0.0.1:%d" % self.port] if address is True else address(self.port)
        self.p = subprocess.Popen([*prefix, QTE, "serve", *listen, *map(str, args)], stdin=subprocess.DEVNULL,
                                  stdout=self.err, stderr=self.err, **options)
        while wait and self.p.poll() is None and self.status("/-/healthy") != 200:
            time.sleep(0.05)

    def get(self, path="/metrics", timeout=5, headers={}):
        """(status, body); the status is None where no answer comes."""
        try:
            request = urllib.request.Request("http://127.0.0.1:%d%s" % (self.port, path), headers=headers)
            with urllib.request.urlopen(request, timeout=timeout) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, ""
        except OSError:
            return None, ""

    def status(self, path):
        return self.get(path)[0]

    def total(self, name, *labels):
        """The sum of a metric's series that show all `labels`, each as name="value"; 0 without any."""
        return total(self.get()[1], name, *labels)

    def log(self):
        return os.pread(self.err.fileno(), 1 << 22, 0).decode(errors="replace")

    def warnings(self):
        return [line for line in self.log().splitlines() if re.search("level=(warn|error)", line) and "no timestamps" not in line]

    def reload(self):
        self.p.send_signal(signal.SIGHUP)
        time.sleep(1)

    def stop(self):
        if self.p.poll() is None:
            self.p.terminate()
            try:
                self.p.wait(20)
            except subprocess.TimeoutExpired:
                self.p.kill()
        return self.p.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


def total(text, name, *labels):
    found = [line for line in text.splitlines() if re.match(re.escape(name) + r"[{ ]", line)]
    return sum(float(line.rsplit(" ", 1)[1]) for line in found if all(label in line for label in labels))


def done(ok, figure):
    shutil.rmtree(DIR, ignore_errors=True)
    print(("right: " if ok else "wrong: ") + figure)
    sys.exit(0 if ok else 1)


# What QEMU's query-blockstats calls a figure, and the metric of the same.
ACCOUNT = {"rd_operations": "reads", "rd_bytes": "read_bytes", "wr_operations": "writes", "wr_bytes": "written_bytes",
           "flush_operations": "flushes"}


def replay_account(log, truth, image_of=lambda image: image):
    """Replays a recorded log and compares each disk with QEMU's account, and that each disk has one label. Figures that
    the account lacks are not looked at."""
    text = subprocess.run([QTE, "replay", log], check=True, capture_output=True, text=True).stdout
    disks = {image_of(disk["image"]): disk for disk in json.loads(truth.read_text())["disks"]}
    found = {(device, name): int(value) for name, device, value in
             re.findall(r'^qemu_block_(\w+)_total\{.*device="([^"]*)"\S* (\d+)$', text, re.M)}
    right = sum(all(found.get((image, metric)) == disk[figure] for figure, metric in ACCOUNT.items() if figure in disk)
                for image, disk in disks.items())
    others = sorted({device for (device, name), value in found.items() if value and device not in disks})
    infos = dict(re.findall(r'^qemu_block_device_info\{.*device="([^"]*)".*image="([^"]*)".* 1$', text, re.M))
    done(right == len(disks) and not others and set(infos) == set(disks),
         f"{right} of {len(disks)} disks equal QEMU's account; other labels: {', '.join(others) or 'none'}; "
         f"images now: {infos}")
