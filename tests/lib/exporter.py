"""The program under test: one-shot calls of its subcommands, and the daemon on a free port."""

import base64
import os
import pathlib
import re
import subprocess
import tempfile
import urllib.error
import urllib.request

import exposition
import process

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = os.environ.get("QTE_BINARY", str(ROOT / "build/release/exporter/daemon/qemu-trace-exporter"))


def run(*arguments, stdin=b"", timeout=60):
    """One call to its end: a CompletedProcess whose output is text."""
    done = subprocess.run([BINARY, *map(str, arguments)], input=stdin, capture_output=True, timeout=timeout)
    done.stdout = done.stdout.decode()
    done.stderr = done.stderr.decode()
    return done


def replay(*arguments, stdin=b""):
    """The exposition of `replay`, parsed."""
    done = run("replay", *arguments, stdin=stdin)
    if done.returncode != 0:
        raise AssertionError(f"replay {arguments} ended with {done.returncode}: {done.stderr}")
    return exposition.parse(done.stdout)


def request(url, method="GET", headers=(), tls=None):
    """(status, headers, body as bytes). OSError if nothing answers."""
    try:
        with urllib.request.urlopen(urllib.request.Request(url, method=method, headers=dict(headers)),
                                    timeout=10, context=tls) as response:
            return response.status, response.headers, response.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers, error.read()


def basic(user, password):
    """The headers of HTTP basic authentication."""
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


def port_told(log):
    """The port in what a daemon has logged; None before it listens."""
    found = re.search(r"listening on https?://\S+:(\d+)", log)
    return found and int(found[1])


class Daemon:
    """`qemu-trace-exporter serve` on a loopback port (one that the system finds unless told), as a context manager.
    Leaving it ends the daemon. `headers` go with every request; with `tls`, an SSLContext, requests speak TLS."""

    def __init__(self, *arguments, port=None, stdin=subprocess.DEVNULL, headers=(), tls=None):
        self._port = port
        self._tls = tls
        self._headers = dict(headers)
        self._log = tempfile.TemporaryFile()
        self.process = process.spawn(
            [BINARY, "serve", f"--web.listen-address=127.0.0.1:{port or 0}", *arguments],
            stdin=stdin, stdout=self._log, stderr=self._log)

    def __enter__(self):
        try:
            self.wait_for_status("/-/healthy", 200)
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_):
        self.stop()
        self._log.close()

    @property
    def port(self):
        """As told, or as the daemon logs it once it listens."""
        if self._port is None:
            def look():
                self._check_alive()
                return port_told(self.log())
            self._port = process.wait_until(look, "the daemon to listen", interval=0.01)
        return self._port

    def _check_alive(self):
        if self.process.poll() is not None:
            raise AssertionError(f"the daemon ended with {self.process.returncode}:\n{self.log()}")

    @property
    def url(self):
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}"

    def log(self):
        """All that the daemon has written to stdout and stderr."""
        # Not by seek(), which would move the place where the daemon writes.
        return os.pread(self._log.fileno(), os.fstat(self._log.fileno()).st_size, 0).decode(errors="replace")

    def request(self, path, method="GET", headers=()):
        return request(self.url + path, method, self._headers | dict(headers), self._tls)

    def status(self, path, method="GET"):
        """The status code, or None while nothing answers."""
        self._check_alive()
        try:
            return self.request(path, method)[0]
        except OSError:
            return None

    def wait_for_status(self, path, status, timeout=30):
        process.wait_until(lambda: self.status(path) == status, f"{status} from {path}", timeout)

    def wait_ready(self, timeout=30):
        self.wait_for_status("/-/ready", 200, timeout)

    def text(self):
        """The body of /metrics, once there is one: the port is open a moment before there is anything to tell (503)."""
        def look():
            status, _, body = self.request("/metrics")
            if status not in (200, 503):
                raise AssertionError(f"/metrics answered {status}")
            return body.decode() if status == 200 else None
        return process.wait_until(look, "/metrics to answer")

    def metrics(self):
        return exposition.parse(self.text())

    def wait_for_metrics(self, condition, what, timeout=30):
        """Polls /metrics until condition(exposition) holds, and returns that exposition."""
        def look():
            metrics = self.metrics()
            return metrics if condition(metrics) else None
        return process.wait_until(look, what, timeout)

    def wait_for_bytes(self, count, timeout=30):
        """Waits until `count` bytes have been read in all, and returns the exposition."""
        return self.wait_for_metrics(lambda m: m.total("qemu_trace_exporter_read_bytes_total") >= count,
                                     f"{count} bytes to be read", timeout)

    def kill(self):
        """SIGKILL: no chance to do anything about it."""
        self.process.kill()
        self.process.wait()

    def stop(self):
        """SIGTERM; the exit code."""
        return process.end(self.process)
