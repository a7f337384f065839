#!/usr/bin/env python3
"""The systemd unit: systemd accepts it and finds it tight, and the daemon works with no more than it grants."""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
import exporter
import process

UNIT = exporter.ROOT / "config/systemd/qemu-trace-exporter.service"
LINE = b"pci_cfg_read i440FX 00:00.0 @0x0 -> 0x12378086\n"

@unittest.skipUnless(shutil.which("systemd-analyze"), "needs systemd-analyze (package systemd)")
class UnitTest(unittest.TestCase):
    def setUp(self):
        directory = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory(prefix="qte-unit-")))
        self.unit = directory / UNIT.name
        self.unit.write_text(UNIT.read_text().replace("/usr/bin/qemu-trace-exporter", exporter.BINARY))

    def analyze(self, *arguments):
        return subprocess.run(["systemd-analyze", *arguments, str(self.unit)], capture_output=True, text=True, timeout=60)

    def test_systemd_accepts_it(self):
        done = self.analyze("verify", "--man=no")
        about_it = [line for line in done.stderr.splitlines() if UNIT.name in line]
        self.assertEqual(about_it, [])
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_systemd_accepts_the_drop_in(self):
        drop_ins = self.unit.with_name(UNIT.name + ".d")
        drop_ins.mkdir()
        shutil.copy(UNIT.with_name("usdt.conf"), drop_ins)
        done = self.analyze("verify", "--man=no")
        self.assertEqual([line for line in done.stderr.splitlines() if "usdt.conf" in line or UNIT.name in line], [])
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_systemd_finds_it_tight(self):
        done = self.analyze("security", "--offline=yes", "--threshold=20", "--no-pager")
        level = re.search(r"Overall exposure level .*", done.stdout)
        print(level.group(0) if level else done.stdout[-300:])
        self.assertEqual(done.returncode, 0, done.stdout)


def has_mount_namespaces():
    """Not in most containers, nor where the root is no mount of its own (chroot)."""
    if not shutil.which("unshare"):
        return False
    return subprocess.run(["unshare", "--mount", "true"], capture_output=True).returncode == 0


@unittest.skipUnless(os.geteuid() == 0 and shutil.which("unshare") and shutil.which("setpriv"), "needs root, util-linux")
@unittest.skipUnless(has_mount_namespaces(), "mount namespaces are forbidden here")
class SandboxTest(unittest.TestCase):
    """The daemon as nobody, who may read all and write only his state, with every mount read-only."""

    def test_it_works_with_what_the_unit_grants(self):
        # Not under /tmp, which is private to the daemon.
        directory = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory(prefix="qte-unit-", dir="/var/tmp")))
        logs, state, binary = directory / "logs", directory / "state", directory / "qemu-trace-exporter"
        shutil.copy(exporter.BINARY, binary)
        directory.chmod(0o755)
        logs.mkdir(mode=0o700)  # as libvirt's: root's alone
        state.mkdir()
        os.chown(state, 65534, 65534)
        (logs / "vm.log").write_bytes(LINE * 3)
        script = (f"mount --make-rprivate / && mount --bind {state} {state} && mount -o remount,bind,ro / && "
                  "mount -t tmpfs tmpfs /tmp && "
                  "exec setpriv --reuid=65534 --regid=65534 --clear-groups --no-new-privs "
                  "--inh-caps=-all,+dac_read_search --ambient-caps=-all,+dac_read_search "
                  "--bounding-set=-all,+dac_read_search "
                  f"{binary} --trace.path='{logs}/*.log' --state.path={state} --web.listen-address=127.0.0.1:0")
        log = directory / "log"
        with log.open("wb") as output:
            daemon = process.spawn(["unshare", "--mount", "sh", "-c", script], stdout=output, stderr=output)
        self.addCleanup(daemon.kill)

        def reads():
            if daemon.poll() is not None:
                self.fail(f"ended with {daemon.returncode}: {log.read_text()}")
            port = exporter.port_told(log.read_text())
            if port is None:
                return None
            try:
                status, _, body = exporter.request(f"http://127.0.0.1:{port}/metrics")
            except OSError:
                return None
            if status != 200:  # the port is open a moment before there is anything to tell
                return None
            return exporter.exposition.parse(body.decode()).total("qemu_pci_config_reads_total")

        process.wait_until(lambda: reads() == 3, "the log to be read")
        with (logs / "vm.log").open("ab") as vm:
            vm.write(LINE)
        process.wait_until(lambda: reads() == 4, "the next line")
        process.wait_until((state / "checkpoint").exists, "a checkpoint")
        daemon.terminate()
        self.assertEqual(daemon.wait(timeout=30), 0)
        self.assertEqual(os.stat(state / "checkpoint").st_uid, 65534)


if __name__ == "__main__":
    unittest.main(verbosity=2)
