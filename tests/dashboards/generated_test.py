#!/usr/bin/env python3
"""The committed dashboards are what their source generates, from a clean installation of what package-lock.json names, and
Prometheus' own grammar reads every expression of them."""

import json
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
SOURCE = ROOT / "dashboards/src"


class GeneratedTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.directory = pathlib.Path(cls.enterClassContext(tempfile.TemporaryDirectory(prefix="qte-dashboards-")))
        cls.source = cls.directory / "src"
        shutil.copytree(SOURCE, cls.source, ignore=shutil.ignore_patterns("node_modules"))
        cls.run_in_source("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")

    @classmethod
    def run_in_source(cls, *command, code=0):
        """What it printed."""
        done = subprocess.run(command, cwd=cls.source, capture_output=True, text=True, timeout=200)
        if done.returncode != code:
            raise AssertionError(f"{command} ended with {done.returncode}: {done.stdout}{done.stderr}")
        return done.stdout + done.stderr

    def test_source_and_json_agree(self):
        self.run_in_source("node", "generate.mjs", str(self.directory / "out"))
        generated = {path.name: path.read_text() for path in (self.directory / "out").glob("*.json")}
        committed = {path.name: path.read_text() for path in SOURCE.parent.glob("*.json")}
        self.assertEqual(set(generated), set(committed))
        for name in committed:
            self.assertEqual(generated[name], committed[name], f"{name}: run `npm ci && npm run generate` in dashboards/src")

    def test_every_expression_is_promql(self):
        self.run_in_source("node", "promql.mjs", *map(str, sorted(SOURCE.parent.glob("*.json"))))

    def test_what_is_no_promql_is_told(self):
        dashboard = json.loads((SOURCE.parent / "overview.json").read_text())
        folded = next(panel for panel in dashboard["panels"] if panel.get("panels"))
        folded["panels"][0]["targets"][0]["expr"] = 'sum(rate(up{job=~"$job"}[$__rate_interval])'
        dashboard["annotations"]["list"][0]["expr"] = "up >"
        broken = self.directory / "broken.json"
        broken.write_text(json.dumps(dashboard))
        told = self.run_in_source("node", "promql.mjs", str(broken), code=1)
        self.assertEqual(len(told.splitlines()), 2, told)
        self.assertIn(f"qemu-overview: {folded['panels'][0]['title']}: no PromQL", told)
        self.assertIn("qemu-overview: Exporter restarts: no PromQL", told)

    def test_no_dashboard_is_written_with_what_is_no_promql(self):
        source = self.source / "vm.mjs"
        good = source.read_text()
        self.addCleanup(source.write_text, good)
        source.write_text(good.replace("`topk(10, sum", "`topk(10 sum"))
        self.assertNotEqual(source.read_text(), good)
        told = self.run_in_source("node", "generate.mjs", str(self.directory / "none"), code=1)
        self.assertIn("Trace events by name", told)
        self.assertFalse((self.directory / "none").exists())


if __name__ == "__main__":
    if not shutil.which("npm"):
        print("skipped: no npm here; ./test.sh --all installs it")
        sys.exit(77)
    unittest.main(verbosity=2)
