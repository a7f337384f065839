#!/usr/bin/env python3
"""`top`: what it shows is what a log says, in plain text and on a terminal, which it leaves as it was."""

import fcntl
import os
import pathlib
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import threading
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
import exporter
import process

WEB_CONFIG = "basic_auth_users:\n  reader: $2b$04$abcdefghijklmnopqrstuu0HtfOlPbTiymk5tcV.3TsFPDd3SYZqu\n"


class Guest(threading.Thread):
    """Writes the log of a VM with one virtio disk, at a pace, until it is told to end. Each read takes READ_SECONDS."""

    READ_SECONDS, WRITE_SECONDS = 0.0015, 0.012
    READ_BYTES, WRITE_BYTES = 4096, 65536

    def __init__(self, path, image, reads=40, writes=10, seconds=0.05):
        super().__init__()
        self.path, self.image = path, image
        self.reads, self.writes, self.pause = reads, writes, seconds
        self.ended = threading.Event()
        self.count = {"reads": 0, "writes": 0, "lines": 0}
        self.clock = 1795408738.0
        self.log = open(path, "w", buffering=1 << 20)
        self.say(f'bdrv_open_common bs 0x1000 filename "{image}" flags 0x2 format_name "raw"')
        self.say("blk_root_attach child 0x2000 blk 0x3000 bs 0x1000")
        self.burst()

    def say(self, event):
        self.log.write(f"700@{self.clock:.6f}:{event}\n")
        self.count["lines"] += 1

    def request(self, way, sectors, seconds):
        at = self.count["reads"] + self.count["writes"]
        self.say(f"virtio_blk_handle_{way} vdev 0x5000 req 0x6000 sector {at * 128} nsectors {sectors}")
        self.say(f"blk_co_p{way}v blk 0x3000 bs 0x1000 offset {at * 65536} bytes {sectors * 512} flags 0x0")
        self.clock += seconds
        self.say("virtio_blk_rw_complete vdev 0x5000 req 0x6000 ret 0")
        self.say("virtio_blk_req_complete vdev 0x5000 req 0x6000 status 0")
        self.count[f"{way}s"] += 1

    def burst(self):
        for _ in range(self.reads):
            self.request("read", self.READ_BYTES // 512, self.READ_SECONDS)
        for _ in range(self.writes):
            self.request("write", self.WRITE_BYTES // 512, self.WRITE_SECONDS)
        self.log.flush()

    def run(self):
        while not self.ended.wait(self.pause):
            self.burst()

    def stop(self):
        self.ended.set()
        self.join()
        self.log.close()


def tables(text):
    """The tables of one update of --batch, each a list of rows by column."""
    result = []
    for block in text.split("\n\n"):
        lines = block.splitlines()
        start = next((i for i, line in enumerate(lines) if line.startswith(("VM ", "DISK "))), None)
        if start is not None:
            result.append([dict(zip(lines[start].split(), line.split())) for line in lines[start + 1:]])
    return result


def updates(text):
    """(seconds, VMs, disks) for each update of --batch."""
    for update in re.split(r"(?m)^(?=top )", text)[1:]:
        vms, disks = tables(update)
        yield float(re.search(r" over (\S+)", update)[1]), vms, disks


def top(*arguments, **options):
    return exporter.run("top", *arguments, **options)


class Case(unittest.TestCase):
    def setUp(self):
        self.directory = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory(prefix="qte-top-")))

    def guest(self, name, **options):
        guest = Guest(self.directory / f"{name}.log", f"/images/{name}.raw", **options)
        guest.start()
        self.addCleanup(guest.stop)
        return guest

    def daemon(self, *arguments, **options):
        daemon = self.enterContext(exporter.Daemon(f"--trace.path={self.directory}/*.log", *arguments, **options))
        process.wait_until(lambda: daemon.status("/-/ready") in (200, 401), "the daemon to be ready")
        return daemon


