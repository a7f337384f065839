#!/usr/bin/env python3
"""`backfill` writes what `replay` counts, at the trace's own times, in a form that Prometheus takes."""

import collections
import datetime
import gzip
import os
import pathlib
import pty
import re
import select
import shutil
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
import exporter
import process
import prometheus

TRACES = exporter.ROOT / "tests/data/traces"
TIMED = ("nvme-7.2", "ide-raw-5.2", "ide-raw-7.2", "ide-raw-11.1", "virtio-blk-7.2", "virtio-scsi-7.2", "keys-7.2")
THREAD_TIME = re.compile(rb"^\d+@(\d+)\.(\d{6}):(\w+)")
ISO_TIME = re.compile(rb"^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{6}))?Z (\w+)")
OWN = ("qemu_trace_exporter_",)
OF_MOMENT = "qemu_block_device_info"  # shows only what is now
LONG_AGO = 1_600_000_000


def event_of(line):
    """(time in microseconds, event's name) of a line, by nothing of ours; None without either."""
    if found := THREAD_TIME.match(line):
        return int(found[1]) * 1_000_000 + int(found[2]), found[3].decode()
    if found := ISO_TIME.match(line):
        whole = datetime.datetime.fromisoformat(found[1].decode() + "+00:00").timestamp()
        return int(whole) * 1_000_000 + int(found[2] or 0), found[3].decode()
    return None


def backfill(*arguments, stdin=b""):
    """The text, which has to be there."""
    done = exporter.run("backfill", *arguments, stdin=stdin)
    if done.returncode != 0:
        raise AssertionError(f"backfill {arguments} ended with {done.returncode}: {done.stderr}")
    return done.stdout


def samples(text):
    """{series: {time: value}} of OpenMetrics, as it stands there."""
    found = collections.defaultdict(dict)
    for line in text.splitlines():
        if not line.startswith("#"):
            series, value, at = line.rsplit(" ", 2)
            assert float(at) not in found[series], line
            found[series][float(at)] = float(value)
    return found


def line_at(seconds, text="ps2_put_keycode 0x55e759f09cf0 keycode 0x34"):
    return f"26638@{LONG_AGO + seconds:.6f}:{text}\n".encode()


class Case(unittest.TestCase):
    def setUp(self):
        self.directory = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory(prefix="qte-backfill-")))

    def write(self, name, data):
        path = self.directory / name
        path.write_bytes(data)
        return path


class TextTest(Case):
    KEYCODES = 'qemu_keyboard_keycodes_total{vm="vm"}'

    def keycodes(self, data, *arguments):
        """{seconds since LONG_AGO: value}"""
        path = self.write("vm.log", data)
        found = samples(backfill(*arguments, path)).get(self.KEYCODES, {})
        return {at - LONG_AGO: value for at, value in found.items()}

    def test_each_step_holds_what_came_before_it(self):
        """Counts of every event against another reader's, second by second."""
        for name in TIMED:
            path = TRACES / f"{name}.log"
            events = [event for event in map(event_of, path.read_bytes().splitlines()) if event]
            found = samples(backfill("--step=1s", path))
            for event in {name for _, name in events}:
                series = found[f'qemu_trace_events_total{{vm="{path.stem}",event="{event}"}}']
                for at, value in series.items():
                    want = sum(1 for when, name in events if name == event and when < at * 1_000_000)
                    self.assertEqual(value, want, (name, event, at))
                self.assertEqual(series[max(series)], sum(1 for _, name in events if name == event))
                self.assertEqual(series[min(series)], 0)

    def test_the_last_samples_are_those_of_replay(self):
        for name in TIMED:
            path = TRACES / f"{name}.log"
            want = {}
            for line in exporter.run("replay", path).stdout.splitlines():
                series, value = line.rsplit(" ", 1)
                if not line.startswith(("#", *OWN)):
                    want[series] = float(value)
            timed = samples(backfill(path))
            end = max(max(values) for values in timed.values())
            # What a disk was before has no sample at the end, and replay does not show it.
            found = {series: values[max(values)] for series, values in timed.items()
                     if end in values or not series.startswith(OF_MOMENT)}
            self.assertEqual(found, want, name)

    def test_a_histogram_stands_together(self):
        text = backfill("--step=1s", TRACES / "nvme-7.2.log")
        blocks = []  # (labels without the bound, time), in the order of the lines
        for line in text.splitlines():
            if line.startswith("qemu_block_write_size_bytes_"):
                series, _, at = line.rsplit(" ", 2)
                labels = re.sub(r',?le="[^"]*"', "", series.partition("{")[2])
                if not blocks or blocks[-1] != (labels, at):
                    blocks.append((labels, at))
        self.assertEqual(len(blocks), len(set(blocks)))
        self.assertEqual(blocks, sorted(blocks, key=lambda block: (block[0], float(block[1]))))

    def test_steps_are_multiples_of_the_step(self):
        found = self.keycodes(line_at(3) + line_at(4.999999) + line_at(5) + line_at(21), "--step=5s")
        self.assertEqual(found, {0: 0, 5: 2, 10: 3, 15: 3, 20: 3, 25: 4})
        found = self.keycodes(line_at(3) + line_at(3.1), "--step=100ms")
        self.assertEqual({round(at, 1): value for at, value in found.items()}, {3: 0, 3.1: 1, 3.2: 2})

    def test_time_that_goes_back_stands_still(self):
        found = self.keycodes(line_at(0) + line_at(2.5) + line_at(1) + line_at(3), "--step=1s")
        self.assertEqual(found, {0: 0, 1: 1, 2: 1, 3: 3, 4: 4})

    def test_lines_without_time_belong_to_the_one_before(self):
        bare = b"ps2_put_keycode 0x55e759f09cf0 keycode 0x34\nno event\n\n"
        found = self.keycodes(bare + line_at(0) + bare + line_at(1) + bare, "--step=1s")
        self.assertEqual(found, {0: 1, 1: 3, 2: 5})

    def test_a_long_silence_has_no_samples(self):
        day = 86_400
        found = self.keycodes(line_at(0) + line_at(100 * day), "--step=10s")
        self.assertEqual(found, {0: 0, 10: 1, 100 * day: 1, 100 * day + 10: 2})

    def test_a_log_in_parts_is_one(self):
        config = self.write("c.yaml", b"sources: [{path: '" + bytes(self.directory) + b"/*', path_pattern: '/(?P<vm>[^/.]+)[^/]*$'}]\n"
                            b"metrics: [{name: qemu_keyboard_keycodes_total, type: counter, event: ps2_put_keycode}]\n")
        first = self.write("vm.log.1.gz", gzip.compress(line_at(0) + line_at(1)))
        second = self.write("vm.log", line_at(2) + line_at(3)[:-1])
        other = self.write("another.log", line_at(1.5))
        found = samples(backfill("--step=1s", f"--config.file={config}", first, other, second))
        self.assertEqual({at - LONG_AGO: value for at, value in found[self.KEYCODES].items()},
                         {0: 0, 1: 1, 2: 2, 3: 3, 4: 3})  # the last line has no end
        self.assertEqual(list(found[self.KEYCODES.replace("vm\"}", "another\"}")].values()), [0, 1])

    def test_a_log_without_time_is_an_error(self):
        path = self.write("vm.log", b"ps2_put_keycode 0x55e759f09cf0 keycode 0x34\n")
        done = exporter.run("backfill", path)
        self.assertEqual(done.returncode, 1)
        self.assertIn(f"{path}: no line has a timestamp", done.stderr)
        self.assertEqual(done.stdout, "# EOF\n")

    def test_wrong_steps(self):
        for step in ("0s", "-1s", "15", "fast", "1w"):
            done = exporter.run("backfill", f"--step={step}", TRACES / "nvme-7.2.log")
            self.assertEqual(done.returncode, 2, step)
            self.assertIn("--step", done.stderr)


