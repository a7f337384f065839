#!/usr/bin/env python3
"""--web.config.file: which clients are served, what is refused, and that neither logins nor guesses disturb the others."""

import collections
import contextlib
import pathlib
import shutil
import signal
import socket
import sys
import tempfile
import threading
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
import exporter
import process
import prometheus

# bcrypt, cost 10 and 4.
SECRET = "$2y$10$abcdefghijklmnopqrstuuqflPDzB6gcMhKa1rZqKiun2YGL5sa2u"
OTHER = "$2b$04$abcdefghijklmnopqrstuu0HtfOlPbTiymk5tcV.3TsFPDd3SYZqu"
ALICE = exporter.basic("alice", "secret")

PATHS = ("/", "/metrics", "/-/healthy", "/-/ready", "/-/reload", "/api/v1/status", "/api/v1/events", "/nothing")
RELOADED = "qemu_trace_exporter_config_last_reload_successful"


class Case(unittest.TestCase):
    def setUp(self):
        self.directory = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory(prefix="qte-web-")))
        self.web = self.directory / "web.yml"
        self.write(f"basic_auth_users:\n  alice: {SECRET}\n")

    def write(self, text):
        self.web.write_text(text)


class FileTest(Case):
    def assert_refused(self, text, *words):
        self.write(text)
        for command in (["check"], ["serve", "--trace.path=/dev/null", "--web.listen-address=127.0.0.1:0"]):
            done = exporter.run(*command, f"--web.config.file={self.web}")
            self.assertEqual(done.returncode, 1, done.stderr)
            for word in words:
                self.assertIn(word, done.stderr)
        return done.stderr

    def test_check_looks_at_it(self):
        done = exporter.run("check", f"--web.config.file={self.web}")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("1 user", done.stdout)

    def test_the_example_is_good(self):
        self.assertEqual(exporter.run("check", f"--web.config.file={exporter.ROOT}/config/web.yml").returncode, 0)

    def test_a_certificate_that_is_not_there_is_refused(self):
        self.assert_refused("tls_server_config:\n  cert_file: a.crt\n  key_file: a.key\n", f"{self.web}: TLS: cannot read cert_file",
                            f"{self.directory}/a.crt")

    def test_unknown_keys_are_refused(self):
        self.assert_refused("basic_auth_usres: {}\n", f"{self.web}:1:1: ", "basic_auth_users")

    def test_passwords_are_refused_and_not_shown(self):
        error = self.assert_refused("basic_auth_users:\n  alice: hunter22\n", f"{self.web}:2:10: ", "alice", "bcrypt")
        self.assertNotIn("hunter22", error)

    def test_a_file_that_is_not_there(self):
        done = exporter.run("check", f"--web.config.file={self.directory}/none.yml")
        self.assertEqual(done.returncode, 1)
        self.assertIn("none.yml", done.stderr)


