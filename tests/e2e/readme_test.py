#!/usr/bin/env python3
"""What README.md shows is what happens: its terminal sessions are run, its YAML is read by whom it is for."""

import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
import exporter
import parts

README = exporter.ROOT / "README.md"
# The files that the sessions speak of.
FILES = {
    "keys.log": "".join(f"ps2_put_keycode 0x55a7f0e0 keycode 0x{code}\n" for code in ("34", "f0", "34")),
    "mine.yaml": """\
# Line 12 is wrong.
sources:
  - path: /var/log/qemu/*.log
metrics:
  - name: qemu_reads_total
    type: counter
    help: Reads.
    event: pci_cfg_read
    where:
      val: {not: 0}
    labels:
      named: devcie
""",
}


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```$", README.read_text(), re.M | re.S)


class ReadmeTest(unittest.TestCase):
    def setUp(self):
        self.directory = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory(prefix="qte-readme-")))
        for name, text in FILES.items():
            (self.directory / name).write_text(text)

    def run_as_printed(self, command):
        """Standard output and error together, as in a terminal."""
        self.assertTrue(command.startswith("qemu-trace-exporter "))
        path = f"{pathlib.Path(exporter.BINARY).parent}:{os.environ['PATH']}"
        done = subprocess.run(["bash", "-c", command], cwd=self.directory, env={**os.environ, "PATH": path},
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60)
        return done.stdout

    def test_sessions_print_what_is_shown(self):
        sessions = blocks("console")
        self.assertGreaterEqual(len(sessions), 4)
        for session in sessions:
            command, _, shown = session.partition("\n")
            with self.subTest(command=command):
                printed = self.run_as_printed(command.removeprefix("$ "))
                # "..." is what was left out at the end.
                if shown.endswith("...\n"):
                    self.assertEqual(printed[:len(shown) - 4], shown[:-4])
                else:
                    self.assertEqual(printed, shown)

    def test_yaml_is_read(self):
        path = self.directory / "block.yaml"
        for text in blocks("yaml"):
            first = text.partition(":")[0]
            with self.subTest(block=first):
                path.write_text(text)
                if first == "sources":
                    done = exporter.run("check", f"--config.file={path}")
                elif first == "basic_auth_users":
                    done = exporter.run("check", f"--web.config.file={path}")
                else:
                    self.assertEqual(first, "scrape_configs")
                    done = subprocess.run(["promtool", "check", "config", "--syntax-only", path], capture_output=True,
                                          text=True)
                self.assertEqual(done.returncode, 0, done.stderr)

    def test_links_lead_somewhere(self):
        for document in (README, exporter.ROOT / "docker/README.md", exporter.ROOT / "tests/bench/README.md"):
            text = document.read_text()
            for target in re.findall(r"\]\(([^)]+)\)", text):
                path, _, anchor = target.partition("#")
                if path.startswith("http"):
                    continue
                with self.subTest(document=document.name, link=target):
                    self.assertTrue((document.parent / path).exists())
                    if not path:
                        anchors = {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-")
                                   for heading in re.findall(r"^#+ (.*)$", text, re.M)}
                        self.assertIn(anchor, anchors)


if __name__ == "__main__":
    parts.need("promtool", "qemu-system-x86_64")
    unittest.main(verbosity=2)