@unittest.skipUnless(shutil.which("prometheus") and shutil.which("promtool") or "QTE_REQUIRE_ALL" in os.environ,
                     "no prometheus")
class DatabaseTest(Case):
    def test_prometheus_finds_the_same_totals(self):
        files = [TRACES / f"{name}.log" for name in TIMED]
        text = self.write("all.om", backfill("--step=1s", *files).encode())
        made = subprocess.run(["promtool", "tsdb", "create-blocks-from", "openmetrics", text, self.directory / "tsdb"],
                              capture_output=True, timeout=60)
        self.assertEqual(made.returncode, 0, made.stderr)
        replayed = exporter.replay(*files)
        names = [name for name in replayed.types if not name.startswith((*OWN, OF_MOMENT))]
        self.assertGreater(len(names), 20)
        compared = 0
        with prometheus.Prometheus(self.directory, process.free_port(),
                                   flags=["--storage.tsdb.retention.time=100y"]) as server:
            for name in names:
                for part in ("_count", "_sum", "_bucket") if replayed.types[name] == "histogram" else ("",):
                    found = server.query(f"last_over_time({name}{part}[10y])", time=2_000_000_000)
                    want = {}
                    for labels, value in replayed.series(name + part):
                        want[tuple(sorted(labels.items()))] = value
                    found = {tuple(pair for pair in labels if pair[0] != "__name__"): value
                             for labels, value in found.items()}
                    self.assertEqual(found, want, name + part)
                    compared += len(want)
        self.assertGreater(compared, 500)


class ProgressTest(Case):
    """A terminal is told how far long work is; a file is not."""

    def shown(self, command, stdin=subprocess.DEVNULL, feed=None):
        """What came to the terminal until the first sign of progress, or the end."""
        terminal, theirs = pty.openpty()
        daemon = subprocess.Popen([exporter.BINARY, *map(str, command)], stdin=stdin, stdout=subprocess.DEVNULL,
                                  stderr=theirs)
        os.close(theirs)
        text = b""
        deadline = time.monotonic() + 30
        try:
            while time.monotonic() < deadline and b"MB/s" not in text:
                if feed is not None:
                    daemon.stdin.write(feed)
                    daemon.stdin.flush()
                if select.select([terminal], [], [], 0.05)[0]:
                    try:
                        text += os.read(terminal, 4096)
                    except OSError:  # the reader has closed it
                        break
        finally:
            daemon.kill()
            daemon.communicate()
            os.close(terminal)
        return text.decode()

    def test_of_files(self):
        for command in ("replay", "backfill"):
            log = self.directory / "vm.log"
            with open(log, "wb") as file:
                file.write(line_at(0))
                file.truncate(64 << 30)  # a hole, which takes long to read and no space
            self.assertRegex(self.shown([command, log]), r"\[=*> *\] +\d+ %, \d+ MB/s, \d+ s left")

    def test_of_a_pipe(self):
        self.assertRegex(self.shown(["replay", "-"], subprocess.PIPE, line_at(0) * 1000), r"\d+ MB, \d+ MB/s")

    def test_short_work_shows_the_summary_alone(self):
        self.assertRegex(self.shown(["replay", TRACES / "keys-7.2.log"]), r"^(warning: .*\r\n)?[\d,]+ lines: [^\r\n]*\r\n$")


if __name__ == "__main__":
    unittest.main(verbosity=2)
