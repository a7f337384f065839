#!/usr/bin/env python3
"""The dashboards and rules over the real chain: a guest with disks and keys, the exporter, and a Prometheus that scrapes it,
and itself as well: a target that is not ours. Every expression of every panel, variable, annotation and rule is evaluated:
as of now with all variables at "All", and over the time since the guest's start with one value chosen for each. Where data
must be, an empty answer is a failure, and so is one of nothing but zeros where the guest has done something."""

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
INTERVALS = {"rate_interval": "10s", "time_range": "1m"}
SECONDS_OF_WORK = 25
STEP = 5
METRIC = re.compile(r"\b\w+(?=\{)")
# What is 0 where all is well, and what a guest may hold at 0 at each scrape.
MAY_BE_ZERO = re.compile(r"qemu_block_(errors_total|requests_in_flight)|qemu_virtqueue_elements_in_flight|"
                         r"qemu_trace_exporter_(\w+_up|"
                         r"source_lag_bytes|lost_bytes_total|unparsed_lines_total|source_(rotations|truncations)_total|"
                         r"pipe_full_seconds_total|spans_abandoned_total|open_spans|lookups_forgotten_total|"
                         r"series_(overflow|expired)_total|reclaimed_bytes_total|qmp_failures_total)")


# What is not there at all where all is well: alerts, and events that bpftrace lost.
MAY_BE_MISSING = re.compile(r"ALERTS\{|qemu_trace_exporter_lost_events_total")
# QEMU logs no end of IDE's flushes.
NOT_OF_IDE = re.compile(r"qemu_block_flush_duration_seconds")
VIRTQUEUES = f"--config.file={exporter.ROOT / 'config/virtqueue.yaml'}"


def fill_in(expression, **chosen):
    return dashboards.fill_in(expression, **INTERVALS, **chosen)


