#!/usr/bin/env python3
"""The systemd units: systemd accepts them and finds the service tight, the daemon works with no more than it grants, and it
serves on sockets that systemd hands over."""

import os
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
import exporter
import process

UNIT = exporter.ROOT / "config/systemd/qemu-trace-exporter.service"
SOCKET = UNIT.with_suffix(".socket")
LINE = b"pci_cfg_read i440FX 00:00.0 @0x0 -> 0x12378086\n"

@unittest.skipUnless(shutil.which("systemd-analyze"), "needs systemd-analyze (package systemd)")
class UnitTest(unittest.TestCase):
    def setUp(self):
        directory = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory(prefix="qte-unit-")))
        self.unit = self.install(UNIT, directory)

    def install(self, file, directory):
        directory.mkdir(exist_ok=True)
        path = directory / file.name
        path.write_text(file.read_text().replace("/usr/bin/qemu-trace-exporter", exporter.BINARY))
        return path

    def analyze(self, *arguments, unit=None):
        return subprocess.run(["systemd-analyze", *arguments, str(unit or self.unit)], capture_output=True, text=True, timeout=60)

    def test_systemd_accepts_it(self):
        done = self.analyze("verify", "--man=no")
        about_it = [line for line in done.stderr.splitlines() if UNIT.name in line]
        self.assertEqual(about_it, [])
        self.assertEqual(done.returncode, 0, done.stderr)

    def assert_accepted(self, unit=None):
        done = self.analyze("verify", "--man=no", unit=unit)
        names = (UNIT.name, SOCKET.name, "usdt.conf", "socket.conf")
        self.assertEqual([line for line in done.stderr.splitlines() if any(name in line for name in names)], [])
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_systemd_accepts_the_drop_in(self):
        self.install(UNIT.with_name("usdt.conf"), self.unit.with_name(UNIT.name + ".d"))
        self.assert_accepted()

    def test_systemd_accepts_the_socket(self):
        socket_unit = self.install(SOCKET, self.unit.parent)
        self.install(UNIT.with_name("socket.conf"), self.unit.with_name(UNIT.name + ".d"))
        self.assert_accepted(socket_unit)
        self.assert_accepted()

    def test_the_drop_in_differs_by_one_flag(self):
        def command(file):
            return re.findall(r"^ExecStart=(.+)$", file.read_text(), re.M)
        self.assertEqual(command(UNIT.with_name("socket.conf")), [f"{command(UNIT)[0]} --web.systemd-socket"])

    def test_systemd_accepts_what_the_comments_say(self):
        """The overrides in the heads of the service and of the socket."""
        socket_unit = self.install(SOCKET, self.unit.parent)
        for file, at_least in ((UNIT, 3), (SOCKET, 1)):
            overrides = re.findall(r"^#     (\[\w+\]\n(?:#     .*\n)+)|^#   (\[\w+\]\n(?:#   .*\n)+)", file.read_text(), re.M)
            self.assertGreaterEqual(len(overrides), at_least)
            drop_ins = self.unit.parent / (file.name + ".d")
            for override in overrides:
                with self.subTest(file=file.name, override=override):
                    drop_ins.mkdir(exist_ok=True)
                    (drop_ins / "override.conf").write_text(re.sub(r"^#\s+", "", "".join(override), flags=re.M))
                    self.assert_accepted(socket_unit if file == SOCKET else None)
            shutil.rmtree(drop_ins)

    def test_systemd_finds_it_tight(self):
        done = self.analyze("security", "--offline=yes", "--threshold=20", "--no-pager")
        level = re.search(r"Overall exposure level .*", done.stdout)
        print(level.group(0) if level else done.stdout[-300:])
        self.assertEqual(done.returncode, 0, done.stdout)


def has_mount_namespaces():
    """Not in most containers, nor where the root is not a mount of its own (chroot)."""
    if not shutil.which("unshare"):
        return False
    return subprocess.run(["unshare", "--mount", "true"], capture_output=True).returncode == 0


@unittest.skipUnless(os.geteuid() == 0 and shutil.which("unshare") and shutil.which("setpriv"), "needs root, util-linux")
@unittest.skipUnless(has_mount_namespaces(), "mount namespaces are forbidden here")
class SandboxTest(unittest.TestCase):
    """The daemon as an unprivileged user that can read all and write only its state, with every mount read-only."""

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


class Activated:
    """The daemon with a socket that systemd has opened, as a context manager. `address` is one that systemd knows."""

    def __init__(self, directory, address, *arguments):
        (directory / "vm.log").write_bytes(LINE * 3)
        self._log = directory / "log"
        with self._log.open("wb") as output:
            self.process = process.spawn(
                ["systemd-socket-activate", "-l", address, exporter.BINARY, "--web.systemd-socket",
                 f"--trace.path={directory}/*.log", *arguments], stdin=subprocess.DEVNULL, stdout=output, stderr=output)

    def __enter__(self):
        process.wait_until(lambda: "Listening on" in self.log(), "systemd-socket-activate to listen")
        return self

    def __exit__(self, *_):
        process.end(self.process)

    def log(self):
        return self._log.read_text()


@unittest.skipUnless(shutil.which("systemd-socket-activate"), "needs systemd-socket-activate (package systemd)")
class SocketActivationTest(unittest.TestCase):
    def setUp(self):
        self.directory = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory(prefix="qte-socket-")))

    def assert_serves(self, connect):
        """One client after another, and one while another says nothing: only a socket that does not block allows that."""
        def ask():
            with connect() as client:
                client.sendall(b"GET /-/healthy HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                return client.recv(4096).split(b"\r\n")[0]
        self.assertEqual([ask() for _ in range(3)], [b"HTTP/1.1 200 OK"] * 3)
        with connect():
            self.assertEqual(ask(), b"HTTP/1.1 200 OK")

    def test_tcp(self):
        port, other = process.free_port(), process.free_port()
        with Activated(self.directory, f"127.0.0.1:{port}", f"--web.listen-address=127.0.0.1:{other}") as daemon:
            self.assert_serves(lambda: socket.create_connection(("127.0.0.1", port), timeout=10))
            self.assert_serves(lambda: socket.create_connection(("127.0.0.1", other), timeout=10))
            self.assertIn(f"listening on http://127.0.0.1:{port}", daemon.log())
            daemon.process.terminate()
            self.assertEqual(daemon.process.wait(timeout=30), 0)

    def test_unix(self):
        path = self.directory / "http.sock"

        def connect():
            client = socket.socket(socket.AF_UNIX)
            client.settimeout(10)
            client.connect(str(path))
            return client
        with Activated(self.directory, str(path)) as daemon:
            self.assert_serves(connect)
            self.assertIn(f"listening on unix:{path}", daemon.log())
            daemon.process.terminate()
            self.assertEqual(daemon.process.wait(timeout=30), 0)
            self.assertTrue(path.exists(), "the socket is systemd's to remove")

    def test_without_a_socket_it_ends(self):
        done = exporter.run("serve", "--web.systemd-socket", "--trace.path=/dev/null")
        self.assertEqual(done.returncode, 1)
        self.assertIn("--web.systemd-socket: systemd has handed over no socket", done.stderr)
        self.assertIn(SOCKET.name, done.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
