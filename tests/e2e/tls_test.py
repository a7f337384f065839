#!/usr/bin/env python3
"""TLS and the rest of --web.config.file: the same files are given to Debian's prometheus-node-exporter, which is built on
exporter-toolkit, and both have to accept, refuse and answer alike."""

import http.client
import os
import pathlib
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
import certificates
import exporter
import process

HASH = "$2b$04$abcdefghijklmnopqrstuu0HtfOlPbTiymk5tcV.3TsFPDd3SYZqu"
PACKAGE = "prometheus-node-exporter"


def make_certificate(directory, name, authority, names, key=("ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"), usage=None):
    certificates.openssl(directory, "req", "-newkey", *key, "-nodes", "-subj", f"/CN={name}", "-keyout", f"{name}.key",
                         "-out", f"{name}.csr")
    (directory / f"{name}.ext").write_text(f"subjectAltName={names}\n" + (f"extendedKeyUsage={usage}\n" if usage else ""))
    certificates.openssl(directory, "x509", "-req", "-in", f"{name}.csr", "-CA", f"{authority}.crt", "-CAkey", f"{authority}.key",
                         "-CAcreateserial", "-days", "2", "-extfile", f"{name}.ext", "-out", f"{name}.crt")


def reference(directory):
    """The path of Debian's node exporter, unpacked there; None where it cannot be had."""
    if found := shutil.which(PACKAGE):
        return found
    subprocess.run(["apt-get", "download", "-qq", PACKAGE], cwd=directory, capture_output=True)
    for package in directory.glob(f"{PACKAGE}_*.deb"):
        subprocess.run(["dpkg-deb", "-x", package.name, "."], cwd=directory, check=True)
        return directory / "usr/bin" / PACKAGE
    return None


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