def may_be_zero(expression):
    return "1 - up{" in expression or bool(MAY_BE_ZERO.fullmatch(METRIC.findall(expression)[0]))


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
        daemon = cls.enterClassContext(exporter.Daemon(config(directory), VIRTQUEUES, f"--state.path={directory / 'state'}"))
        cls.prometheus = cls.enterClassContext(
            prometheus.Prometheus(directory, daemon.port, rules=[dashboards.RULES], itself=True))
        # Before the guest, as its PCI accesses are of its start alone, and an increase needs something before it.
        process.wait_until(lambda: len(cls.prometheus.query("up == 1")) == 2, "both targets to be scraped", 30, 0.2)
        cls.start = time.time()
        options = [*qemu.trace_options("--config.file=default", VIRTQUEUES), "-qmp", f"unix:{directory}/vm1.qmp,server=on,wait=off"]
        machine = cls.enterClassContext(qemu.Machine(directory, DISKS, options, "workload=steady", name="vm1"))
        machine.wait_for_guest()
        deadline = time.monotonic() + SECONDS_OF_WORK
        while time.monotonic() < deadline:
            machine.press("a")
            time.sleep(0.5)
        cls.machine = machine
        # All panels show something of the IDE disk: it is read by DMA, too.
        cls.chosen = {"job": "qemu", "instance": f"127.0.0.1:{daemon.port}", "vm": "vm1",
                      "device": str(machine.image(DISKS[0]))}

    def setUp(self):
        self.machine.press("b")  # a rate of keys needs some

    def targets(self):
        """(panel, expression, the sub-test of it) of all that this Prometheus, which has no native histograms, can answer."""
        for name, dashboard in dashboards.load().items():
            for panel in dashboards.panels_of(dashboard):
                for target in panel["targets"][:1] if panel["type"] == "heatmap" else panel["targets"]:
                    expression = target["expr"]
                    yield panel, expression, self.subTest(dashboard=name, panel=panel["title"], expression=expression)

    def has_data(self, expression):
        return any(not math.isnan(value) for value in self.prometheus.query(fill_in(expression)).values())

    def test_every_panel_has_data(self):
        for _, expression, part in self.targets():
            if MAY_BE_MISSING.search(expression):
                continue
            with part:
                self.machine.press("b")
                process.wait_until(lambda expression=expression: self.has_data(expression), "data", 8, 0.5)

    def test_every_panel_has_data_over_time_of_what_is_chosen(self):
        zeros = set()
        end = time.time()
        for panel, expression, part in self.targets():
            with part:
                answer = self.prometheus.query_range(fill_in(expression, **self.chosen), self.start, end, STEP)
                self.assertTrue(answer or MAY_BE_MISSING.search(expression) or NOT_OF_IDE.search(expression))
                for labels in map(dict, answer):
                    for name, value in self.chosen.items():
                        # Devices of PCI and virtqueues have other names.
                        if name in labels and not (name == "device" and re.search("qemu_(pci|virtqueue)", expression)):
                            self.assertEqual(labels[name], value)
                if answer and not any(value for values in answer.values() for value in values):
                    zeros.add(panel["title"])
                    self.assertTrue(may_be_zero(expression), "nothing but zeros")
        print(f"nothing but zeros, as they may: {'; '.join(sorted(zeros))}")

    def test_another_target_shows_nowhere(self):
        now = time.time() - 2  # what was scraped by then does not change any more
        expressions = {expression for _, expression, _ in self.targets()}
        for dashboard in dashboards.load().values():
            expressions |= {annotation["expr"] for annotation in dashboard["annotations"]["list"]}
        self.assertEqual(len(self.prometheus.query("process_start_time_seconds", now)), 2)
        for expression in sorted(expressions):
            with self.subTest(expression=expression):
                of_all = self.prometheus.query(fill_in(expression), now)
                # Sums have no labels that tell; but they are as of our job alone.
                of_ours = self.prometheus.query(fill_in(expression, job="qemu"), now)
                self.assertEqual({labels: str(value) for labels, value in of_all.items()},
                                 {labels: str(value) for labels, value in of_ours.items()})
                for labels in map(dict, of_all):
                    self.assertEqual((labels.get("job", "qemu"), labels.get("instance", self.chosen["instance"])),
                                     ("qemu", self.chosen["instance"]))

    def test_every_variable_has_values(self):
        for name, dashboard in dashboards.load().items():
            for variable in dashboard["templating"]["list"]:
                if variable["type"] != "query":
                    continue
                with self.subTest(dashboard=name, variable=variable["name"]):
                    metric, label = re.fullmatch(r"label_values\((.*), (\w+)\)", variable["query"]["query"]).groups()
                    values = self.prometheus.query(f"group by ({label}) ({fill_in(metric)})")
                    self.assertTrue(all(dict(labels)[label] for labels in values))
                    self.assertIn(((label, self.chosen[label]),), values)
                    self.assertEqual(len(values), len(DISKS) if label == "device" else 1)

    def test_annotations_are_evaluated(self):
        for name, dashboard in dashboards.load().items():
            for annotation in dashboard["annotations"]["list"]:
                with self.subTest(dashboard=name, annotation=annotation["name"]):
                    self.assertEqual(self.prometheus.query(fill_in(annotation["expr"])), {})

    def test_every_rule_is_evaluated(self):
        rules = [rule for group in self.prometheus.ask("rules")["groups"] for rule in group["rules"]]
        self.assertGreater(len(rules), 10)
        for rule in rules:
            with self.subTest(rule=rule["name"]):
                self.assertEqual(rule["health"], "ok", rule.get("lastError"))
                if rule["type"] == "recording":
                    process.wait_until(lambda rule=rule: self.has_data(rule["name"]), "what it records", 8, 0.5)
                    self.assertEqual({dict(labels)["job"] for labels in self.prometheus.query(rule["name"])}, {"qemu"})
                else:
                    self.assertEqual(rule["state"], "inactive", "a chain that works alarms nobody")


if __name__ == "__main__":
    parts.need("qemu-system-x86_64", "prometheus")
    unittest.main(verbosity=2)
