#!/usr/bin/env python3
"""What panels answer where it is easy to be wrong, over series made up for it: targets that are not exporters, equal names
on two hosts, disks at rest, checkpoints that were never written. promtool evaluates them; there is no server."""

import json
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
import dashboards
import parts

OF_EVERY_TARGET = re.compile(r"\b(?:up|process_\w+|scrape_\w+)(?=\{)")
METRIC = re.compile(r"\b\w+(?=\{)")
LABELS = {"vm": "v", "interface": "ide", "device": "d", "event": "e", "reason": "r", "span": "s", "source": "x.log",
          "metric": "m", "lookup": "l", "address": "00:01.0", "queue": "0", "type": "t", "path": "x.qmp",
          "alertname": "QemuX", "severity": "warning"}


def targets():
    """(dashboard's name, panel, expression) of all."""
    for name, dashboard in dashboards.load().items():
        for panel in dashboards.panels_of(dashboard):
            for target in panel["targets"]:
                yield name, panel, target["expr"]


def series(name, values, /, **labels):
    text = ", ".join(f'{label}="{value}"' for label, value in labels.items())
    return {"series": f"{name}{{{text}}}", "values": values}


def exporters(*instances):
    return [series("qemu_trace_exporter_build_info", "1x15", job="qemu", instance=instance, version="1")
            for instance in instances]


