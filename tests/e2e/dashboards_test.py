#!/usr/bin/env python3
"""The dashboards and rules over the real chain: a guest with disks and keys, the exporter, and a Prometheus that scrapes it.
Every expression of every panel, variable and rule is evaluated; where data must be, an empty answer is a failure."""

import json
import math
import pathlib
import re
import sys
import tempfile
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
import dashboards
import exporter
import parts
import process
import prometheus
import qemu

DISKS = [qemu.Disk("ide0", "ide"), qemu.Disk("nvme0", "nvme"), qemu.Disk("virtio0", "virtio")]
# Grafana fills these in. Variables are at "All".
FILLED_IN = {"$__rate_interval": "10s", "$__interval": "5s", "$__range": "1m",
             "$job": ".+", "$instance": ".+", "$vm": ".+", "$device": ".+"}
SECONDS_OF_WORK = 25


def fill_in(expression):
    for name, value in FILLED_IN.items():
        expression = expression.replace(name, value)
    return expression


def config(directory):
    """The default config's metrics over the log in `directory`, with a QMP socket, so that no panel is without data."""
    path = directory / "config.yaml"
    metrics = re.sub(r"^sources:\n  - path: .*\n", "", (exporter.ROOT / "config/default.yaml").read_text(), flags=re.M)
    source = {"path": f"{directory}/vm*.log", "qmp": f"{directory}/{{vm}}.qmp"}
    path.write_text(f"sources: [{json.dumps(source)}]\n{metrics}")
    return f"--config.file={path}"


class ChainTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        qemu.make_guest()
        directory = pathlib.Path(cls.enterClassContext(tempfile.TemporaryDirectory(prefix="qte-dashboards-")))
        daemon = cls.enterClassContext(exporter.Daemon(config(directory), f"--state.path={directory / 'state'}"))
        cls.prometheus = cls.enterClassContext(prometheus.Prometheus(directory, daemon.port, rules=[dashboards.RULES]))
        options = [*qemu.trace_options(), "-qmp", f"unix:{directory}/vm1.qmp,server=on,wait=off"]
        machine = cls.enterClassContext(qemu.Machine(directory, DISKS, options, "workload=steady", name="vm1"))
        machine.wait_for_guest()
        deadline = time.monotonic() + SECONDS_OF_WORK
        while time.monotonic() < deadline:
            machine.press("a")
            time.sleep(0.5)
        cls.machine = machine

    def setUp(self):
        self.machine.press("b")  # a rate of keys needs some

    def has_data(self, expression):
        return any(not math.isnan(value) for value in self.prometheus.query(fill_in(expression)).values())

    def test_every_panel_has_data(self):
        for name, dashboard in dashboards.load().items():
            for panel in dashboards.panels_of(dashboard):
                for target in panel["targets"]:
                    with self.subTest(dashboard=name, panel=panel["title"], expression=target["expr"]):
                        self.machine.press("b")
                        process.wait_until(lambda: self.has_data(target["expr"]), "data", 8, 0.5)

    def test_every_variable_has_values(self):
        for name, dashboard in dashboards.load().items():
            for variable in dashboard["templating"]["list"]:
                if variable["type"] != "query":
                    continue
                with self.subTest(dashboard=name, variable=variable["name"]):
                    metric, label = re.fullmatch(r"label_values\((.*), (\w+)\)", variable["query"]["query"]).groups()
                    values = self.prometheus.query(f"group by ({label}) ({fill_in(metric)})")
                    self.assertTrue(all(dict(labels)[label] for labels in values))
                    self.assertGreaterEqual(len(values), len(DISKS) if label == "device" else 1)

    def test_annotations_are_evaluated(self):
        for name, dashboard in dashboards.load().items():
            for annotation in dashboard["annotations"]["list"]:
                with self.subTest(dashboard=name, annotation=annotation["name"]):
                    self.prometheus.query(fill_in(annotation["expr"]))

    def test_every_rule_is_evaluated(self):
        rules = [rule for group in self.prometheus.ask("rules")["groups"] for rule in group["rules"]]
        self.assertGreater(len(rules), 10)
        for rule in rules:
            with self.subTest(rule=rule["name"]):
                self.assertEqual(rule["health"], "ok", rule.get("lastError"))
                if rule["type"] == "recording":
                    process.wait_until(lambda: self.has_data(rule["name"]), "what it records", 8, 0.5)
                else:
                    self.assertEqual(rule["state"], "inactive", "a chain that works alarms nobody")


if __name__ == "__main__":
    parts.need("qemu-system-x86_64", "prometheus")
    unittest.main(verbosity=2)
