#!/usr/bin/env python3
"""Rules that every bundled dashboard keeps, and that the recording and alerting rules pass promtool. Needs no server."""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
import dashboards
import exporter

RULES = dashboards.RULES.parent
DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
COLUMNS = 24
# Of Prometheus itself, about the scrape.
SCRAPE_METRICS = {"up", "scrape_duration_seconds", "ALERTS"}
# There only with a source that names a socket.
QMP_METRICS = {"qemu_trace_exporter_qmp_up", "qemu_trace_exporter_qmp_failures_total"}
METRIC = re.compile(r"\b(?:qemu_\w+|process_\w+|up|scrape_\w+)(?=[{\s)\[]|$)")
SUFFIX = re.compile(r"_(bucket|sum|count)$")


def known_metrics():
    """Names of what the exporter serves by its default config, checkpoints on, of a log that has a bit of all."""
    with tempfile.TemporaryDirectory() as directory:
        log = pathlib.Path(directory) / "vm.log"
        log.write_bytes((exporter.ROOT / "tests/data/traces/ide-raw-7.2.log").read_bytes() +
                        b"pci_cfg_read d 00:00.0 @0x0 -> 0x1\npci_cfg_write d 00:00.0 @0x0 <- 0x1\n")
        with exporter.Daemon(f"--trace.path={log}", f"--state.path={directory}/state") as daemon:
            daemon.wait_ready()
            return set(re.findall(r"^# TYPE (\w+)", daemon.text(), re.M)) | SCRAPE_METRICS | QMP_METRICS