class ExpressionsTest(unittest.TestCase):
    def expect(self, inputs, *cases, at="10m"):
        """`cases` are (expression, samples), the samples a number for one without labels, or {labels: value}."""
        def samples(want):
            want = want if isinstance(want, dict) else {"{}": want}
            return [{"labels": labels, "value": value} for labels, value in want.items()]
        tests = [{"expr": dashboards.fill_in(expression, "4m", "10m"), "eval_time": at, "exp_samples": samples(want)}
                 for expression, want in cases]
        self.assertTrue(tests)
        with tempfile.TemporaryDirectory(prefix="qte-expressions-") as directory:
            path = pathlib.Path(directory) / "test.yaml"  # JSON is YAML
            path.write_text(json.dumps({"rule_files": [], "evaluation_interval": "1m", "tests": [
                {"interval": "1m", "input_series": inputs, "promql_expr_test": tests}]}))
            done = subprocess.run(["promtool", "test", "rules", path], capture_output=True, text=True)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def panel(self, dashboard, title):
        """The expressions of one panel."""
        return next([target["expr"] for target in panel["targets"]]
                    for panel in dashboards.panels_of(dashboards.load()[dashboard]) if panel["title"] == title)

    def test_an_exporter_that_is_down_counts_as_down(self):
        inputs = [series("up", "1x4 0x10", job="qemu", instance="a"), series("up", "1x15", job="qemu", instance="b"),
                  series("up", "1x15", job="node", instance="c"), series("up", "0x15", job="node", instance="d"),
                  series("qemu_trace_exporter_build_info", "1x4 stale", job="qemu", instance="a", version="1"),
                  *exporters("b")]
        for dashboard, up, down in (("overview", "Exporters up", "Exporters down"), ("exporter", "Up", "Down")):
            self.expect(inputs, (*self.panel(dashboard, up), 1), (*self.panel(dashboard, down), 1))
            self.expect(inputs, (*self.panel(dashboard, up), 2), (*self.panel(dashboard, down), 0), at="3m")

    def test_targets_that_are_no_exporters_show_nowhere(self):
        expressions = {expression for _, _, expression in targets()}
        for dashboard in dashboards.load().values():
            expressions |= {annotation["expr"] for annotation in dashboard["annotations"]["list"]}
        expressions = {expression for expression in expressions if OF_EVERY_TARGET.search(expression)}
        metrics = {metric for expression in expressions for metric in OF_EVERY_TARGET.findall(expression)}
        self.assertGreaterEqual(len(metrics), 6)
        # Its start time changes with every scrape: an annotation without end.
        inputs = [series(metric, "0+100x15", job="node", instance="c") for metric in metrics]
        self.expect(inputs + exporters("a"), *((expression, {}) for expression in sorted(expressions)))

    def test_equal_names_on_two_hosts_stay_apart(self):
        expressions = {expression for _, panel, expression in targets()
                       if panel["type"] in ("timeseries", "table") and "by (event)" not in expression}
        self.assertGreater(len(expressions), 40)
        inputs = exporters("a", "b")
        for metric in sorted({metric for expression in expressions for metric in METRIC.findall(expression)}):
            if metric == "qemu_trace_exporter_build_info":
                continue
            for instance in ("a", "b"):
                labels = {"job": "qemu", "instance": instance, **LABELS}
                if metric == "ALERTS":
                    labels["alertstate"] = "firing"
                for le in ("0.5", "+Inf") if metric.endswith("_bucket") else (None,):
                    inputs.append(series(metric, "0+60x15", **labels, **({"le": le} if le else {})))
        # Each host has one folded series, and the sum over all.
        self.expect(inputs, *((f"count({expression})", 4 if '"metric", "all"' in expression else 2)
                              for expression in sorted(expressions)))

    def test_legends_show_disks_by_their_short_names(self):
        expression, = self.panel("block", "Flushes")
        want = {"/var/lib/libvirt/images/web1.qcow2": "web1.qcow2", "/disks/web1/disk.img": "web1/disk.img",
                "/disks/web2/disk.img": "web2/disk.img", "disk.img": "disk.img", "nbd://host:10809/export": "export",
                "0x55a7f0e0": "0x55a7f0e0", "target 0 lun 0": "target 0 lun 0", "/images/web1.qcow2#2": "web1.qcow2#2"}
        labels = {"job": "qemu", "instance": "a", "vm": "v", "interface": "ide"}
        inputs = [series("qemu_block_flushes_total", "0+60x15", **labels, device=device) for device in want]
        self.expect(inputs, (expression, {
            f'{{job="qemu", instance="a", vm="v", interface="ide", device="{device}", disk="{disk}"}}': 1
            for device, disk in want.items()}))

    def test_only_alerts_that_fire_are_listed(self):
        expression, = self.panel("overview", "Alerts")
        inputs = [series("ALERTS_FOR_STATE", "0+0x15", job="qemu", instance="a", alertname=name, severity="info")
                  for name in ("QemuFires", "QemuPends", "Other")]
        inputs += [series("ALERTS", "1x15", job="qemu", instance="a", alertname=name, severity="info", alertstate=state)
                   for name, state in (("QemuFires", "firing"), ("QemuPends", "pending"), ("Other", "firing"))]
        self.expect(inputs, (expression, {'{job="qemu", instance="a", alertname="QemuFires", severity="info"}': 600}))

    def test_two_vms_of_one_name_are_two(self):
        inputs = [series("qemu_trace_events_total", "0+1x15", job="qemu", instance=instance, vm="v", event=event)
                  for instance in ("a", "b") for event in ("x", "y")]
        self.expect(inputs, (*self.panel("overview", "VMs"), 2))

    def test_a_disk_at_rest_has_no_quantile_and_no_mean(self):
        expressions = {expression for _, _, expression in targets() if re.search(r"histogram_quantile|_count\{", expression)}
        self.assertGreater(len(expressions), 10)
        inputs = []
        for metric in sorted({metric for expression in expressions for metric in METRIC.findall(expression)}):
            for le in ("0.5", "+Inf") if metric.endswith("_bucket") else (None,):
                inputs.append(series(metric, "7x15", job="qemu", instance="a", **LABELS, **({"le": le} if le else {})))
        self.expect(inputs, *((expression, {}) for expression in sorted(expressions)))

    def test_a_checkpoint_that_was_never_written_is_as_old_as_the_exporter(self):
        metric = "qemu_trace_exporter_checkpoint_last_success_timestamp_seconds"
        inputs = [series(metric, "0x15", job="qemu", instance="a"),
                  series("process_start_time_seconds", "60x15", job="qemu", instance="a"),
                  series(metric, "300x15", job="qemu", instance="b"),
                  series("process_start_time_seconds", "60x15", job="qemu", instance="b"),
                  series("process_start_time_seconds", "60x15", job="qemu", instance="no checkpoints at all")]
        self.expect(inputs, (*self.panel("exporter", "Age of the last checkpoint"),
                             {'{job="qemu", instance="a"}': 540, '{job="qemu", instance="b"}': 300}))

    def test_without_timestamps_no_event_has_an_age(self):
        metric = "qemu_trace_exporter_last_event_timestamp_seconds"
        inputs = [series(metric, "0x15", job="qemu", instance="a"), series(metric, "570x15", job="qemu", instance="b")]
        self.expect(inputs, (*self.panel("exporter", "Age of the newest event"), {'{job="qemu", instance="b"}': 30}))

    def test_one_error_is_one(self):
        inputs = [series("qemu_block_errors_total", "0x7 1x10", job="qemu", instance="a", **LABELS)]
        self.expect(inputs, (*self.panel("overview", "Block errors by VM"), {'{job="qemu", instance="a", vm="v"}': 1}),
                    (*self.panel("vm", "Block errors"), 1), (*self.panel("block", "Errors"), 1))


if __name__ == "__main__":
    parts.need("promtool")
    unittest.main(verbosity=2)
