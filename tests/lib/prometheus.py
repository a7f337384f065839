"""A real Prometheus that scrapes one exporter every second."""

import json
import math
import os
import shutil
import subprocess
import urllib.error
import urllib.parse
import urllib.request

import process

_CONFIG = """\
global: {{scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}}
rule_files: {rules}
scrape_configs:
  - job_name: qemu
{extra}    static_configs: [{{targets: ['127.0.0.1:{port}']}}]
"""
_ITSELF = """\
  - job_name: prometheus
    static_configs: [{{targets: ['{address}']}}]
"""


def check_metrics(text):
    """promtool's complaints about an exposition; empty when it has none. Where there is no promtool that is an error
    with QTE_REQUIRE_ALL in the environment, and no complaint without."""
    if not shutil.which("promtool") and "QTE_REQUIRE_ALL" not in os.environ:
        return ""
    done = subprocess.run(["promtool", "check", "metrics"], input=text.encode(), capture_output=True)
    if done.returncode == 0:
        return ""
    return (done.stdout + done.stderr).decode()


class Prometheus:
    """A server on a free port with its storage in `directory`/tsdb, as a context manager. `extra` are lines of the
    scrape config, `flags` of its command line, `rules` files with rules, which are evaluated every second. With `itself`
    it also scrapes itself, as the job `prometheus`: a target that is not one of our exporters."""

    def __init__(self, directory, target_port, extra=(), flags=(), rules=(), itself=False):
        self._directory = directory
        self._extra = "".join(f"    {line}\n" for line in extra)
        self._flags = flags
        self._rules = json.dumps([str(path) for path in rules])
        self._target = target_port
        self.address = f"127.0.0.1:{process.free_port()}"
        self._url = f"http://{self.address}"
        self._itself = _ITSELF.format(address=self.address) if itself else ""
        self._process = None

    def __enter__(self):
        config = self._directory / "prometheus.yml"
        config.write_text(_CONFIG.format(port=self._target, extra=self._extra, rules=self._rules) + self._itself)
        with open(self._directory / "prometheus.err", "wb") as log:
            self._process = process.spawn(
                ["prometheus", f"--config.file={config}", f"--storage.tsdb.path={self._directory / 'tsdb'}",
                 f"--web.listen-address={self.address}", "--log.level=warn", *self._flags],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            process.wait_until(self._is_ready, "Prometheus to be ready", 60)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        process.end(self._process)

    def _is_ready(self):
        if self._process.poll() is not None:
            raise AssertionError("Prometheus ended: " + (self._directory / "prometheus.err").read_text())
        try:
            with urllib.request.urlopen(self._url + "/-/ready", timeout=5) as response:
                return response.status == 200
        except OSError:
            return False

    def query(self, expression, time=None):
        """An instant query, of now unless told: {labels as a sorted tuple of pairs: value}."""
        parameters = {"query": expression} if time is None else {"query": expression, "time": time}
        result = self.ask("query", **parameters)["result"]
        return {tuple(sorted(sample["metric"].items())): float(sample["value"][1]) for sample in result}

    def query_range(self, expression, start, end, step):
        """{labels as a sorted tuple of pairs: values over time, without those that are not numbers}."""
        result = self.ask("query_range", query=expression, start=start, end=end, step=step)["result"]
        values = {tuple(sorted(series["metric"].items())): [float(value) for _, value in series["values"]]
                  for series in result}
        return {labels: numbers for labels, all_values in values.items()
                if (numbers := [value for value in all_values if not math.isnan(value)])}

    def ask(self, endpoint, **parameters):
        """The data of an answer of /api/v1; AssertionError with what Prometheus says where it refuses."""
        url = f"{self._url}/api/v1/{endpoint}?{urllib.parse.urlencode(parameters)}"
        try:
            with urllib.request.urlopen(url, timeout=10) as response:
                return json.load(response)["data"]
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{endpoint} {parameters}: {json.load(error)['error']}") from None