class BatchTest(Case):
    def test_rates_are_those_of_the_log(self):
        busy = self.guest("busy")
        calm = self.guest("calm", reads=4, writes=1)
        daemon = self.daemon()
        before, began = {guest: dict(guest.count) for guest in (busy, calm)}, time.monotonic()
        done = top("--batch", "--iterations=3", "--interval=1s", f"--address={daemon.url}")
        took = time.monotonic() - began
        after = {guest: dict(guest.count) for guest in (busy, calm)}
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        seen = list(updates(done.stdout))
        self.assertEqual(len(seen), 3)
        for seconds, vms, disks in seen:
            self.assertAlmostEqual(seconds, 1, delta=0.3)
            self.assertEqual([row["VM"] for row in vms], ["busy", "calm"])  # most requests first
            self.assertEqual([(row["VM"], row["DISK"]) for row in disks],
                             [("busy", "/images/busy.raw"), ("calm", "/images/calm.raw")])
            for row in disks:
                self.assertAlmostEqual(float(row["RD-B/s"]), float(row["READ/s"]) * Guest.READ_BYTES,
                                       delta=Guest.READ_BYTES * 0.01 + 1)
                self.assertAlmostEqual(float(row["RD-avg"]), Guest.READ_SECONDS, delta=2e-6)
                self.assertAlmostEqual(float(row["WR-avg"]), Guest.WRITE_SECONDS, delta=2e-6)
                # As exact as the buckets: each is twice the one before.
                self.assertTrue(Guest.READ_SECONDS / 2 < float(row["RD-p99"]) < 2 * Guest.READ_SECONDS, row)
                self.assertTrue(Guest.WRITE_SECONDS / 2 < float(row["WR-p99"]) < 2 * Guest.WRITE_SECONDS, row)
                self.assertEqual(float(row["ERR/s"]), 0)
        # All that the updates count lies between what was written before top began and after it ended.
        for guest in (busy, calm):
            for column, what in (("READ/s", "reads"), ("WRITE/s", "writes"), ("EVENTS/s", "lines")):
                counted = sum(seconds * float(row[column]) for seconds, vms, _ in seen
                              for row in vms if row["VM"] == guest.path.stem)
                written = after[guest][what] - before[guest][what]
                covered = sum(seconds for seconds, _, _ in seen) / took
                self.assertLess(abs(counted - written * covered), written * 0.2 + 20, (guest.path.stem, what))
        rates = {row["VM"]: float(row["READ/s"]) for row in seen[1][1]}
        self.assertAlmostEqual(rates["busy"] / rates["calm"], 10, delta=2)

    def test_a_log_without_a_daemon(self):
        guest = self.guest("mine")
        done = top("--batch", "--iterations=1", "--interval=500ms", guest.path)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        (_, vms, disks), = updates(done.stdout)
        self.assertEqual([row["VM"] for row in vms], ["mine"])
        self.assertGreater(float(disks[0]["READ/s"]), 100)
        self.assertIn(str(guest.path), done.stdout)

    def test_what_was_there_is_no_spike(self):
        path = self.directory / "old.log"
        guest = Guest(path, "/images/old.raw")
        for _ in range(500):
            guest.burst()
        guest.log.close()
        done = top("--batch", "--iterations=1", "--interval=300ms", path)
        (_, vms, _), = updates(done.stdout)
        self.assertEqual((done.returncode, float(vms[0]["EVENTS/s"])), (0, 0))

    def test_standard_input(self):
        guest = self.guest("piped")
        with subprocess.Popen(["tail", "-f", "-c", "+0", guest.path], stdout=subprocess.PIPE) as tail:
            done = subprocess.run([exporter.BINARY, "top", "--batch", "--iterations=2", "--interval=500ms", "-"],
                                  stdin=tail.stdout, capture_output=True, text=True, timeout=60)
            tail.terminate()
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertGreater(float(list(updates(done.stdout))[1][2][0]["READ/s"]), 100)

    def test_one_vm_and_another_order(self):
        self.guest("b-calm", reads=1, writes=1)
        self.guest("a-busy")
        daemon = self.daemon()
        address = f"--address=127.0.0.1:{daemon.port}"
        common = ("--batch", "--iterations=1", "--interval=500ms", address)
        (_, vms, disks), = updates(top(*common, "--vm=b-calm").stdout)
        self.assertEqual([row["VM"] for row in vms], ["b-calm"])
        self.assertEqual([row["DISK"] for row in disks], ["/images/b-calm.raw"])
        (_, vms, _), = updates(top(*common, "--sort=name").stdout)
        self.assertEqual([row["VM"] for row in vms], ["a-busy", "b-calm"])

    def test_a_unix_socket(self):
        self.guest("vm")
        address = f"unix:{self.directory}/socket"
        self.daemon(f"--web.listen-address={address}")
        done = top("--batch", "--iterations=1", "--interval=300ms", f"--address={address}")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertEqual(len(list(updates(done.stdout))[0][2]), 1)

    def test_a_password(self):
        self.guest("vm")
        (self.directory / "web.yml").write_text(WEB_CONFIG)
        hashed = subprocess.run(["htpasswd", "-nbBC", "4", "reader", "secret"], capture_output=True, text=True)
        if hashed.returncode == 0:
            name, value = hashed.stdout.strip().split(":")
            (self.directory / "web.yml").write_text(f"basic_auth_users:\n  {name}: {value}\n")
        (self.directory / "password").write_text("secret\n")
        daemon = self.enterContext(ProtectedDaemon(self.directory))
        common = ("--batch", "--iterations=1", "--interval=300ms", f"--address={daemon.url}")
        done = top(*common)
        self.assertEqual(done.returncode, 1)
        self.assertIn("asks for a user and a password: add --user=NAME", done.stderr)
        done = top(*common, "--user=reader", "--password-file=/dev/null")
        self.assertEqual(done.returncode, 1)
        self.assertIn('refuses user "reader" or the password', done.stderr)
        if hashed.returncode == 0:
            done = top(*common, "--user=reader", f"--password-file={self.directory}/password")
            self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_tls(self):
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                        "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
                        "-keyout", "server.key", "-out", "server.crt"], cwd=self.directory, check=True, capture_output=True)
        (self.directory / "web.yml").write_text("tls_server_config: {cert_file: server.crt, key_file: server.key}\n")
        self.guest("vm")
        daemon = self.enterContext(ProtectedDaemon(self.directory))
        common = ("--batch", "--iterations=1", "--interval=300ms")
        for host in ("localhost", "127.0.0.1"):
            done = top(*common, f"--address=https://{host}:{daemon.port}", f"--ca-file={self.directory}/server.crt")
            self.assertEqual((done.returncode, done.stderr), (0, ""))
        done = top(*common, f"--address=https://localhost:{daemon.port}")
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr, "certificate is refused .*--ca-file")
        done = top(*common, f"--address=http://localhost:{daemon.port}")
        self.assertEqual(done.returncode, 1)
        self.assertIn("this server speaks TLS: use https://", done.stderr)

    def test_a_daemon_that_ends(self):
        self.guest("vm")
        daemon = self.daemon()
        with subprocess.Popen([exporter.BINARY, "top", "--batch", "--interval=200ms", f"--address={daemon.url}"],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
            running.stdout.readline()
            daemon.stop()
            _, said = running.communicate(timeout=30)
        self.assertEqual(running.returncode, 1)
        self.assertRegex(said, "cannot read http://127.0.0.1:[0-9]+: ")

    def test_errors(self):
        port = process.free_port()
        for arguments, code, said in (
                ([f"--address=localhost:{port}", "--batch"], 1, "connection refused: is the daemon running there?"),
                ([f"--address=unix:{self.directory}/none", "--batch"], 1, "is the daemon running there?"),
                (["--batch", self.directory / "none.log"], 1, "none.log: no such file"),
                (["--batch", "--config.file=/none.yaml", "/dev/null"], 1, "none.yaml"),
                (["--address=ftp://localhost", "--batch"], 1, 'invalid address "ftp://localhost": expected http://HOST:PORT'),
                ([], 1, "standard output is not a terminal; use --batch"),
                (["--sort=size"], 2, 'unknown value "size"; there are requests, bytes'),
                (["--iterations=0"], 2, 'invalid number "0"'),
                (["--address=localhost", "vm.log"], 2, "--address names a daemon, so there can be no FILE")):
            with self.subTest(arguments):
                done = top(*arguments)
                self.assertEqual(done.returncode, code, done.stderr)
                self.assertIn(said, done.stderr)
                self.assertEqual(done.stdout, "")

    def test_nothing_is_left_behind(self):
        guest = self.guest("vm")
        environment = dict(os.environ, TMPDIR=str(self.directory / "tmp"))
        (self.directory / "tmp").mkdir()
        for end in (signal.SIGINT, signal.SIGTERM):
            with subprocess.Popen([exporter.BINARY, "top", "--batch", "--interval=100ms", guest.path],
                                  stdout=subprocess.PIPE, env=environment, text=True) as running:
                running.stdout.readline()
                children = subprocess.run(["pgrep", "-P", str(running.pid)], capture_output=True, text=True).stdout.split()
                self.assertEqual(len(children), 1)
                running.send_signal(end)
                running.communicate(timeout=30)
            self.assertEqual(running.returncode, 0)
            self.assertEqual(list((self.directory / "tmp").iterdir()), [])
            self.assertFalse(pathlib.Path(f"/proc/{children[0]}").exists())


class ProtectedDaemon:
    """A daemon behind web.yml, whatever that asks for."""

    def __init__(self, directory):
        self.port = process.free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._process = process.spawn([exporter.BINARY, f"--web.listen-address=127.0.0.1:{self.port}",
                                       f"--trace.path={directory}/*.log", f"--web.config.file={directory}/web.yml"],
                                      stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)

    def __enter__(self):
        for line in self._process.stderr:
            if b"listening on" in line:
                return self
        raise AssertionError("the daemon does not listen")

    def __exit__(self, *_):
        process.end(self._process)
        self._process.stderr.close()


class Terminal:
    """`top` on a pseudo terminal: what it draws, line by line."""

    def __init__(self, *arguments, rows=24, columns=80, environment=()):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.environ.update({"TERM": "xterm", **dict(environment)})
            os.execv(exporter.BINARY, [exporter.BINARY, "top", *map(str, arguments)])
        self.code = None
        self.output = ""
        self.lines = []
        self.resize(rows, columns)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.code is None:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        os.close(self.fd)

    def resize(self, rows, columns):
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def type(self, keys):
        os.write(self.fd, keys.encode())

    def read(self, seconds):
        """Takes what has come. Each picture begins at the upper left corner and ends by clearing what is below."""
        if select.select([self.fd], [], [], seconds)[0]:
            try:
                self.output += os.read(self.fd, 1 << 20).decode()
            except OSError:  # the other side has closed it
                return False
        pictures = re.findall(r"\x1b\[H(.*?)\x1b\[J", self.output, re.DOTALL)
        if pictures:
            self.picture = pictures[-1]
            self.lines = [re.sub(r"\x1b\[[0-9;]*[mK]", "", line) for line in re.split(r"\r+\n", self.picture)]
        return True

    def wait_for(self, condition, what, timeout=20):
        self.lines = []
        self.output = ""
        def look():
            self.read(0.1)
            return self.lines and condition(self.lines)
        try:
            process.wait_until(look, what, timeout, 0)
        except TimeoutError as error:
            raise AssertionError(f"{error}; the screen:\n" + "\n".join(self.lines)) from None

    def end(self):
        """The exit code, once it has ended."""
        while self.read(5):
            pass
        self.code = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        return self.code

    def flags(self):
        return termios.tcgetattr(self.fd)[3] & (termios.ICANON | termios.ECHO)


class TerminalTest(Case):
    def setUp(self):
        super().setUp()
        self.guest("busy")
        self.guest("calm", reads=4, writes=1)
        self.address = f"--address={self.daemon().url}"

    def terminal(self, *arguments, **options):
        return self.enterContext(Terminal("--interval=200ms", *arguments, **options))

    def rows(self, lines, kind):
        at = next(i for i, line in enumerate(lines) if re.match(kind + r" ", line))
        end = next((i for i in range(at, len(lines)) if not lines[i].strip()), len(lines) - 1)
        return lines[at + 1:end]

    def has_rates(self, lines):
        return any(" over " in line for line in lines)

    def test_the_view_fits_80_by_24(self):
        terminal = self.terminal(self.address)
        terminal.wait_for(self.has_rates, "rates")
        self.assertEqual(len(terminal.lines), 24)
        self.assertLessEqual(max(map(len, terminal.lines)), 80, "\n".join(terminal.lines))
        self.assertIn("2 VMs, 2 disks, by requests", terminal.lines[0])
        self.assertRegex(terminal.lines[2], r"^  VM +EVENTS/s +READ/s +WRITE/s +RD-B/s +WR-B/s +RD-p99 +WR-p99")
        self.assertRegex(terminal.lines[3], r"^> busy +[0-9.]+k? ")
        self.assertRegex(terminal.lines[4], r"^  calm ")
        self.assertRegex(terminal.lines[6], r"^VM +DISK +READ/s +WRITE/s")
        self.assertRegex(terminal.lines[7], r"^busy +\S*busy.raw +[0-9.]+k? .* [0-9.]+ms +[0-9.]+ms")
        self.assertIn("q quit", terminal.lines[-1])
        terminal.type("q")
        self.assertEqual(terminal.end(), 0)

    def test_keys(self):
        terminal = self.terminal(self.address)
        terminal.wait_for(self.has_rates, "rates")
        terminal.type("s")
        terminal.wait_for(lambda lines: "by bytes" in lines[0], "another order")
        terminal.type("\x1b[B")
        terminal.wait_for(lambda lines: any(line.startswith("> calm") for line in lines), "the second VM selected")
        terminal.type("v")
        terminal.wait_for(lambda lines: "VM calm, 1 disk" in lines[0], "one VM alone")
        self.assertFalse(any("busy" in line for line in terminal.lines))
        terminal.type("v ")
        terminal.wait_for(lambda lines: "2 VMs" in lines[0] and "PAUSED" in lines[0], "all VMs, paused")
        paused = terminal.lines[1]
        time.sleep(0.7)
        terminal.type("?")  # any key draws again
        terminal.wait_for(lambda lines: True, "a picture")
        self.assertEqual(terminal.lines[1], paused)
        terminal.type(" ")
        terminal.wait_for(lambda lines: "PAUSED" not in lines[0] and lines[1] != paused, "it to continue")
        terminal.type("q")
        self.assertEqual(terminal.end(), 0)

    def test_sizes(self):
        terminal = self.terminal(self.address)
        terminal.wait_for(self.has_rates, "rates")
        for rows, columns in ((30, 160), (10, 40), (3, 20), (24, 80)):
            terminal.resize(rows, columns)
            terminal.wait_for(lambda lines: len(lines) == max(rows, 1) and max(map(len, lines)) <= columns,
                              f"{columns} by {rows}")
            if columns == 160:
                self.assertTrue(any("UNMAP/s" in line and "RD-avg" in line for line in terminal.lines))
                self.assertTrue(any("/images/busy.raw" in line for line in terminal.lines))

    def test_signals_leave_the_terminal_as_it_was(self):
        for end in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            terminal = self.terminal(self.address)
            before = terminal.flags()
            terminal.wait_for(self.has_rates, "rates")
            self.assertNotEqual(terminal.flags(), before)
            os.kill(terminal.pid, end)
            self.assertEqual(terminal.end(), 0)
            self.assertTrue(terminal.output.rstrip().endswith("\x1b[?25h\x1b[?1049l"), repr(terminal.output[-40:]))
            self.assertEqual(terminal.flags(), before)

    def test_ctrl_z(self):
        terminal = self.terminal(self.address)
        before = terminal.flags()
        terminal.wait_for(self.has_rates, "rates")
        os.kill(terminal.pid, signal.SIGTSTP)
        process.wait_until(lambda: f"State:\tT" in pathlib.Path(f"/proc/{terminal.pid}/status").read_text(), "it to stop")
        self.assertEqual(terminal.flags(), before)
        os.kill(terminal.pid, signal.SIGCONT)
        terminal.wait_for(self.has_rates, "rates again")
        self.assertNotEqual(terminal.flags(), before)

    def test_no_colours(self):
        for environment, has in (((), True), ((("NO_COLOR", "1"),), False)):
            terminal = self.terminal(self.address, environment=environment)
            terminal.wait_for(self.has_rates, "rates")
            self.assertEqual("\x1b[7m" in terminal.picture, has)
        terminal = self.terminal(self.address, environment=(("TERM", "dumb"),))
        self.assertEqual(terminal.end(), 1)
        self.assertIn("TERM is dumb); use --batch", terminal.output)

    def test_a_bad_config_shows_before_the_view(self):
        (self.directory / "bad.yaml").write_text("metrics: 3\n")
        terminal = self.terminal(f"--config.file={self.directory}/bad.yaml", self.directory / "busy.log")
        self.assertEqual(terminal.end(), 1)
        self.assertIn("bad.yaml:1", terminal.output)
        self.assertNotIn("\x1b[?1049h", terminal.output)

    def test_a_log_without_a_daemon(self):
        terminal = self.terminal(self.directory / "busy.log")
        terminal.wait_for(self.has_rates, "rates")
        self.assertIn("1 VM, 1 disk", terminal.lines[0])
        terminal.type("q")
        self.assertEqual(terminal.end(), 0)

    def test_iterations(self):
        terminal = self.terminal(self.address, "--iterations=2")
        self.assertEqual(terminal.end(), 0)

    def test_a_daemon_that_comes_back(self):
        port = process.free_port()
        daemon = exporter.Daemon(f"--trace.path={self.directory}/*.log", port=port)
        with daemon:
            daemon.wait_ready()
            terminal = self.terminal(f"--address=localhost:{port}", columns=160)
            terminal.wait_for(self.has_rates, "rates")
        terminal.wait_for(lambda lines: "cannot read localhost" in lines[-1], "a notice")
        with exporter.Daemon(f"--trace.path={self.directory}/*.log", port=port) as again:
            again.wait_ready()
            terminal.wait_for(lambda lines: "q quit" in lines[-1] and self.has_rates(lines), "figures again")

    def test_a_typed_password(self):
        hashed = subprocess.run(["htpasswd", "-nbBC", "4", "reader", "secret"], capture_output=True, text=True)
        if hashed.returncode != 0:
            self.skipTest("no htpasswd")
        name, value = hashed.stdout.strip().split(":")
        (self.directory / "web.yml").write_text(f"basic_auth_users:\n  {name}: {value}\n")
        daemon = self.enterContext(ProtectedDaemon(self.directory))
        terminal = self.terminal(f"--address={daemon.url}", "--user=reader")
        process.wait_until(lambda: terminal.read(0.1) and "Password of reader: " in terminal.output, "the prompt")
        terminal.type("secret\r")
        terminal.wait_for(self.has_rates, "rates")
        self.assertNotIn("secret", terminal.output)


if __name__ == "__main__":
    unittest.main(verbosity=2)
