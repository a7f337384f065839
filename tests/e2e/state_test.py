#!/usr/bin/env python3
"""Checkpoints: what a daemon with --state.path continues from, case by case. (kill_test.py is at random.)"""

import os
import pathlib
import shutil
import signal
import sys
import tempfile
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
import exporter
import process

OWN = "qemu_trace_exporter_"
READS = "qemu_pci_config_reads_total"
CHECKPOINTED = OWN + "checkpoint_last_success_timestamp_seconds"
PCI = b"pci_cfg_read %s 00:00.0 @0x0 -> 0x12378086\n"


def lines(count, device=b"i440FX"):
    return PCI % device * count


class Case(unittest.TestCase):
    """One log, one state directory, and a daemon that comes and goes."""

    maxDiff = 2000

    def setUp(self):
        self.directory = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory(prefix="qte-state-")))
        self.logs = self.directory / "logs"
        self.logs.mkdir()
        self.path = self.logs / "vm.log"
        self.state = self.directory / "state"
        self.trace = f"{self.logs}/*.log"

    def daemon(self, *flags):
        """Serving and caught up."""
        daemon = self.enterContext(exporter.Daemon(f"--trace.path={self.trace}", f"--state.path={self.state}", *flags))
        daemon.wait_ready()
        return daemon

    def append(self, data, path=None):
        with open(path or self.path, "ab") as log:
            log.write(data)

    def wait_for_reads(self, daemon, count):
        metrics = daemon.wait_for_metrics(lambda m: m.total(READS) >= count, f"{count} reads")
        self.assertEqual(metrics.total(READS), count)
        return metrics

    def wait_for_checkpoint(self, daemon):
        """One that was begun after this call: the first to come may have been under way."""
        for _ in range(2):
            before = daemon.metrics().value(CHECKPOINTED) or 0
            daemon.wait_for_metrics(lambda m: (m.value(CHECKPOINTED) or 0) > before, "a checkpoint")

    def wait_for_total(self, daemon, name, value):
        """What has happened to files is shown as the last checkpoint has it."""
        daemon.wait_for_metrics(lambda m: m.value(OWN + name) == value, f"{name} {value}")

    def read_and_stop(self, data):
        """A first daemon reads `data` and ends in order."""
        self.append(data)
        with exporter.Daemon(f"--trace.path={self.trace}", f"--state.path={self.state}") as daemon:
            daemon.wait_for_bytes(len(data))
            self.assertEqual(daemon.stop(), 0)

    def total_of_next(self, count, **labels):
        """What the next daemon has as soon as it is ready, and no other number a moment later."""
        daemon = self.daemon()
        metrics = daemon.metrics()
        self.assertEqual(metrics.total(READS, **labels), count, daemon.log())
        return daemon, metrics


