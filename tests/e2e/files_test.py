#!/usr/bin/env python3
"""Several files at once: `replay` of all is the sum of each alone, whatever the number of threads, and so is what a
daemon makes of them while it reads on several."""

import pathlib
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
import exporter
import process

TRACES = exporter.ROOT / "tests/data/traces"
NAMES = ("ide-raw-7.2", "keys-7.2", "nvme-7.2", "virtio-blk-7.2", "virtio-scsi-7.2")
# The latest of several files, or one of another kind.
NOT_ADDED = {"qemu_trace_exporter_last_event_timestamp_seconds"}


def config(directory, workers):
    path = directory / f"{workers}.yaml"
    path.write_text((exporter.ROOT / "config/default.yaml").read_text() + f"\nlimits: {{workers: {workers}}}\n")
    return f"--config.file={path}"


def added_up(all_metrics):
    sums = {}
    for metrics in all_metrics:
        for series, value in metrics.samples.items():
            sums[series] = sums.get(series, 0) + value
    return {series: value for series, value in sums.items() if series[0] not in NOT_ADDED}


class FilesTest(unittest.TestCase):
    def setUp(self):
        self.directory = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory(prefix="qte-files-")))
        self.paths = [TRACES / f"{name}.log" for name in NAMES]

    def test_replay_of_all_is_each_alone_added_up(self):
        want = added_up(exporter.replay(path) for path in self.paths)
        got = exporter.replay(*self.paths).samples
        self.assertEqual({s: round(v, 6) for s, v in got.items() if s[0] not in NOT_ADDED},
                         {s: round(v, 6) for s, v in want.items()})

    def test_the_number_of_threads_changes_nothing(self):
        # The same file twice, and one from standard input: files with the same labels are read in the order given.
        calls = [[*self.paths, "-", self.paths[0]], [*reversed(self.paths)]]
        for files in calls:
            texts = [exporter.run("replay", config(self.directory, n), *files, stdin=self.paths[1].read_bytes()).stdout
                     for n in (1, 2, 5)]
            self.assertTrue(texts[0])
            self.assertEqual(texts[0], texts[1])
            self.assertEqual(texts[0], texts[2])

    def test_what_is_said_of_files_is_in_their_order(self):
        bad = [self.directory / f"{i}.log.gz" for i in range(6)]
        for path in bad:
            path.write_bytes(b"\x1f\x8b\x08\x00")
        files = [bad[3], self.paths[0], bad[1], bad[5], self.paths[1], bad[0]]
        done = exporter.run("replay", config(self.directory, 3), *files)
        self.assertEqual(done.returncode, 1)
        told = [line for line in done.stderr.splitlines() if ".gz" in line]
        self.assertEqual([pathlib.Path(line.split(": ")[1]).name for line in told],
                         [path.name for path in (bad[3], bad[1], bad[5], bad[0])])

    def test_serve_reads_files_on_several_threads(self):
        lines = b"".join(b"pci_cfg_read dev%d 00:00.0 @0x0 -> 0x1\n" % (i % 9) for i in range(90_000))
        logs = [self.directory / f"vm{i}.log" for i in range(4)]
        for log in logs:
            log.write_bytes(lines)
        texts = []
        for workers in (1, 3):
            with exporter.Daemon(config(self.directory, workers), f"--trace.path={self.directory}/*.log") as daemon:
                daemon.wait_ready()
                process.wait_until(lambda: daemon.metrics().value("qemu_trace_exporter_lines_total") == 360_000,
                                   "all lines")
                texts.append([line for line in daemon.text().splitlines() if line.startswith(("qemu_pci", "qemu_trace_ev"))])
        self.assertEqual(texts[0], texts[1])
        self.assertEqual(len(texts[0]), 4 * 9 + 4)


if __name__ == "__main__":
    unittest.main()
