#!/usr/bin/env python3
"""The recipe for TLS, config/nginx-tls.conf, with a real nginx, a certificate of its own, verification and a password."""

import os
import pathlib
import shutil
import ssl
import subprocess
import sys
import tempfile
import unittest
import urllib.error
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
import exporter
import parts
import process
import prometheus

RECIPE = exporter.ROOT / "config/nginx-tls.conf"
WEB = exporter.ROOT / "config/web.yml"
LOGIN = exporter.basic("prometheus", "secret")

# What Debian's /etc/nginx/nginx.conf says around conf.d, in a folder of our own.
NGINX = """\
worker_processes 1;
pid {directory}/nginx.pid;
error_log stderr;
events {{}}
http {{
  access_log off;
  client_body_temp_path {directory}/body;
  proxy_temp_path {directory}/proxy;
  fastcgi_temp_path {directory}/fastcgi;
  uwsgi_temp_path {directory}/uwsgi;
  scgi_temp_path {directory}/scgi;
  include {directory}/nginx-tls.conf;
}}
"""


def nginx():
    """Debian has it where only root looks."""
    return shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin")


class ReverseProxyTest(unittest.TestCase):
    def setUp(self):
        self.directory = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory(prefix="qte-tls-")))
        os.chmod(self.directory, 0o755)  # nginx changes its user where it is started by root
        (self.directory / "vm1.log").write_text("pci_cfg_read i440FX 00:00.0 @0x0 -> 0x12378086\n")
        self.daemon = self.enterContext(exporter.Daemon(
            f"--trace.path={self.directory}/*.log", f"--web.config.file={WEB}", headers=LOGIN))
        self.daemon.wait_ready()
        self.port = process.free_port()
        self.make_certificate()
        self.start_nginx()

    def make_certificate(self):
        self.certificate, self.key = self.directory / "localhost.crt", self.directory / "localhost.key"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                        "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
                        "-keyout", self.key, "-out", self.certificate], check=True, capture_output=True)

    def start_nginx(self):
        recipe = RECIPE.read_text()
        for old, new in (("listen 10178 ", f"listen 127.0.0.1:{self.port} "), ("qemu.example.com", "localhost"),
                         ("http://127.0.0.1:10177", self.daemon.url),
                         ("/etc/ssl/certs/qemu-trace-exporter.crt", str(self.certificate)),
                         ("/etc/ssl/private/qemu-trace-exporter.key", str(self.key))):
            self.assertIn(old, recipe)
            recipe = recipe.replace(old, new)
        (self.directory / "nginx-tls.conf").write_text(recipe)
        config = self.directory / "nginx.conf"
        config.write_text(NGINX.format(directory=self.directory))
        log = self.enterContext(open(self.directory / "nginx.err", "wb"))
        server = process.spawn([nginx(), "-p", self.directory, "-c", config, "-e", "stderr", "-g", "daemon off;"],
                               stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.addCleanup(process.end, server)
        process.wait_until(lambda: server.poll() is not None or self.ask()[0] == 200, "nginx to serve", 20)
        self.assertIsNone(server.poll(), (self.directory / "nginx.err").read_text())

    def ask(self, path="/metrics", headers=LOGIN, trusted=True):
        """(status, headers, body) over TLS; (None, None, None) while nothing listens."""
        context = ssl.create_default_context(cafile=self.certificate if trusted else None)
        request = urllib.request.Request(f"https://localhost:{self.port}{path}", headers=dict(headers))
        try:
            with urllib.request.urlopen(request, timeout=10, context=context) as response:
                return response.status, response.headers, response.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.headers, error.read()
        except urllib.error.URLError as error:
            if isinstance(error.reason, ConnectionRefusedError):
                return None, None, None
            raise

    def test_scrape_over_tls_with_a_password(self):
        status, headers, body = self.ask()
        self.assertEqual(status, 200)
        self.assertEqual(headers["Content-Type"], "text/plain; version=0.0.4; charset=utf-8")
        self.assertIn(b'qemu_pci_config_reads_total{vm="vm1",device="i440FX",address="00:00.0"} 1\n', body)
        self.assertEqual(self.ask("/-/ready")[0], 200)

    def test_compression_comes_through(self):
        _, headers, body = self.ask(headers=LOGIN | {"Accept-Encoding": "gzip"})
        self.assertEqual(headers["Content-Encoding"], "gzip")
        self.assertEqual(body[:2], b"\x1f\x8b")

    def test_no_password_no_scrape(self):
        status, headers, _ = self.ask(headers={})
        self.assertEqual(status, 401)
        self.assertTrue(headers["WWW-Authenticate"].startswith("Basic"))

    def test_a_client_that_does_not_know_the_certificate_turns_away(self):
        with self.assertRaisesRegex(urllib.error.URLError, "CERTIFICATE_VERIFY_FAILED"):
            self.ask(trusted=False)

    @unittest.skipUnless(shutil.which("prometheus"), "needs Prometheus")
    def test_prometheus_scrapes_over_tls(self):
        extra = ["scheme: https", f"tls_config: {{ca_file: {self.certificate}}}",
                 "basic_auth: {username: prometheus, password: secret}"]
        with prometheus.Prometheus(self.directory, self.port, extra) as server:
            process.wait_until(lambda: server.query('up{job="qemu"} == 1'), "Prometheus to scrape", 20)


if __name__ == "__main__":
    parts.need("nginx", "openssl")
    unittest.main(verbosity=2)