class EndTest(Case):
    def test_sigterm_reads_all_that_was_written_before(self):
        self.append(lines(1))
        daemon = self.daemon()
        block = lines(1000)
        with open(self.path, "ab") as log:
            for _ in range(5_000_000 // len(block)):
                log.write(block)
        daemon.process.send_signal(signal.SIGTERM)
        self.assertEqual(daemon.process.wait(20), 0, daemon.log())
        self.total_of_next(self.path.stat().st_size // len(lines(1)))

    def test_sigterm_saves_a_line_that_is_not_finished(self):
        self.read_and_stop(lines(3) + lines(1)[:20])
        self.append(lines(1)[20:] + lines(2))
        _, metrics = self.total_of_next(6)
        self.assertEqual(metrics.total(OWN + "unparsed_lines_total"), 0)

    def test_kill_after_a_checkpoint(self):
        self.append(lines(5))
        daemon = self.daemon()
        self.wait_for_checkpoint(daemon)
        self.append(lines(7))
        self.wait_for_reads(daemon, 12)
        daemon.kill()
        self.append(lines(2))
        self.total_of_next(14)

    def test_without_anything_new(self):
        self.read_and_stop(lines(5))
        for _ in range(3):
            daemon, metrics = self.total_of_next(5)
            self.assertEqual(metrics.value(OWN + "lines_total"), 5)
            daemon.stop()


class WhileDownTest(Case):
    """What happens to the file between two daemons."""

    def setUp(self):
        super().setUp()
        self.read_and_stop(lines(10, b"before"))

    def assert_next(self, **want):
        daemon, metrics = self.total_of_next(sum(want.values()))
        self.assertEqual({labels["device"]: value for labels, value in metrics.series(READS)}, want)
        self.assertEqual({labels["vm"] for labels, _ in metrics.series(READS)}, {"vm"})
        return daemon, metrics

    def test_rotated(self):
        """The rest of the old file stands under a name that no glob matches."""
        self.append(lines(3, b"late"))
        self.path.rename(self.logs / "vm.log.1")
        self.append(lines(4, b"new"))
        daemon, _ = self.assert_next(before=10, late=3, new=4)
        self.wait_for_total(daemon, "source_rotations_total", 1)
        self.append(lines(1, b"late"), self.logs / "vm.log.1")
        self.wait_for_reads(daemon, 18)

    def test_rotated_and_nothing_new_yet(self):
        self.append(lines(3, b"late"))
        self.path.rename(self.logs / "vm.log.1")
        self.assert_next(before=10, late=3)

    def test_rotated_twice(self):
        self.append(lines(3, b"late"))
        self.path.rename(self.logs / "vm.log.1")
        self.append(lines(4, b"between"))
        (self.logs / "vm.log.1").rename(self.logs / "vm.log.2")
        self.path.rename(self.logs / "vm.log.1")
        self.append(lines(5, b"new"))
        self.assert_next(before=10, late=3, between=4, new=5)

    def test_rotated_while_it_starts(self):
        """At every moment of the start: before the first look, between two, and after. Looks take long here."""
        for i in range(3000):
            (self.logs / f"other.{i}").touch()
        count = 10
        for i in range(60):
            self.append(lines(1))
            daemon = exporter.Daemon(f"--trace.path={self.trace}", f"--state.path={self.state}")
            time.sleep(i * 0.0005)
            self.path.rename(self.logs / f"vm.log.{i}")
            self.append(lines(1))
            count += 2
            with daemon:
                daemon.wait_ready()
                self.wait_for_reads(daemon, count)
                self.assertEqual(daemon.stop(), 0)

    def test_truncated(self):
        os.truncate(self.path, 0)
        self.append(lines(4, b"new"))
        daemon, _ = self.assert_next(before=10, new=4)
        self.wait_for_total(daemon, "source_truncations_total", 1)

    def test_truncated_and_grown_past_the_offset(self):
        os.truncate(self.path, 0)
        self.append(lines(40, b"new"))
        self.assert_next(before=10, new=40)

    def test_truncated_to_nothing(self):
        os.truncate(self.path, 0)
        daemon, _ = self.assert_next(before=10)
        self.append(lines(2, b"new"))
        self.wait_for_reads(daemon, 12)

    def test_deleted(self):
        self.path.unlink()
        daemon, _ = self.assert_next(before=10)
        self.append(lines(2, b"new"))
        self.wait_for_reads(daemon, 12)

    def test_deleted_and_made_again_as_the_same_inode(self):
        """File systems give an inode to the next file at once."""
        inode = self.path.stat().st_ino
        for count in (4, 10, 40):
            with self.subTest(lines=count):
                # Another daemon's logs and state, as in setUp().
                for _ in range(100):
                    self.path.unlink()
                    self.append(lines(count, b"new"))
                    if self.path.stat().st_ino == inode:
                        break
                else:
                    self.skipTest("the file system does not give the inode again")
                state = self.directory / f"state-{count}"
                shutil.copytree(self.state, state)
                with exporter.Daemon(f"--trace.path={self.trace}", f"--state.path={state}") as daemon:
                    daemon.wait_ready()
                    metrics = daemon.metrics()
                    self.assertEqual(metrics.total(READS, device="before"), 10)
                    self.assertEqual(metrics.total(READS, device="new"), count)


class CheckpointTest(Case):
    """An invalid checkpoint is set aside with a warning, and the daemon works without it."""

    def setUp(self):
        super().setUp()
        self.read_and_stop(lines(10))
        self.file = self.state / "checkpoint"
        self.good = self.file.read_bytes()

    def assert_set_aside(self, data):
        self.file.write_bytes(data)
        with exporter.Daemon(f"--trace.path={self.trace}", f"--state.path={self.state}") as daemon:
            daemon.wait_ready()
            self.assertEqual(daemon.metrics().total(READS), 10)  # from the start of the log
            warnings = [line for line in daemon.log().splitlines() if str(self.file) in line and "warn" in line]
            self.assertEqual(len(warnings), 1, daemon.log())
            kept = [path for path in self.state.iterdir() if path != self.file and path.read_bytes() == data
                    and path.name.startswith("checkpoint")]
            self.assertEqual(len(kept), 1, sorted(self.state.iterdir()))
            self.assertIn(str(kept[0]), warnings[0])
            kept[0].unlink()
            self.assertEqual(daemon.stop(), 0)
        # And the one it has written is good again.
        with exporter.Daemon(f"--trace.path={self.trace}", f"--state.path={self.state}") as daemon:
            daemon.wait_ready()
            self.assertEqual(daemon.metrics().total(READS), 10)
            self.assertNotIn("warn", daemon.log())

    def test_a_byte_that_flipped(self):
        for at in (0, 8, 20, len(self.good) // 2, len(self.good) - 1):
            with self.subTest(at=at):
                bad = bytearray(self.good)
                bad[at] ^= 0x20
                self.assert_set_aside(bytes(bad))

    def test_torn(self):
        for size in (1, 7, 20, len(self.good) // 2, len(self.good) - 1):
            with self.subTest(size=size):
                self.assert_set_aside(self.good[:size])

    def test_longer(self):
        self.assert_set_aside(self.good + b"x")

    def test_another_version(self):
        self.assertTrue(self.good.startswith(b"QTECKPT"))
        self.assert_set_aside(self.good[:7] + bytes([self.good[7] + 1]) + self.good[8:])

    def test_text(self):
        self.assert_set_aside(b"this is no checkpoint\n" * 50)

    def test_empty(self):
        self.assert_set_aside(b"")

    def test_of_other_files(self):
        """Its counters continue; the files are new ones."""
        other = self.directory / "other"
        other.mkdir()
        (other / "vm2.log").write_bytes(lines(5))
        with exporter.Daemon(f"--trace.path={other}/*.log", f"--state.path={self.state}") as daemon:
            daemon.wait_ready()
            self.assertEqual(daemon.metrics().total(READS, vm="vm2"), 5)
            self.assertEqual(daemon.stop(), 0)


class DirectoryTest(Case):
    def assert_refused(self, *words):
        done = exporter.run("serve", f"--trace.path={self.trace}", f"--state.path={self.state}",
                            "--web.listen-address=127.0.0.1:0", timeout=20)
        self.assertEqual(done.returncode, 1, done.stderr)
        for word in (str(self.state), *words):
            self.assertIn(word, done.stderr.splitlines()[-1])

    def test_two_daemons(self):
        self.append(lines(1))
        daemon = self.daemon()
        self.assert_refused("in use")
        self.append(lines(1))
        self.wait_for_reads(daemon, 2)
        self.assertEqual(daemon.stop(), 0)
        self.total_of_next(2)

    def test_a_file_in_its_place(self):
        self.state.write_text("")
        self.assert_refused()

    def test_a_parent_that_is_a_file(self):
        (self.directory / "file").write_text("")
        self.state = self.directory / "file" / "state"
        self.assert_refused()

    def test_a_path_that_cannot_be_written(self):
        if os.geteuid() == 0:
            self.state = pathlib.Path("/proc/qte-state")  # root may write anywhere but here
        else:
            (self.directory / "closed").mkdir(mode=0o500)
            self.state = self.directory / "closed" / "state"
        self.assert_refused()

    def test_it_is_made(self):
        self.state = self.directory / "not" / "there"
        self.state.parent.mkdir()
        self.read_and_stop(lines(3))
        self.total_of_next(3)


class ReloadTest(Case):
    CONFIG = """\
sources: [{{path: '{trace}'}}]
metrics:
  - {{name: {name}, type: counter, event: pci_cfg_read, labels: {{device: dev}}}}
  - {{name: qemu_kept_total, type: counter, event: pci_cfg_read}}
"""

    def write_config(self, name):
        self.config = self.directory / "config.yaml"
        self.config.write_text(self.CONFIG.format(trace=self.trace, name=name))

    def start(self):
        daemon = self.enterContext(exporter.Daemon(f"--config.file={self.config}", f"--state.path={self.state}"))
        daemon.wait_ready()
        return daemon

    def test_a_reload_and_a_kill(self):
        self.write_config("qemu_old_total")
        self.append(lines(5))
        daemon = self.start()
        self.write_config("qemu_new_total")
        daemon.process.send_signal(signal.SIGHUP)
        daemon.wait_for_metrics(lambda m: "qemu_old_total" not in m.types, "the new config")
        self.append(lines(3))
        daemon.wait_for_metrics(lambda m: m.total("qemu_new_total") == 3, "new lines")
        self.wait_for_checkpoint(daemon)
        daemon.kill()
        self.append(lines(4))
        metrics = self.start().metrics()
        self.assertEqual(metrics.total("qemu_new_total"), 7)
        self.assertEqual(metrics.total("qemu_kept_total"), 12)
        self.assertEqual(metrics.value(OWN + "lines_total"), 12)

    def test_another_config_after_a_restart(self):
        """What both have continues, the rest begins where reading continues."""
        self.write_config("qemu_old_total")
        self.append(lines(5))
        self.assertEqual(self.start().stop(), 0)
        self.write_config("qemu_new_total")
        self.append(lines(2))
        metrics = self.start().metrics()
        self.assertEqual(metrics.total("qemu_new_total"), 2)
        self.assertEqual(metrics.total("qemu_kept_total"), 7)


if __name__ == "__main__":
    unittest.main(verbosity=2)
