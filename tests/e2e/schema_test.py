#!/usr/bin/env python3
"""The JSON Schema of the config: an editor accepts and refuses by it what the exporter does, as far as a schema can know."""

import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
import exporter

CONFIG = exporter.ROOT / "config"
EDITOR = exporter.ROOT / "tests/editor"
MODELINE = "# yaml-language-server: $schema=config.schema.json\n"

SPAN = "spans: {s: {start: virtqueue_pop, end: virtqueue_fill, key: [vq, elem]}}\n"
RULE = "name: a_total, type: counter, event: pci_cfg_read"

GOOD = (
    "sources:\nmetrics:\nlimits: {max_series: 10}\n",
    "sources: [{path: a.log, labels: {rack: 7}, start: end, reclaim: true, max_disk_bytes: 1048576}]\n",
    "sources: [{path: '/var/log/*.log', qmp: {socket: '/run/{vm}.qmp', drive_names: false}}]\n",
    "sources: [{path: '/var/log/*.log', qmp: '/run/{vm}.qmp', exclude: a, envelope: none}]\n",
    "sources: [{usdt: /usr/libexec/qemu-kvm, name_pattern: '(?P<vm>.*)'}]\n",
    "sources: [{path: '${HOME}/a.log', start: '${NONE:-end}'}]\nlimits: {workers: '${NONE:-2}', expire_after: 1h30m}\n",
    "lookups: {image: {event: bdrv_open_common, key: bs, value: filename}, why: {names: {0: no, 1: yes}}}\n",
    SPAN + "metrics: [{name: a, type: histogram, event: s, value: duration, buckets: [1, 2.5, 1e3]}]\n",
    SPAN + "metrics: [{name: a, type: histogram, event: s, value: duration, buckets: {start: 1, factor: 2, count: 3}}]\n",
    f"metrics: [{{{RULE}, where: {{dev: [a, b], val: {{not: 0xff}}, offs: {{min: 1}}}}, scale: 2}}]\n",
    f"metrics: [{{{RULE}, labels: {{x: dev, y: ['{{bus}}', slot], z: {{template: dev, where: {{dev: a}}}}}}}}]\n",
    "metrics: [{name: a_total, type: counter, match: 'x (?P<y>.)', labels: {y: y}}]\n",
)

BAD = (
    "metrcs: []\n",
    "metrics: {}\n",
    "just text\n",
    "sources: [{strat: end, path: a}]\n",
    "sources: [{start: end}]\n",
    "sources: [{path: a, start: now}]\n",
    "sources: [{path: a, reclaim: maybe}]\n",
    "sources: [{path: a, max_disk_bytes: 1048576}]\n",
    "sources: [{path: a, qmp: {drive_names: true}}]\n",
    "sources: [{path: a, name_pattern: '(?P<vm>.*)'}]\n",
    "lookups: {image: {event: bdrv_open_common, key: bs}}\n",
    "lookups: {image: {event: bdrv_open_common, names: {0: no}}}\n",
    "lookups: {'a b': {names: {0: no}}}\n",
    "spans: {s: {start: virtqueue_pop, end: virtqueue_fill}}\n",
    "spans: {s: {start: virtqueue_pop, end: virtqueue_fill, key: vq, timeout: 60}}\n",
    "metrics: [{name: a_total, type: counter}]\n",
    "metrics: [{name: a, type: counter, event: pci_cfg_read}]\n",
    "metrics: [{name: 1_total, type: counter, event: pci_cfg_read}]\n",
    "metrics: [{name: a_total, type: countre, event: pci_cfg_read}]\n",
    "metrics: [{name: a, type: gauge, event: pci_cfg_read}]\n",
    "metrics: [{name: a, type: histogram, event: pci_cfg_read, value: val}]\n",
    f"metrics: [{{{RULE}, buckets: [1]}}]\n",
    f"metrics: [{{{RULE}, match: x}}]\n",
    "metrics: [{name: a_total, type: counter, match: x, where: {dev: a}}]\n",
    f"metrics: [{{{RULE}, scale: much}}]\n",
    f"metrics: [{{{RULE}, labels: {{le: dev}}}}]\n",
    f"metrics: [{{{RULE}, labels: {{x: {{lookup: image}}}}}}]\n",
    f"metrics: [{{{RULE}, labels: {{x: {{template: dev, key: dev}}}}}}]\n",
    f"metrics: [{{{RULE}, where: {{val: {{not: 1, min: 2}}}}}}]\n",
    f"metrics: [{{{RULE}, where: {{val: {{nto: 1}}}}}}]\n",
    "metrics: [{name: a, type: histogram, event: pci_cfg_read, value: val, buckets: []}]\n",
    "metrics: [{name: a, type: histogram, event: pci_cfg_read, value: val, buckets: {start: 1, count: 2}}]\n",
    "limits: {workers: 65}\n",
    "limits: {max_series: 0}\n",
    "limits: {expire_after: soon}\n",
)


class SchemaTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.directory = pathlib.Path(cls.enterClassContext(tempfile.TemporaryDirectory(prefix="qte-schema-")))
        cls.editor = cls.directory / "editor"
        shutil.copytree(EDITOR, cls.editor, ignore=shutil.ignore_patterns("node_modules"))
        subprocess.run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=cls.editor, check=True,
                       capture_output=True, timeout=200)
        shutil.copy(CONFIG / "config.schema.json", cls.directory)

    def validate(self, *files):
        """What an editor underlines, as lines."""
        done = subprocess.run(["node", self.editor / "validate.mjs", *files], capture_output=True, text=True, timeout=100)
        self.assertEqual(done.stderr, "")
        self.assertEqual(done.returncode, 1 if done.stdout else 0)
        return done.stdout.splitlines()

    def write(self, texts):
        """A file each that names the schema."""
        files = [self.directory / f"{number:02}.yaml" for number in range(len(texts))]
        for file, text in zip(files, texts):
            file.write_text(MODELINE + text)
        return files

    def test_the_file_is_what_the_program_prints(self):
        self.assertEqual((CONFIG / "config.schema.json").read_text(), exporter.run("schema").stdout,
                         "run `qemu-trace-exporter schema > config/config.schema.json`")

    def test_the_ready_files(self):
        files = sorted(CONFIG.glob("*.yaml"))
        for file in files:
            self.assertTrue(file.read_text().startswith(MODELINE), file)
        self.assertEqual(self.validate(*files), [])

    def test_what_is_good(self):
        files = self.write(GOOD)
        for file, text in zip(files, GOOD):
            done = exporter.run("check", file)
            self.assertEqual(done.returncode, 0, text + done.stderr)
        self.assertEqual(self.validate(*files), [])

    def test_what_is_bad(self):
        files = self.write(BAD)
        for file, text in zip(files, BAD):
            self.assertEqual(exporter.run("check", file).returncode, 1, text)
        underlined = {line.split(":")[0] for line in self.validate(*files)}
        self.assertEqual([text for file, text in zip(files, BAD) if str(file) not in underlined], [])

    def test_places_and_words(self):
        (file,) = self.write(["metrics:\n  - {name: a, type: counter, event: pci_cfg_read}\n"
                              "spans: {s: {start: a, end: b, key: c, timeout: 60}}\n"])
        lines = self.validate(file)
        self.assertIn(f"{file}:3:12: A counter's name ends in _total.", lines)
        self.assertTrue(any(line.startswith(f"{file}:4:") and "type" in line for line in lines), lines)


if __name__ == "__main__":
    unittest.main(verbosity=2)
