#!/usr/bin/env python3
"""The first 12 MB of a boot with `-trace '*'`, against a second reader of the same log: every line of an event that
QEMU declares is read, every other line is counted by its reason, and each event's count is that of the other reader.
So are the counts of the rules that /api/v1/events has ready for every event that QEMU declares."""

import collections
import gzip
import json
import os
import pathlib
import re
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
import exporter
import prometheus

TRACE = exporter.ROOT / "tests/data/traces/all-events-7.2.log.gz"
DECLARATIONS = pathlib.Path("/usr/share/qemu/trace-events-all")

# A rule on every event, so that every line's arguments are read.
CONFIG = f"""
trace_events: [{DECLARATIONS}]
metrics:
  - name: any_events_total
    type: counter
    event: "*"
"""

PREFIX = re.compile(rb"^\d+@\d+\.\d{6}:")
NAME = re.compile(rb"^[A-Za-z0-9_]*_[A-Za-z0-9_]*(?= |$)")


def declared_names():
    """The names in QEMU's file, found by nothing but the '(' behind them."""
    names = set()
    for line in DECLARATIONS.read_text().splitlines():
        if line and not line.startswith("#"):
            names.add(line.split("(", 1)[0].split()[-1].encode())
    return names


class AllEventsTest(unittest.TestCase):
    RULES = None  # of another config; without, the one above

    @classmethod
    def setUpClass(cls):
        declared = declared_names()
        text = gzip.decompress(TRACE.read_bytes())
        cls.lines = text.split(b"\n")[:-1]  # behind the last newline: a line that was cut off
        cls.cut_off = 1 if not text.endswith(b"\n") else 0
        cls.counts = collections.Counter()
        cls.undeclared = cls.no_event = 0
        for line in cls.lines:
            body = PREFIX.sub(b"", line)
            found = NAME.match(body)
            name = found.group(0) if found else body.split(b" ", 1)[0]
            if name in declared:
                cls.counts[name.decode()] += 1
            elif found:
                cls.counts[name.decode()] += 1
                cls.undeclared += 1
            else:
                cls.no_event += 1
        with tempfile.NamedTemporaryFile("w", suffix=".yaml") as config:
            config.write(CONFIG if cls.RULES is None else cls.RULES())
            config.flush()
            done = exporter.run("replay", f"--config.file={config.name}", TRACE)
        cls.text = done.stdout
        cls.metrics = exporter.exposition.parse(done.stdout)

    def unparsed(self, reason):
        return self.metrics.total("qemu_trace_exporter_unparsed_lines_total", reason=reason)

    def test_the_trace_is_worth_it(self):
        self.assertGreater(len(self.lines), 100_000)
        self.assertGreater(len(self.counts), 60)

    def test_each_event_has_the_other_readers_count(self):
        found = {labels["event"]: value for labels, value in self.metrics.series("qemu_trace_events_total")}
        self.assertEqual(found, dict(self.counts))

    def test_every_line_of_a_declared_event_is_read(self):
        self.assertEqual(self.unparsed("format_mismatch"), 0)

    def test_every_other_line_is_counted_by_its_reason(self):
        self.assertEqual(self.unparsed("undeclared_event"), self.undeclared)
        self.assertEqual(self.unparsed("not_an_event"), self.no_event)
        self.assertEqual(self.unparsed("partial_line"), self.cut_off)
        self.assertEqual(self.metrics.total("qemu_trace_exporter_lines_total"), len(self.lines))

    def test_the_series_are_those_of_the_rules(self):
        self.assertEqual(self.metrics.total("any_events_total"), sum(self.counts.values()) - self.undeclared)

    def test_promtool_has_no_complaint(self):
        self.assertEqual(prometheus.check_metrics(self.text), "")


def ready_rules():
    """A config of all rules that a daemon has ready which has seen every event but uses none."""
    head = f"trace_events: [{DECLARATIONS}]\nmetrics:\n"
    with tempfile.TemporaryDirectory() as directory:
        log = pathlib.Path(directory, "vm.log")
        config = pathlib.Path(directory, "config.yaml")
        names = sorted(declared_names())
        log.write_bytes(b"".join(name + b" \n" for name in names))
        config.write_text(head + "- {name: qemu_panics_total, type: counter, match: '^guest panicked'}\n")
        with exporter.Daemon(f"--config.file={config}", f"--trace.path={log}") as daemon:
            daemon.wait_ready()
            events = json.loads(daemon.request("/api/v1/events")[2])["events"]
    rules = {event["event"]: event["rule"] for event in events}
    assert sorted(rules) == [name.decode() for name in names]
    return head + "".join(rules.values())


class ReadyRulesTest(AllEventsTest):
    RULES = staticmethod(ready_rules)

    def test_promtool_has_no_complaint(self):
        """But about words in QEMU's names of events: "bits", "counter", "ms"."""
        for complaint in prometheus.check_metrics(self.text).splitlines():
            self.assertRegex(complaint, "abbreviated units|include type 'counter'|use base unit")

    def test_the_series_are_those_of_the_rules(self):
        declared = {name.decode() for name in declared_names()}
        for event, count in self.counts.items():
            if event in declared:
                self.assertEqual(self.metrics.total(f"qemu_{event}_total"), count, event)


if __name__ == "__main__":
    if not DECLARATIONS.exists() and "QTE_REQUIRE_ALL" not in os.environ:
        print("skipped, for want of", DECLARATIONS)
        sys.exit(77)
    unittest.main(verbosity=2)
