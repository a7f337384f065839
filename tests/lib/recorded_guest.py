"""What a recorded guest's trace says of its disks, beside what query-blockstats said at its end (truth.json). For the
cases in tests/field."""

import json
import os
import re
import subprocess

OPERATIONS = {"qemu_block_reads_total": "rd_operations", "qemu_block_writes_total": "wr_operations"}
BYTES = {"qemu_block_read_bytes_total": "rd_bytes", "qemu_block_written_bytes_total": "wr_bytes"}
FLUSHES = {"qemu_block_flushes_total": "flush_operations"}
ERRORS = "qemu_block_errors_total"
FAILED = {"read": "failed_rd_operations", "write": "failed_wr_operations", "flush": "failed_flush_operations"}


class Guest:
    """The figures of the log in a case's folder, as `replay` prints them."""

    def __init__(self, folder, log="trace.log.gz"):
        truth = folder / "truth.json"
        self.truth = json.loads(truth.read_text()) if truth.exists() else {}
        self.text = subprocess.run([os.environ["QTE"], "replay", folder / log], check=True, capture_output=True,
                                   text=True).stdout
        self.wrong = 0
        self.compared = 0

    def series(self, metric):
        """[(labels, value)] of those that are not 0."""
        found = re.findall(rf"^{metric}{{(.*)}} (\S+)$", self.text, re.MULTILINE)
        return [(dict(re.findall(r'(\w+)="([^"]*)"', labels)), float(value)) for labels, value in found if float(value)]

    def total(self, metric, **labels):
        plain = re.search(rf"^{metric} (\S+)$", self.text, re.MULTILINE)
        return sum([value for of, value in self.series(metric) if labels.items() <= of.items()],
                   float(plain[1]) if plain and not labels else 0)

    def check(self, what, found, want):
        self.compared += 1
        if found != want:
            self.wrong += 1
            print(f"{what}: {found:g}, but it is {want:g}")

    def check_disks(self, metrics, **other):
        """Compares each disk, and that no other has anything. `other` has what differs, by image and statistic."""
        for metric, statistic in metrics.items():
            for disk in self.truth["disks"]:
                self.check(f"{metric} of {disk['image']}", self.total(metric, device=disk["image"]),
                           other.get(statistic, disk.get(statistic, 0)))
            images = [disk["image"] for disk in self.truth["disks"]]
            self.check(f"{metric} of others", sum(value for labels, value in self.series(metric)
                                                  if labels["device"] not in images), 0)

    def check_errors(self, **other):
        """The same for errors, by operation."""
        for disk in self.truth["disks"]:
            for operation, statistic in FAILED.items():
                self.check(f"failed {operation}s of {disk['image']}",
                           self.total(ERRORS, device=disk["image"], operation=operation),
                           other.get(statistic, disk.get(statistic, 0)))

    def check_at_rest(self):
        for metric in ("qemu_trace_exporter_open_spans", "qemu_trace_exporter_spans_abandoned_total"):
            self.check(metric, self.total(metric), 0)

    def verdict(self):
        """The last line, and what the script ends with."""
        print(f"{'wrong' if self.wrong else 'right'}: {self.compared - self.wrong} figures of {self.compared}")
        return 1 if self.wrong else 0
