#!/usr/bin/env python3
"""tests/lib/debian-root.sh where no root directory can be made: it says why. ./test.sh --trixie tests the rest."""

import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
import exporter
import parts

parts.need("unshare")


class ReasonTest(unittest.TestCase):
    def end(self, **programs):
        """The exit code and the last line where programs of these names run these scripts."""
        with tempfile.TemporaryDirectory(prefix="qte-root-") as directory:
            for program, script in {"mmdebstrap": "exit 0", **programs}.items():
                path = pathlib.Path(directory, program)
                path.write_text(f"#!/bin/sh\n{script}\n")
                path.chmod(0o755)
            done = subprocess.run([exporter.ROOT / "tests/lib/debian-root.sh", "trixie", "true"], capture_output=True, text=True,
                                  timeout=60, env={"PATH": f"{directory}:{os.environ['PATH']}", "XDG_CACHE_HOME": directory})
            return done.returncode, done.stderr.splitlines()[-1].removeprefix(
                "skipped: no root directory of Debian trixie can be made: ")

    def test_no_rights(self):
        self.assertEqual(self.end(unshare="exit 1"),
                         (77, "namespaces are forbidden" if os.geteuid() == 0 else "only root may make one"))

    @unittest.skipUnless(os.geteuid() == 0 and subprocess.run(["unshare", "--mount", "--pid", "--fork", "true"]).returncode == 0,
                         "only root may make one, where namespaces are not forbidden")
    def test_no_mirror(self):
        self.assertEqual(self.end(mmdebstrap="echo 'E: cannot connect'; exit 1"),
                         (77, "mmdebstrap failed: E: cannot connect"))


if __name__ == "__main__":
    unittest.main(verbosity=2)