class Server:
    """A program that serves /metrics by a web config, as a context manager."""

    def __init__(self, command):
        self.port = free_port()
        self._log = tempfile.TemporaryFile()
        self._process = process.spawn([argument.replace("PORT", str(self.port)) for argument in command],
                                      stdout=self._log, stderr=self._log)

    def __enter__(self):
        def look():
            if self._process.poll() is not None:
                return True
            with socket.socket() as client:
                return client.connect_ex(("127.0.0.1", self.port)) == 0
        process.wait_until(look, "the server to listen or to end", 20)
        time.sleep(0.05)
        return self

    def __exit__(self, *_):
        if self._process.poll() is None:
            self._process.terminate()
        self._process.wait(20)
        self._log.close()

    @property
    def started(self):
        return self._process.poll() is None

    def log(self):
        return os.pread(self._log.fileno(), 1 << 20, 0).decode(errors="replace")

    def ask(self, context, headers=(), shown=()):
        """The status of an answer and some of its headers, or "refused"."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=10) as plain:
                with (context.wrap_socket(plain, server_hostname="localhost") if context else plain) as client:
                    connection = http.client.HTTPConnection("localhost")
                    connection.sock = client
                    connection.request("GET", "/metrics", headers=dict(headers))
                    answer = connection.getresponse()
                    answer.read()
                    return answer.status, {name: answer.headers[name] for name in shown if name in answer.headers}
        except (OSError, http.client.HTTPException):
            return "refused"


HEADERS = ("Strict-Transport-Security", "Content-Security-Policy", "X-XSS-Protection")


def is_refused(outcome):
    return outcome == "refused"


class Case(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.directory = pathlib.Path(cls.enterClassContext(tempfile.TemporaryDirectory(prefix="qte-tls-")))
        certificates.make_self_signed(cls.directory, "ca")
        certificates.make_self_signed(cls.directory, "other-ca")
        make_certificate(cls.directory, "server", "ca", "DNS:localhost")
        make_certificate(cls.directory, "rsa", "ca", "DNS:localhost", key=("rsa:2048",))
        make_certificate(cls.directory, "client", "ca", "DNS:scraper.example,IP:192.0.2.7,email:a@b.example,URI:spiffe://x/y",
                         usage="clientAuth")
        make_certificate(cls.directory, "stranger", "other-ca", "DNS:scraper.example")
        make_certificate(cls.directory, "not-for-clients", "ca", "DNS:scraper.example", usage="serverAuth")
        cls.node_exporter = reference(cls.directory)
        if cls.node_exporter is None:
            if os.environ.get("QTE_REQUIRE_ALL"):
                raise AssertionError(f"{PACKAGE} can be neither found nor downloaded")
            raise unittest.SkipTest(f"{PACKAGE} can be neither found nor downloaded")

    def config(self, text, name="web.yml"):
        path = self.directory / name
        path.write_text(text)
        return path

    def tls(self, *lines, certificate="server"):
        return "\n".join([f"tls_server_config:\n  cert_file: {certificate}.crt\n  key_file: {certificate}.key",
                          *(f"  {line}" for line in lines)]) + "\n"

    def ours(self, config):
        return Server([exporter.BINARY, "serve", "--trace.path=/dev/null", "--web.listen-address=127.0.0.1:PORT",
                       f"--web.config.file={config}"])

    def theirs(self, config):
        return Server([str(self.node_exporter), "--collector.disable-defaults", "--web.listen-address=127.0.0.1:PORT",
                       f"--web.config.file={config}"])

    def client(self, certificate=None, **settings):
        context = ssl.create_default_context(cafile=self.directory / "ca.crt")
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT  # Python 3.13 wants more of an authority than openssl makes of itself
        if certificate:
            context.load_cert_chain(self.directory / f"{certificate}.crt", self.directory / f"{certificate}.key")
        ciphers = settings.pop("ciphers", None)
        for name, value in settings.items():
            setattr(context, name, value)
        if ciphers:
            context.set_ciphers(ciphers)
        return context

    def clients(self):
        one_two = ssl.TLSVersion.TLSv1_2
        return {
            "plain HTTP": None,
            "no certificate": self.client(),
            "no certificate, 1.2": self.client(maximum_version=one_two),
            "certificate": self.client("client"),
            "certificate, 1.2": self.client("client", maximum_version=one_two),
            "stranger": self.client("stranger"),
            "stranger, 1.2": self.client("stranger", maximum_version=one_two),
            "not for clients": self.client("not-for-clients"),
            "AES 256 alone, 1.2": self.client(maximum_version=one_two, ciphers="ECDHE+AES256"),
        }

    def assert_alike(self, text, expected=None):
        config = self.config(text)
        with self.subTest(config=text), self.ours(config) as ours, self.theirs(config) as theirs:
            self.assertTrue(theirs.started, theirs.log())
            self.assertTrue(ours.started, ours.log())
            for name, context in self.clients().items():
                with self.subTest(client=name):
                    shown = [header for header in HEADERS if header in text]
                    own, other = ours.ask(context, shown=shown), theirs.ask(context, shown=shown)
                    self.assertEqual(own, other)
                    if expected is not None:
                        self.assertEqual(is_refused(own) or own[0] != 200, name not in expected, own)


class AlikeTest(Case):
    def test_client_certificates(self):
        plain = {"no certificate", "no certificate, 1.2", "certificate", "certificate, 1.2", "stranger", "stranger, 1.2",
                 "not for clients", "AES 256 alone, 1.2"}
        without = {"no certificate", "no certificate, 1.2", "AES 256 alone, 1.2"}
        own = {"certificate", "certificate, 1.2"}
        ca = "client_ca_file: ca.crt"
        self.assert_alike(self.tls(), plain)
        self.assert_alike(self.tls("client_auth_type: NoClientCert"), plain)
        self.assert_alike(self.tls("client_auth_type: RequestClientCert"), plain)
        self.assert_alike(self.tls("client_auth_type: RequireAnyClientCert"), plain - without)
        self.assert_alike(self.tls("client_auth_type: RequireClientCert"), plain - without)
        self.assert_alike(self.tls("client_auth_type: VerifyClientCertIfGiven", ca), without | own)
        self.assert_alike(self.tls("client_auth_type: RequireAndVerifyClientCert", ca), own)

    def test_versions_ciphers_and_curves(self):
        self.assert_alike(self.tls("min_version: TLS13"))
        self.assert_alike(self.tls("max_version: TLS12"))
        self.assert_alike(self.tls("cipher_suites: [TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256]"))
        self.assert_alike(self.tls("cipher_suites: [TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384]", certificate="rsa")
                          + "http_server_config: {http2: false}\n")
        self.assert_alike(self.tls("curve_preferences: [CurveP384]", "prefer_server_cipher_suites: true"))

    def test_headers_and_users(self):
        headers = ("http_server_config:\n  headers:\n    Strict-Transport-Security: max-age=60\n"
                   "    Content-Security-Policy: default-src 'self'\n    X-XSS-Protection: '0'\n")
        self.assert_alike(self.tls() + headers)
        self.assert_alike(self.tls() + f"basic_auth_users:\n  alice: {HASH}\n")

    def test_without_tls(self):
        self.assert_alike("http_server_config: {http2: false}\n")
        self.assert_alike("tls_server_config: {min_version: TLS12}\n")

    def test_what_both_refuse(self):
        (self.directory / "empty.pem").write_text("")
        for text in (
                "tls_server_config: {cert_file: server.crt}\n",
                "tls_server_config: {key_file: server.key}\n",
                "tls_server_config: {client_auth_type: RequireAnyClientCert}\n",
                "tls_server_config: {cert_file: none.crt, key_file: server.key}\n",
                "tls_server_config: {cert_file: server.crt, key_file: none.key}\n",
                "tls_server_config: {cert_file: server.crt, key_file: rsa.key}\n",
                "tls_server_config: {cert_file: empty.pem, key_file: server.key}\n",
                self.tls("client_ca_file: ca.crt"),
                self.tls("client_auth_type: Sometimes"),
                self.tls("client_auth_type: RequireAndVerifyClientCert", "client_ca_file: none.crt"),
                self.tls("min_version: TLS14"),
                self.tls("cipher_suites: [TLS_RSA_WITH_RC4_128_SHA, NONE]"),
                self.tls("curve_preferences: [P256]"),
                self.tls("cert_fiel: a"),
                "http_server_config: {headers: {Server: x}}\n",
                "http_server_config: {headers: {X-Frame-Options: none}}\n",
                "basic_auth_users: {alice: secret}\n"):
            config = self.config(text)
            with self.subTest(config=text), self.ours(config) as ours, self.theirs(config) as theirs:
                self.assertFalse(theirs.started, theirs.log())
                self.assertFalse(ours.started, ours.log())
                self.assertIn("web.yml", ours.log())


class OwnTest(Case):
    """What exporter-toolkit leaves open."""

    def test_a_new_certificate_is_served_without_a_reload(self):
        for name in ("crt", "key"):
            shutil.copy(self.directory / f"server.{name}", self.directory / f"live.{name}")
        with self.ours(self.config(self.tls(certificate="live"))) as server:
            def served():
                with socket.create_connection(("127.0.0.1", server.port), timeout=10) as plain:
                    with self.client().wrap_socket(plain, server_hostname="localhost") as client:
                        return client.getpeercert(binary_form=True)
            first = served()
            time.sleep(1.1)
            # Between the two writes the key is not that of the certificate: the old pair stays.
            shutil.copy(self.directory / "rsa.crt", self.directory / "live.crt")
            self.assertEqual(served(), first)
            shutil.copy(self.directory / "rsa.key", self.directory / "live.key")
            process.wait_until(lambda: served() != first, "the new certificate", 10)
            self.assertIn("cannot be used, the old certificate stays", server.log())

    def test_certificate_and_key_in_the_config(self):
        def indented(name):
            return "".join(f"    {line}\n" for line in (self.directory / name).read_text().splitlines())
        text = f"tls_server_config:\n  cert: |\n{indented('server.crt')}  key: |\n{indented('server.key')}"
        with self.ours(self.config(text)) as server:
            self.assertEqual(server.ask(self.client())[0], 200)

    def test_who_speaks_plain_http_is_told(self):
        with self.ours(self.config(self.tls())) as server, socket.create_connection(("127.0.0.1", server.port), 10) as client:
            client.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
            self.assertIn(b"https://", client.recv(4096))

    def test_a_rate_limit(self):
        with self.ours(self.config("rate_limit: {interval: 10s, burst: 3}\n")) as server:
            statuses = [server.ask(None)[0] for _ in range(5)]
        self.assertEqual(statuses[3:], [429, 429], statuses)
        self.assertNotIn(429, statuses[:3])

    def test_names_of_clients(self):
        for names, client, is_taken in (("[scraper.example]", "client", True), ("[192.0.2.7]", "client", True),
                                        ("[a@b.example]", "client", True), ("['spiffe://x/y']", "client", True),
                                        ("[other.example]", "client", False), ("[]", "client", False),
                                        ("[scraper.example]", "stranger", False)):
            config = self.config(self.tls("client_auth_type: RequireAndVerifyClientCert", "client_ca_file: ca.crt",
                                          f"client_allowed_sans: {names}"))
            with self.subTest(names=names, client=client), self.ours(config) as server:
                self.assertEqual(not is_refused(server.ask(self.client(client))), is_taken)

    def test_handshakes_that_are_abandoned_cost_no_descriptor(self):
        with self.ours(self.config(self.tls())) as server:
            pid = server._process.pid
            def descriptors():
                return len(os.listdir(f"/proc/{pid}/fd"))
            self.assertEqual(server.ask(self.client())[0], 200)
            before = descriptors()
            incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
            hello = self.client().wrap_bio(incoming, outgoing, server_hostname="localhost")
            with self.assertRaises(ssl.SSLWantReadError):
                hello.do_handshake()
            greeting = outgoing.read()
            for size in (0, 1, 5, 6, len(greeting) // 2, len(greeting)):
                for _ in range(50):
                    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as client:
                        client.sendall(greeting[:size])
            process.wait_until(lambda: descriptors() <= before, "the descriptors to be given back", 10)
            self.assertEqual(server.ask(self.client())[0], 200)


if __name__ == "__main__":
    unittest.main(verbosity=2)
