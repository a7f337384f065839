#!/usr/bin/env python3
"""The samples that docs/explanation/costs.md counts: by recorded traces, and by a daemon that follows logs."""

import pathlib
import re
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
import documents
import exporter

TRACES = exporter.ROOT / "tests/data/traces"
PAGE = exporter.ROOT / "docs/explanation/costs.md"
OWN = re.compile(r"qemu_trace_exporter_|process_")
OF_VM = re.compile(r"qemu_(?:keyboard|input)_")
# Traces in which one disk, or two, is read, written and flushed; and what the trace lacks of that.
DISKS = {"a virtio-blk disk": ("virtio-blk-7.2", 1, 1), "an NVMe or SCSI disk": ("nvme-7.2", 1, 1),
         "an IDE or AHCI disk": ("ide-raw-7.2", 1, 0)}


def samples(text):
    return [line for line in text.splitlines() if line and not line.startswith("#")]


class CostsTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.told = {what: count for what, count in documents.table_rows(PAGE.read_text(), "Samples per VM and disk")}

    def of_trace(self, name):
        done = exporter.run("replay", TRACES / f"{name}.log")
        self.assertEqual(done.returncode, 0)
        return [line for line in samples(done.stdout) if not OWN.match(line)]

    def test_disks(self):
        for what, (trace, disks, missing) in DISKS.items():
            with self.subTest(disk=what):
                found = [line for line in self.of_trace(trace) if 'device="' in line]
                # A disk that was unplugged at the trace's end is none any more.
                self.assertEqual(sum("qemu_block_device_info" in line for line in found), disks - missing)
                self.assertEqual(len(found) + missing, disks * int(self.told[what]))
        scsi = [line for line in self.of_trace("virtio-scsi-7.2") if 'device="' in line]
        self.assertEqual(len(scsi) + 1, int(self.told["an NVMe or SCSI disk"]))

    def test_a_vm_and_its_events(self):
        found = self.of_trace("virtio-blk-7.2")
        events = [line for line in found if line.startswith("qemu_trace_events_total")]
        own = [line for line in found if OF_VM.match(line)]
        self.assertEqual(len(own), int(self.told["a VM"]))
        self.assertEqual(len(found), len(own) + len(events) + int(self.told["a virtio-blk disk"]) - 1)

    def test_the_exporter_and_its_logs(self):
        def own(logs):
            with tempfile.TemporaryDirectory(prefix="qte-costs-") as directory:
                for i in range(logs):
                    (pathlib.Path(directory) / f"vm{i}.log").write_bytes((TRACES / "virtio-scsi-7.2.log").read_bytes())
                with exporter.Daemon(f"--trace.path={directory}/*.log", f"--state.path={directory}/state") as daemon:
                    daemon.wait_ready()
                    daemon.wait_for_metrics(lambda m: m.total("qemu_trace_exporter_http_requests_total", path="/metrics"),
                                            "the first scrape to be counted")
                    return [line for line in samples(daemon.text()) if OWN.match(line)]
        def count(lines):
            return sum("_http_" not in line for line in lines)
        one, three = own(1), own(3)
        self.assertEqual((count(three) - count(one)) / 2, int(self.told["a log that is followed"]))
        self.assertEqual(count(one), int(self.told["a log that is followed"]) +
                         int(self.told["the exporter itself, with `--state.path`"]))
        self.assertEqual(sum("_http_" in line and 'path="/metrics"' in line for line in one),
                         int(self.told["a path of the exporter that was asked for, as `/metrics`"]))


if __name__ == "__main__":
    unittest.main(verbosity=2)
