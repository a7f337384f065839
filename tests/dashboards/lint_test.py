#!/usr/bin/env python3
"""Rules that every bundled dashboard keeps, and that the recording and alerting rules pass promtool. Needs no server."""

import fnmatch
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

import yaml

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
import dashboards
import documents
import exporter

RULES = dashboards.RULES.parent
DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
COLUMNS = 24
# Of Prometheus itself, about the scrape and the rules.
SCRAPE_METRICS = {"up", "scrape_duration_seconds", "ALERTS", "ALERTS_FOR_STATE"}
# There only with a source that names a socket.
QMP_METRICS = {"qemu_trace_exporter_qmp_up", "qemu_trace_exporter_qmp_failures_total",
               "qemu_trace_exporter_qmp_events_enabled"}
METRIC = re.compile(r"\b(?:qemu_\w+|process_\w+|up|scrape_\w+|ALERTS(?:_FOR_STATE)?)(?=[{\s)\[]|$)")
SUFFIX = re.compile(r"_(bucket|sum|count)$")
RECORDED = re.compile(r"\b\w+:\w+:\w+")
# Those of rates and times; `bytes` is for amounts of them, as there is no other.
UNITS = {"short", "ops", "iops", "Bps", "s", "percentunit", "bytes",
         "count:keys/s", "count:codes/s", "count:lines/s", "count:events/s"}
# Metrics that every target of a Prometheus has, and what keeps other targets out.
OF_EVERY_TARGET = re.compile(r"\b(?:up|process_\w+|scrape_\w+)\{[^}]*\}")
OURS = r"(?:\[\$__rate_interval\]\))?(?: > 0)? and on \(job, instance\) (?:last_over_time\()?qemu_trace_exporter_\w+\{"
# Events so rare that a rate of them is 0.0003.
RARE = re.compile(r"_(errors|lost_bytes|rotations|truncations|abandoned|overflow|expired|forgotten|failures|unparsed_lines)"
                  r"_total")
# What a panel without data names, by the metrics that it shows.
EVENTS = {"qemu_trace_events": ["-trace"],
          "qemu_keyboard": ["ps2_put_keycode"],
          "qemu_pci": ["pci_cfg_read", "pci_cfg_write"],
          "qemu_dma": ["dma_blk_io", "dma_blk_cb", "dma_complete", "blk_co_p*"],
          "qemu_block": ["virtio_blk_*", "pci_nvme_*", "scsi_req_*", "ide_*"]}
FOLDED = {"overview": ["Devices", "Exporter"],
          "vm": ["DMA below the block devices", "Virtqueues", "Exporter"],
          "block": ["DMA below the block interfaces", "Exporter"],
          "exporter": ["With --state.path, reclaim, qmp or usdt"]}
ALL_VARIABLES = ["datasource", "job", "instance", "vm", "device"]
# Metrics of the exporter itself have no vm and no device.
VARIABLES = {"overview": ALL_VARIABLES, "vm": ALL_VARIABLES, "block": ALL_VARIABLES, "exporter": ALL_VARIABLES[:3]}


def known_metrics():
    """Names of what the exporter serves by its default config and that of virtqueues, checkpoints on, of logs that have a
    bit of all."""
    traces = exporter.ROOT / "tests/data/traces"
    with tempfile.TemporaryDirectory() as directory:
        (pathlib.Path(directory) / "vm.log").write_bytes(
            (traces / "ide-trim-7.2.log").read_bytes() +
            b"pci_cfg_read d 00:00.0 @0x0 -> 0x1\npci_cfg_write d 00:00.0 @0x0 <- 0x1\nLost 3 events\nno event\n")
        shutil.copy(traces / "virtio-scsi-7.2.log", directory)  # flushes that have an end
        shutil.copy(exporter.ROOT / "tests/golden/ready-virtqueue-restart/trace.log", f"{directory}/virtqueue.log")
        with exporter.Daemon("--config.file=default", f"--config.file={exporter.ROOT}/config/virtqueue.yaml",
                             f"--trace.path={directory}/*.log", f"--state.path={directory}/state") as daemon:
            daemon.wait_ready()
            return set(re.findall(r"^# TYPE (\w+)", daemon.text(), re.M)) | SCRAPE_METRICS | QMP_METRICS


def links_of(panel):
    return [link for override in panel["fieldConfig"]["overrides"] for each in override["properties"]
            if each["id"] == "links" for link in each["value"]]


def rules():
    """All, as they are in the file: mappings with `record` or `alert`, and `expr`."""
    return [rule for group in yaml.safe_load(dashboards.RULES.read_text())["groups"] for rule in group["rules"]]


