#!/usr/bin/env python3
"""The committed dashboards are what their source generates, from a clean installation of what package-lock.json names."""

import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
SOURCE = ROOT / "dashboards/src"


class GeneratedTest(unittest.TestCase):
    def test_source_and_json_agree(self):
        with tempfile.TemporaryDirectory(prefix="qte-dashboards-") as directory:
            copy = pathlib.Path(directory) / "src"
            shutil.copytree(SOURCE, copy, ignore=shutil.ignore_patterns("node_modules"))
            for command in (["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"],
                            ["node", "generate.mjs", str(pathlib.Path(directory) / "out")]):
                done = subprocess.run(command, cwd=copy, capture_output=True, text=True, timeout=200)
                self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            generated = {path.name: path.read_text() for path in (pathlib.Path(directory) / "out").glob("*.json")}
        committed = {path.name: path.read_text() for path in SOURCE.parent.glob("*.json")}
        self.assertEqual(set(generated), set(committed))
        for name in committed:
            self.assertEqual(generated[name], committed[name], f"{name}: run `npm ci && npm run generate` in dashboards/src")


if __name__ == "__main__":
    if not shutil.which("npm"):
        print("skipped: no npm here; ./test.sh --all installs it")
        sys.exit(77)
    unittest.main(verbosity=2)