class DashboardTest(unittest.TestCase):
    def each(self, rows=False):
        for name, dashboard in dashboards.load().items():
            for panel in dashboards.panels_of(dashboard, rows):
                with self.subTest(dashboard=name, panel=panel["title"]):
                    yield dashboard, panel

    def test_there_are_four_with_names_of_their_own(self):
        loaded = dashboards.load()
        self.assertEqual(set(loaded), {"overview", "vm", "block", "exporter"})
        self.assertEqual(len({dashboard["uid"] for dashboard in loaded.values()}), 4)
        for dashboard in loaded.values():
            self.assertIsNone(dashboard["id"])
            self.assertFalse(dashboard["editable"])
            self.assertEqual(dashboard["graphTooltip"], 1)
            self.assertEqual(dashboard["tags"], ["qemu-trace-exporter"])
            self.assertEqual(dashboard["time"], {"from": "now-1h", "to": "now"})
            self.assertEqual(dashboard["refresh"], "30s")
            self.assertEqual(dashboard["schemaVersion"], 41)  # Grafana 11.6 and later
            self.assertNotIn("__inputs", dashboard)
            self.assertTrue(dashboard["description"])
            link, = dashboard["links"]
            self.assertTrue(link["asDropdown"] and link["includeVars"] and link["keepTime"])
            annotation, = dashboard["annotations"]["list"]
            self.assertEqual(annotation["name"], "Exporter restarts")
            # A step may be as short as the scrape interval, and one sample never changes.
            self.assertIn("[$__rate_interval]", annotation["expr"])

    def test_variables_follow_one_another(self):
        for name, dashboard in dashboards.load().items():
            variables = dashboard["templating"]["list"]
            names = [variable["name"] for variable in variables]
            self.assertEqual(names, ["datasource", "job", "instance", "vm", "device"][:len(names)], name)
            self.assertEqual(variables[0]["label"], "Data source")
            for at, variable in enumerate(variables[1:], 1):
                with self.subTest(dashboard=name, variable=variable["name"]):
                    self.assertTrue(variable["multi"] and variable["includeAll"] and variable["label"])
                    self.assertEqual(variable["allValue"], ".+")
                    self.assertEqual(variable["refresh"], 2)  # on a change of the time range
                    self.assertNotEqual(variable["sort"], 0)
                    self.assertEqual(variable["datasource"], DATASOURCE)
                    for before in names[1:at]:
                        self.assertIn(f'{before}=~"${before}"', variable["query"]["query"])

    def test_panels_tell_what_they_show(self):
        for _, panel in self.each():
            self.assertTrue(panel["title"])
            self.assertGreater(len(panel["description"]), 15)
            self.assertRegex(panel["description"], r"\.$")
            self.assertEqual(panel["datasource"], DATASOURCE)
            self.assertTrue(panel["fieldConfig"]["defaults"]["unit"])
            self.assertTrue(panel["fieldConfig"]["defaults"]["noValue"])
            if panel["type"] == "timeseries":
                self.assertEqual(panel["fieldConfig"]["defaults"]["min"], 0)
                self.assertTrue(all(target["legendFormat"] for target in panel["targets"]))

    def test_panels_lie_side_by_side(self):
        for name, dashboard in dashboards.load().items():
            ids = [panel["id"] for panel in dashboards.panels_of(dashboard, rows=True)]
            self.assertEqual(len(ids), len(set(ids)), name)
            taken = {}
            for panel in dashboard["panels"]:
                at = panel["gridPos"]
                self.assertLessEqual(at["x"] + at["w"], COLUMNS, panel["title"])
                for cell in ((x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])):
                    self.assertNotIn(cell, taken, f"{name}: {panel['title']} over {taken.get(cell)}")
                    taken[cell] = panel["title"]

    def test_queries_keep_the_rules(self):
        for dashboard, panel in self.each():
            refs = [target["refId"] for target in panel["targets"]]
            self.assertEqual(len(refs), len(set(refs)))
            variables = {variable["name"] for variable in dashboard["templating"]["list"]}
            for target in panel["targets"]:
                expression = target["expr"]
                self.assertEqual(target["datasource"], DATASOURCE)
                for selector in re.findall(r"\{([^}]*)\}", expression):
                    self.assertIn('job=~"$job"', selector)
                    self.assertIn('instance=~"$instance"', selector)
                self.assertEqual(len(re.findall(r"\{", expression)), len(METRIC.findall(expression)), "a metric without selector")
                # Counters are looked at by their growth alone, over an interval that fits the scrape's.
                for counter, around in re.findall(r"(\w+_total)\{[^}]*\}(.{0,20})", expression):
                    if "count by" in expression:
                        continue  # of series, not of events
                    self.assertRegex(around, r"^\[\$__(rate_interval|range)\]", counter)
                self.assertEqual(set(re.findall(r"\$([a-z]\w*)", expression)) - variables, set())
                # A disk that is only read has no series of writes, and the sum with what is not there is nothing.
                if " + " in expression:
                    self.assertIn(" or ", expression)
                # Labels that the legend shows have to be left by the aggregation.
                kept = {label.strip() for labels in re.findall(r"\bby \(([^)]*)\)", expression) for label in labels.split(",")}
                for label in re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]):
                    if kept:
                        self.assertIn(label, kept)

    def test_heatmaps_are_of_buckets(self):
        heatmaps = [panel for _, panel in self.each() if panel["type"] == "heatmap"]
        self.assertGreaterEqual(len(heatmaps), 4)
        for panel in heatmaps:
            target, = panel["targets"]
            self.assertEqual((target["format"], target["legendFormat"]), ("heatmap", "{{le}}"))
            self.assertRegex(target["expr"], r"^sum by \(le\) \(increase\(\w+_bucket\{")

    def test_every_metric_is_one_that_the_exporter_serves(self):
        known = known_metrics()
        expressions = [target["expr"] for _, panel in self.each() for target in panel["targets"]]
        rules = dashboards.RULES.read_text()
        expressions += re.findall(r"^ +expr: (.*)$", rules, re.M)
        for metric in {name for expression in expressions for name in METRIC.findall(expression)}:
            with self.subTest(metric=metric):
                self.assertIn(metric if metric in known else SUFFIX.sub("", metric), known)

    def test_provisioning_fits(self):
        datasource = (dashboards.DIRECTORY / "provisioning/datasources/prometheus.yaml").read_text()
        compose = (exporter.ROOT / "docker/prometheus.yml").read_text()
        scrape_interval, = re.findall(r"scrape_interval: (\w+)", compose)
        self.assertIn(f"timeInterval: {scrape_interval}", datasource)
        self.assertIn("allowUiUpdates: false", (dashboards.DIRECTORY / "provisioning/dashboards/qemu.yaml").read_text())


@unittest.skipUnless(shutil.which("promtool") or "QTE_REQUIRE_ALL" in os.environ, "needs promtool")
class RulesTest(unittest.TestCase):
    def promtool(self, *arguments):
        done = subprocess.run(["promtool", *arguments], cwd=RULES, capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_they_are_valid(self):
        self.promtool("check", "rules", "qemu-trace-exporter.yaml")

    def test_alerts_fire_when_they_should(self):
        self.promtool("test", "rules", "qemu-trace-exporter_test.yaml")

    def test_every_alert_has_a_case_and_says_what_to_do(self):
        rules = dashboards.RULES.read_text()
        cases = (RULES / "qemu-trace-exporter_test.yaml").read_text()
        alerts = re.findall(r"- alert: (\w+)\n(.*?)(?=\n      - |\Z)", rules, re.S)
        self.assertGreaterEqual(len(alerts), 8)
        for alert, text in alerts:
            with self.subTest(alert=alert):
                self.assertIn(f'alertname="{alert}"', cases)
                for part in ("for: ", "severity: ", "summary: ", "description: "):
                    self.assertIn(part, text)


if __name__ == "__main__":
    unittest.main(verbosity=2)
