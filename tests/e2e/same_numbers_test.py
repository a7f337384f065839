#!/usr/bin/env python3
"""The same bytes give the same numbers, whichever way they come: a file that grows, a recording (plain, compressed, on
standard input), a FIFO."""

import gzip
import os
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
import exporter

TRACES = pathlib.Path(os.environ.get("QTE_TRACES", exporter.ROOT / "tests/data/traces"))

# The exporter's own metrics about lines and requests; the others are about files and the process.
OWN = {f"qemu_trace_exporter_{name}" for name in (
    "lines_total", "unparsed_lines_total", "spans_abandoned_total", "open_spans", "last_event_timestamp_seconds")}

# The start of a long trace is as good as the whole.
LONGEST = 4 << 20


def read_trace(path):
    """The trace's bytes, to the end of a line: what an unfinished last line means depends on the way it comes."""
    data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    return data[:data.rfind(b"\n", 0, LONGEST) + 1]


def numbers(metrics, vm):
    """What must be the same, with the vm's name, which comes from the file's, taken out after a look at it."""
    result = {}
    for (name, labels), value in metrics.samples.items():
        if not name.startswith("qemu_") or (name.startswith("qemu_trace_exporter_") and name not in OWN):
            continue
        labels = dict(labels)
        if labels.pop("vm", vm) != vm:
            raise AssertionError(f"{name} is of another vm than {vm}")
        result[name, tuple(sorted(labels.items()))] = value
    return result


class SameNumbersTest(unittest.TestCase):
    maxDiff = 4000

    def setUp(self):
        self.directory = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory(prefix="qte-same-")))
        self.path = self.directory / "trace.log"
        self.seed = random.randrange(1 << 32)
        self.random = random.Random(self.seed)

    def each_trace(self):
        """Runs the body of a `for` once for every trace, with the numbers of a plain replay beside it."""
        traces = sorted(path for path in TRACES.iterdir() if path.name.endswith((".log", ".log.gz")))
        self.assertTrue(traces, f"no traces in {TRACES}")
        for trace in traces:
            with self.subTest(trace=trace.name, seed=self.seed):
                data = read_trace(trace)
                recording = self.directory / "recording" / "trace.log"
                recording.parent.mkdir(exist_ok=True)
                recording.write_bytes(data)
                want = numbers(exporter.replay(recording), "trace")
                self.assertTrue(want)
                yield data, want
                self.path.unlink(missing_ok=True)

    def chunks(self, data):
        """Cuts anywhere, some within a line, some of many lines."""
        at = 0
        while at < len(data):
            size = self.random.choice((1, 7, 80, 4096, 65536, 1 << 20))
            yield data[at:at + size]
            at += size

    def served(self, daemon, data, vm):
        return numbers(daemon.wait_for_bytes(len(data)), vm)

    def test_replay_of_gzip(self):
        for data, want in self.each_trace():
            compressed = self.directory / "trace.log.gz"
            compressed.write_bytes(gzip.compress(data))
            self.assertEqual(numbers(exporter.replay(compressed), "trace"), want)

    @unittest.skipUnless(shutil.which("zstd"), "needs zstd")
    def test_replay_of_zstd(self):
        for data, want in self.each_trace():
            compressed = self.directory / "trace.log.zst"
            compressed.write_bytes(subprocess.run(["zstd", "-c"], input=data, stdout=subprocess.PIPE, check=True).stdout)
            self.assertEqual(numbers(exporter.replay(compressed), "trace"), want)

    def test_replay_of_standard_input(self):
        for data, want in self.each_trace():
            self.assertEqual(numbers(exporter.replay("-", stdin=data), "stdin"), want)

    def test_a_file_that_was_there_before(self):
        for data, want in self.each_trace():
            self.path.write_bytes(data)
            with exporter.Daemon(f"--trace.path={self.path}") as daemon:
                daemon.wait_ready()
                # Ready means caught up, so there is nothing to wait for.
                self.assertEqual(numbers(daemon.metrics(), "trace"), want)

    def test_a_file_that_grows(self):
        for data, want in self.each_trace():
            with exporter.Daemon(f"--trace.path={self.path}") as daemon:
                with open(self.path, "wb", buffering=0) as log:
                    for chunk in self.chunks(data):
                        log.write(chunk)
                self.assertEqual(self.served(daemon, data, "trace"), want)

    def test_a_fifo(self):
        for data, want in self.each_trace():
            os.mkfifo(self.path)
            with exporter.Daemon(f"--trace.path={self.path}") as daemon, open(self.path, "wb", buffering=0) as fifo:
                for chunk in self.chunks(data):
                    written = 0
                    while written < len(chunk):
                        written += fifo.write(chunk[written:])
                # Looked at while the writer is there: its end forgets what is open.
                self.assertEqual(self.served(daemon, data, "trace"), want)

    def test_standard_input(self):
        for data, want in self.each_trace():
            with exporter.Daemon("--trace.path=-", stdin=subprocess.PIPE) as daemon:
                for chunk in self.chunks(data):
                    daemon.process.stdin.write(chunk)
                daemon.process.stdin.flush()
                self.assertEqual(self.served(daemon, data, "stdin"), want)
                daemon.process.stdin.close()


if __name__ == "__main__":
    unittest.main(verbosity=2)