class LoginTest(Case):
    def setUp(self):
        super().setUp()
        (self.directory / "vm1.log").write_text("pci_cfg_read i440FX 00:00.0 @0x0 -> 0x12378086\n")
        self.daemon = self.enterContext(exporter.Daemon(
            f"--trace.path={self.directory}/*.log", f"--web.config.file={self.web}", "--web.enable-lifecycle", headers=ALICE))
        self.daemon.wait_ready()

    def ask(self, headers, path="/metrics", method="GET"):
        return self.daemon.request(path, method, {"Authorization": ""} | headers)

    def test_every_path_asks_for_it(self):
        for path in PATHS:
            for method in ("GET", "HEAD", "POST"):
                with self.subTest(path=path, method=method):
                    status, headers, _ = self.ask({}, path, method)
                    self.assertEqual(status, 401)
                    self.assertTrue(headers["WWW-Authenticate"].startswith("Basic"))
        self.assertEqual(self.ask(ALICE)[0], 200)
        self.assertEqual(self.ask(ALICE, "/nothing")[0], 404)

    def test_who_is_wrong_learns_nothing(self):
        def answer(user, password):
            status, headers, body = self.ask(exporter.basic(user, password))
            return status, {k: v for k, v in headers.items() if k != "Date"}, body
        wrong = answer("alice", "guess")
        self.assertEqual(wrong[0], 401)
        self.assertEqual(answer("nobody", "secret"), wrong)

    def test_an_unknown_user_takes_as_long_as_a_wrong_password(self):
        def seconds(user):
            started = time.monotonic()
            self.assertEqual(self.ask(exporter.basic(user, "guess"))[0], 401)
            return time.monotonic() - started
        # By turns, so that a busy spell of the machine meets both.
        rounds = [(seconds("alice"), seconds("nobody")) for _ in range(4)]
        alice, nobody = map(min, zip(*rounds))
        print(f"wrong password {alice * 1e3:.0f} ms, unknown user {nobody * 1e3:.0f} ms", flush=True)
        self.assertLess(max(alice, nobody), 4 * min(alice, nobody))

    def cpu(self):
        return self.daemon.metrics().value("process_cpu_seconds_total")

    def test_scrapes_do_not_pay_for_bcrypt(self):
        before = self.cpu()
        for _ in range(100):
            self.assertEqual(self.ask(ALICE)[0], 200)
        each = (self.cpu() - before) / 100
        print(f"a scrape with a password takes {each * 1e3:.1f} ms of a core", flush=True)
        self.assertLess(each, 0.02)

    def test_guessing_disturbs_nobody_who_is_known(self):
        stop = threading.Event()
        answers = []

        def guess(number):
            while not stop.is_set():
                with contextlib.suppress(OSError):
                    answers.append(self.ask(exporter.basic("alice", f"guess{number}"))[0])
        guessers = [threading.Thread(target=guess, args=(i,)) for i in range(12)]
        for guesser in guessers:
            guesser.start()
        taken = []
        before, started = self.cpu(), time.monotonic()
        while time.monotonic() < started + 4:
            begun = time.monotonic()
            self.assertEqual(self.ask(ALICE)[0], 200)
            taken.append(time.monotonic() - begun)
            time.sleep(0.05)
        cores = (self.cpu() - before) / (time.monotonic() - started)
        stop.set()
        for guesser in guessers:
            guesser.join()
        print(f"{answers.count(401)} guesses looked at, {answers.count(429)} sent away, {cores:.2f} cores; scrapes took "
              f"up to {max(taken) * 1e3:.0f} ms", flush=True)
        self.assertEqual(set(answers), {401, 429})
        self.assertLess(max(taken), 3)

    def test_guesses_from_other_addresses_lock_nobody_out(self):
        """Neither who is known, before and after a reload, nor who logs in for the first time."""
        self.write(f"basic_auth_users:\n  alice: {SECRET}\n  bob: {SECRET}\n  carol: {SECRET}\n  dave: {SECRET}\n")
        self.daemon.process.send_signal(signal.SIGHUP)
        many = [f"127.0.1.{i}" for i in range(1, 25)]
        with self.subTest("24 addresses, unknown users"), self.guessing(many, "nobody{}"):
            self.assert_let_in(ALICE, exporter.basic("bob", "secret"))
            self.daemon.process.send_signal(signal.SIGHUP)
            time.sleep(0.5)
            self.assert_let_in(ALICE, exporter.basic("bob", "secret"))
        for what, addresses, user in (("24 addresses", many, "carol"), ("one address", ["127.0.2.1"] * 24, "dave")):
            with self.subTest(what, user=user), self.guessing(addresses, user):
                self.assert_let_in(ALICE, exporter.basic(user, "secret"))

    def assert_let_in(self, *clients):
        for client in clients:
            answers = [self.ask(client)[0] for _ in range(5)]
            self.assertEqual(answers, [200] * 5)

    @contextlib.contextmanager
    def guessing(self, addresses, user):
        """A guesser at each of the addresses, at work for a while already."""
        stop = threading.Event()
        answers = collections.Counter()

        def guess(address, number):
            login = exporter.basic(user.format(number), f"guess{number}")["Authorization"]
            request = f"GET /metrics HTTP/1.1\r\nHost: x\r\nAuthorization: {login}\r\nConnection: close\r\n\r\n".encode()
            while not stop.is_set():
                with contextlib.suppress(OSError), \
                        socket.create_connection(("127.0.0.1", self.daemon.port), 5, (address, 0)) as connection:
                    connection.sendall(request)
                    # To the end, which the server makes: else the local port would be taken for a minute.
                    with connection.makefile("rb") as answer:
                        answers[int(answer.read().split()[1])] += 1
                time.sleep(0.01)
        guessers = [threading.Thread(target=guess, args=(address, i)) for i, address in enumerate(addresses)]
        for guesser in guessers:
            guesser.start()
        time.sleep(0.3)
        try:
            yield
        finally:
            stop.set()
            for guesser in guessers:
                guesser.join()
        self.assertEqual(set(answers), {401, 429})

    def status_from(self, address, login):
        """The status of one request over a connection from this loopback address."""
        request = f"GET /metrics HTTP/1.1\r\nHost: x\r\nAuthorization: {login['Authorization']}\r\nConnection: close\r\n\r\n"
        with socket.create_connection(("127.0.0.1", self.daemon.port), 10, (address, 0)) as connection:
            connection.sendall(request.encode())
            with connection.makefile("rb") as answer:
                return int(answer.read().split()[1])

    def test_who_has_logged_in_is_let_in_after_a_restart_under_guesses_of_ever_new_addresses(self):
        self.write(f"basic_auth_users:\n  alice: {SECRET}\n  bob: {OTHER}\n")
        bob, address = exporter.basic("bob", "other"), "127.0.0.77"
        arguments = [f"--trace.path={self.directory}/*.log", f"--web.config.file={self.web}", f"--state.path={self.directory}/state"]
        with exporter.Daemon(*arguments, headers=ALICE) as self.daemon:
            self.assertEqual(self.status_from(address, bob), 200)
        self.daemon = self.enterContext(exporter.Daemon(*arguments, headers=ALICE))
        number = iter(range(1, 250 * 250))
        stop = threading.Event()

        def guess():
            while not stop.is_set():
                mine = next(number)
                with contextlib.suppress(OSError, IndexError):
                    self.status_from(f"127.0.{1 + mine // 250}.{1 + mine % 250}", exporter.basic("alice", f"guess{mine}"))
        guessers = [threading.Thread(target=guess) for _ in range(24)]
        for guesser in guessers:
            guesser.start()
        time.sleep(1)
        try:
            statuses = [self.status_from(address, bob) for _ in range(3)]
        finally:
            stop.set()
            for guesser in guessers:
                guesser.join()
        print(f"{next(number)} guesses from as many addresses", flush=True)
        self.assertEqual(statuses, [200, 200, 200])

    def test_reload_takes_new_users(self):
        self.write(f"basic_auth_users:\n  bob: {OTHER}\n")
        self.daemon.process.send_signal(signal.SIGHUP)
        process.wait_until(lambda: self.ask(exporter.basic("bob", "other"))[0] == 200, "bob to be let in")
        self.assertEqual(self.ask(ALICE)[0], 401)

    def test_a_bad_file_leaves_the_old_users(self):
        self.write("basic_auth_users:\n  alice: hunter22\n")
        status, _, body = self.ask(ALICE, "/-/reload", "POST")
        self.assertEqual(status, 500)
        self.assertIn(b"web.yml:2:10", body)
        self.assertNotIn(b"hunter22", body)
        self.assertEqual(self.daemon.metrics().value(RELOADED), 0)
        self.assertEqual(self.ask({})[0], 401)

    @unittest.skipUnless(shutil.which("prometheus"), "needs Prometheus")
    def test_prometheus_logs_in(self):
        extra = ["basic_auth: {username: alice, password: secret}"]
        with prometheus.Prometheus(self.directory, self.daemon.port, extra) as server:
            process.wait_until(lambda: server.query('up{job="qemu"} == 1'), "Prometheus to scrape", 20)


if __name__ == "__main__":
    unittest.main(verbosity=2)