class DashboardTest(unittest.TestCase):
    def each(self):
        """(dashboard, panel, the sub-test of it) of all."""
        for name, dashboard in dashboards.load().items():
            for panel in dashboards.panels_of(dashboard):
                yield dashboard, panel, self.subTest(dashboard=name, panel=panel["title"])

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
            self.assert_ours(annotation["expr"])

    def assert_ours(self, expression):
        """Metrics that every target has are of our targets alone."""
        for found in OF_EVERY_TARGET.finditer(expression):
            self.assertRegex(expression[found.end():], f"^{OURS}", found[0])

    def test_variables_follow_one_another(self):
        for name, dashboard in dashboards.load().items():
            variables = dashboard["templating"]["list"]
            names = [variable["name"] for variable in variables]
            self.assertEqual(names, VARIABLES[name], name)
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
        for _, panel, part in self.each():
            with part:
                self.assertTrue(panel["title"])
                self.assertGreater(len(panel["description"]), 15)
                self.assertRegex(panel["description"], r"\.$")
                self.assertEqual(panel["datasource"], DATASOURCE)
                defaults = panel["fieldConfig"]["defaults"]
                self.assertIn(defaults["unit"], UNITS)
                self.assertLessEqual(defaults.get("decimals", 0), 2)
                if panel["type"] == "stat":  # for axes, and for bytes, Grafana chooses well
                    self.assertEqual("decimals" in defaults, defaults["unit"] != "bytes")
                for override in panel["fieldConfig"]["overrides"]:
                    properties = {each["id"]: each["value"] for each in override["properties"]}
                    self.assertIn(properties.get("unit", "short"), UNITS)
                    self.assertEqual("unit" in properties, "decimals" in properties)
                self.assertTrue(defaults["noValue"])
                if panel["type"] == "timeseries":
                    self.assertEqual(panel["fieldConfig"]["defaults"]["min"], 0)
                    self.assertTrue(all(target["legendFormat"] for target in panel["targets"]))

    def test_panels_without_data_name_what_is_missing(self):
        traced = re.findall(r"-trace (\w+)", exporter.run("qemu-args").stdout)
        for _, panel, part in self.each():
            with part:
                text = panel["fieldConfig"]["defaults"]["noValue"]
                if panel["type"] == "stat":  # which has room for the beginning
                    self.assertLessEqual(len(text), 32)
                    text = re.split(" Without data: ", panel["description"])[-1].removesuffix(".")
                metrics = {metric for target in panel["targets"] for metric in METRIC.findall(target["expr"])}
                if panel["type"] != "table" and any(re.match(r"qemu_(block|dma)_\w*_duration_", metric) for metric in metrics):
                    self.assertRegex(text, r"^no (reads|writes|flushes|transfers|requests), or no timestamps "
                                           r"\(-msg timestamp=on\)$")
                    continue
                for prefix, names in EVENTS.items():
                    if any(metric.startswith(prefix) for metric in metrics):
                        for name in names:
                            self.assertIn(name, text)
                            self.assertTrue(name == "-trace" or fnmatch.filter(traced, name), f"qemu-args has no {name}")
                        break

    def test_rows_end_with_the_exporter(self):
        for name, dashboard in dashboards.load().items():
            rows = [panel for panel in dashboard["panels"] if panel["type"] == "row"]
            self.assertFalse(rows[0]["collapsed"])
            self.assertEqual(rows[0]["title"], "Overview")
            self.assertTrue(rows[-1]["collapsed"], "deep rows are folded")
            if name != "exporter":
                self.assertEqual(rows[-1]["title"], "Exporter")
                self.assertGreaterEqual(len(rows[-1]["panels"]), 4)
            self.assertEqual([row["title"] for row in rows if row["collapsed"]], FOLDED[name])

    def test_alerts_are_listed(self):
        for name in ("overview", "vm", "exporter"):
            panel, = [panel for panel in dashboards.panels_of(dashboards.load()[name]) if panel["title"] == "Alerts"]
            target, = panel["targets"]
            self.assertEqual(panel["type"], "table")
            self.assertIn('ALERTS{alertname=~"Qemu.*", alertstate="firing"', target["expr"])
        for rule in rules():
            self.assertRegex(rule.get("alert", "Qemu"), "^Qemu")

    def test_threshold_lines_are_those_of_the_alerts(self):
        alerts = {rule["alert"]: rule["expr"] for rule in rules() if "alert" in rule}
        drawn = set()
        for _, panel, part in self.each():
            named = re.findall(r"threshold of the alert (\w+)\.", panel["description"])
            style = panel["fieldConfig"]["defaults"].get("custom", {}).get("thresholdsStyle", {}).get("mode")
            with part:
                self.assertEqual(style, "dashed" if named else None)
                for alert in named:
                    limit = panel["fieldConfig"]["defaults"]["thresholds"]["steps"][-1]["value"]
                    self.assertIn(limit, {float(number) for number in re.findall(r"> ([\d.e]+)", alerts[alert])})
                    drawn.add(alert)
        self.assertGreaterEqual(len(drawn), 5)

    def test_links_keep_the_choice(self):
        uids = {dashboard["uid"]: {variable["name"] for variable in dashboard["templating"]["list"]}
                for dashboard in dashboards.load().values()}
        for _, panel, part in self.each():
            links = links_of(panel)
            with part:
                if panel["type"] == "table":
                    self.assertTrue(links, "every table leads somewhere")
                for link in links:
                    uid, query = re.fullmatch(r"/d/([\w-]+)\?\$\{__url_time_range\}&var-datasource=\$\{datasource\}&(.*)",
                                              link["url"]).groups()
                    fields = "__data.fields" if panel["type"] == "table" else "__field.labels"
                    names = [re.fullmatch(rf"var-(\w+)=\$\{{{fields}\.(\w+):percentencode\}}", pair).groups()
                             for pair in query.split("&")]
                    self.assertTrue(all(variable == label for variable, label in names))
                    variables = {variable for variable, _ in names}
                    self.assertLessEqual({"job", "instance"}, variables)
                    self.assertLessEqual(variables, uids[uid])
                    # What is passed on has to be there.
                    for target in panel["targets"]:
                        groups = re.findall(r"\bby \(([^)]*)\)", target["expr"])
                        if groups:
                            self.assertLessEqual(variables, set(groups[0].split(", ")))

    def test_short_legends_have_the_full_path_in_their_link(self):
        short = [(panel, part, target) for _, panel, part in self.each() for target in panel["targets"][:1]
                 if "{{disk}}" in target["legendFormat"]]
        self.assertGreater(len(short), 20)
        for panel, part, target in short:
            with part:
                link, = links_of(panel)
                self.assertIn("${__field.labels.device}", link["title"])
                self.assertIn('"disk", "$1", "device", "', target["expr"])

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
        for dashboard, panel, part in self.each():
            with part:
                refs = [target["refId"] for target in panel["targets"]]
                self.assertEqual(len(refs), len(set(refs)))
                variables = {variable["name"] for variable in dashboard["templating"]["list"]}
                for target in panel["targets"]:
                    expression = target["expr"]
                    self.assertEqual(target["datasource"], DATASOURCE)
                    for selector in re.findall(r"\{([^}]*)\}", expression):
                        self.assertIn('job=~"$job"', selector)
                        self.assertIn('instance=~"$instance"', selector)
                    self.assertEqual(expression.count("{"), len(METRIC.findall(expression)), "a metric without selector")
                    self.assert_growth(panel, target)
                    self.assert_ours(expression)
                    self.assertEqual(set(re.findall(r"\$([a-z]\w*)", expression)) - variables, set())
                    # A disk that is only read has no series of writes, and the sum with what is not there is nothing.
                    if " + " in expression:
                        self.assertIn(" or ", expression)
                    # Labels that the legend shows have to be left by the aggregation.
                    groups = [labels.split(", ") for labels in re.findall(r"\bby \(([^)]*)\)", expression)]
                    kept = {label for labels in groups for label in labels}
                    if "label_replace(" in expression:
                        kept |= set(re.findall(r', "(\w+)", "[^"]*", "\w*", "[^"]*"\)', expression))
                    shown = re.findall(r"\{\{(\w+)\}\}", target["legendFormat"])
                    for label in shown:
                        if kept:
                            self.assertIn(label, kept)
                    # Names are of a host: another may have the same.
                    for labels in groups:
                        if set(labels) - {"le", "event"}:
                            self.assertEqual(labels[:2], ["job", "instance"])
                    # A short legend leaves the host to the title of the link that a click shows.
                    if panel["type"] == "timeseries" and "instance" in kept and "instance" not in shown:
                        link, = links_of(panel)
                        self.assertIn("${__field.labels.instance}", link["title"])

    def assert_growth(self, panel, target):
        """Counters are looked at by their growth alone, over an interval that fits the scrape's; rare events by their
        number. The one exception is a single number of all the time shown, which is asked once, and says so."""
        expression = target["expr"]
        for function, counter, interval in re.findall(r"(\w*)\(?\b(\w+_(?:total|bucket|sum|count))\{[^}]*\}(?:\[([^]]*)\])?",
                                                      expression):
            self.assertIn(function, ("rate", "irate", "increase"), counter)
            if RARE.search(counter):
                self.assertEqual(function, "increase", counter)
            if interval == "$__range":
                self.assertRegex(expression, r"^sum\(increase\(\w+_total\{[^}]*\}\[\$__range\]\)\)$")
                self.assertEqual((panel["type"], target["instant"]), ("stat", True))
                self.assertIn("in the time shown", panel["description"])
            else:
                self.assertEqual(interval, "$__rate_interval", counter)
        self.assertLessEqual(set(re.findall(r"\}\[([^]]*)\]", expression)), {"$__rate_interval", "$__range", "1d"})
        # Numbers are of now, and never of the last time that there was something.
        if panel["type"] in ("stat", "table"):
            self.assertTrue(target["instant"])
            self.assertFalse(target["range"])
        else:
            self.assertTrue(target["range"])
            self.assertFalse(target["instant"])

    def test_heatmaps_are_of_buckets(self):
        heatmaps = [panel for _, panel, _ in self.each() if panel["type"] == "heatmap"]
        self.assertGreaterEqual(len(heatmaps), 4)
        for panel in heatmaps:
            target, native = panel["targets"]
            self.assertEqual((target["format"], target["legendFormat"]), ("heatmap", "{{le}}"))
            self.assertRegex(target["expr"], r"^sum by \(le\) \(increase\(\w+_bucket\{")
            # The cells of a native histogram stay together as a time series alone.
            self.assertEqual(native["format"], "time_series")
            self.assertEqual(native["expr"], target["expr"].replace("sum by (le) ", "sum").replace("_bucket{", "{"))

    def test_quantiles_are_of_native_histograms_first(self):
        expressions = [target["expr"] for _, panel, _ in self.each() for target in panel["targets"]]
        expressions += [rule["expr"] for rule in rules()]
        quantiles = [each for each in expressions if "histogram_quantile" in each]
        self.assertGreater(len(quantiles), 25)
        for expression in quantiles:
            with self.subTest(expression):
                native, classic = re.split(r"\bor (?=histogram_quantile)", expression)
                self.assertNotIn("_bucket", native)
                self.assertIn("_bucket", classic)

    def test_every_metric_is_one_that_the_exporter_serves(self):
        known = known_metrics()
        expressions = [target["expr"] for _, panel, _ in self.each() for target in panel["targets"]]
        expressions += [RECORDED.sub("", rule["expr"]) for rule in rules()]
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
        tests = yaml.safe_load((RULES / "qemu-trace-exporter_test.yaml").read_text())["tests"]
        cases = [(case["expr"], bool(case["exp_samples"])) for test in tests for case in test["promql_expr_test"]]
        alerts = [rule for rule in rules() if "alert" in rule]
        self.assertGreaterEqual(len(alerts), 8)
        for rule in alerts:
            with self.subTest(alert=rule["alert"]):
                # Both where it fires and where it does not.
                self.assertEqual({fires for expr, fires in cases if f'alertname="{rule["alert"]}"' in expr}, {True, False})
                self.assertTrue(rule["for"])
                self.assertIn(rule["labels"]["severity"], ("info", "warning", "critical"))
                for part in ("summary", "description"):
                    self.assertRegex(rule["annotations"][part], r"\.$")

    def test_every_alert_has_a_runbook(self):
        page = exporter.ROOT / "docs/how-to/runbooks.md"
        alerts = [rule for rule in rules() if "alert" in rule]
        sections = re.split(r"^### ", page.read_text(), flags=re.M)[1:]
        self.assertEqual(sorted(section.split("\n")[0] for section in sections), sorted(rule["alert"] for rule in alerts))
        for section in sections:
            for part in ("Means", "Check", "Do"):
                self.assertIn(f"- **{part}:** ", section)
        installed = re.search(r"^Documentation=(file:.*)README.md$",
                              (exporter.ROOT / "config/systemd/qemu-trace-exporter.service").read_text(), re.M)[1]
        for rule in alerts:
            url, _, anchor = rule["annotations"]["runbook_url"].partition("#")
            self.assertEqual(url, f"{installed}{page.relative_to(exporter.ROOT)}")
            self.assertEqual(anchor, rule["alert"].lower())
            self.assertIn(anchor, documents.anchors(page))
        known = known_metrics()
        for metric in re.findall(r"(?<![:\w])(?:qemu_trace|process)_\w+", page.read_text()):
            self.assertIn(metric, known)

    def test_what_is_recorded_is_used(self):
        recorded = {rule["record"] for rule in rules() if "record" in rule}
        used = {name for rule in rules() for name in RECORDED.findall(rule["expr"])}
        self.assertTrue(recorded)
        self.assertEqual(recorded, used)

    def test_rules_over_metrics_of_every_target_are_of_ours(self):
        expressions = [rule["expr"] for rule in rules() if re.search(r"\b(up|process_\w+|scrape_\w+)\b", rule["expr"])]
        self.assertEqual(len(expressions), 2)
        for expression in expressions:
            self.assertRegex(expression, r"\b(up|process_\w+)( == 0)? and on \(job, instance\) "
                                         r"(last_over_time\()?qemu_trace_exporter_")


if __name__ == "__main__":
    unittest.main(verbosity=2)
