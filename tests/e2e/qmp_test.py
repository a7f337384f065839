#!/usr/bin/env python3
"""Tracing switched on by QMP: a QEMU that was started without any trace option but -D, and a daemon that comes later. The
numbers must be QEMU's own (query-blockstats) from then on, by the names of the images, which the log does not tell."""

import json
import pathlib
import re
import signal
import socket
import sys
import tempfile
import threading
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
import exporter
import parts
import process
import qemu

OWN = "qemu_trace_exporter_"
DISKS = [qemu.Disk("ide0", "ide"), qemu.Disk("nvme0", "nvme"), qemu.Disk("scsi0", "scsi"),
         qemu.Disk("virtio0", "virtio"), qemu.Disk("virtio1", "virtio")]
INTERFACES = {"ide": "ide", "nvme": "nvme", "scsi": "scsi", "virtio": "virtio-blk"}
# The default config needs it, and another client switches it on before the daemon comes.
OTHERS = "dma_complete"
# The default config does not need it, and another client switches it on.
UNRELATED = "virtio_balloon_to_target"


def config(directory, metrics=None, qmp=True, start="beginning", **switches):
    """The default config's metrics, or others, over the logs in `directory`."""
    path = directory / "config.yaml"
    text = metrics or re.sub(r"^sources:\n  - path: .*\n", "",
                             (exporter.ROOT / "config/default.yaml").read_text(), flags=re.MULTILINE)
    source = {"path": f"{directory}/trace*.log", "start": start}
    if qmp:
        source["qmp"] = {"socket": f"{directory}/{{vm}}.qmp"} | switches
    path.write_text(f"sources: [{json.dumps(source)}]\n{text}")
    return f"--config.file={path}"


def machine(directory, *options):
    """With a QMP socket for the daemon beside that of the test."""
    return qemu.Machine(directory, DISKS, ["-qmp", f"unix:{directory}/trace.qmp,server=on,wait=off", *options],
                        "workload=steady")


def events(guest, names):
    """Those of these that are on."""
    return {name for name in names
            if [event["state"] for event in guest.qmp("trace-event-get-state", name=name)] == ["enabled"]}


def needed(*arguments):
    """What the config needs and this QEMU has."""
    options = qemu.trace_options(*arguments)
    return {name for option, name in zip(options, options[1:]) if option == "-trace"} - {"ide_bus_exec_cmd"}


def switched_on(daemon):
    """What the daemon says that it has switched on."""
    sockets = json.loads(daemon.request("/api/v1/status")[2])["qmp"]
    return set().union(*(entry["switched_on"] for entry in sockets))


class QmpTest(unittest.TestCase):
    """The scenario runs once; each test then looks at one side of what it left behind."""

    maxDiff = 4000

    @classmethod
    def setUpClass(cls):
        cls.directory = pathlib.Path(cls.enterClassContext(tempfile.TemporaryDirectory(prefix="qte-qmp-")))
        qemu.make_guest()
        cls.flags = [config(cls.directory, switch_off_at_exit=True), f"--state.path={cls.directory / 'state'}"]
        cls.needed = needed(cls.flags[0])
        with machine(cls.directory) as guest:
            guest.wait_for_guest()
            cls.images = {str(guest.image(disk)): INTERFACES[disk.interface] for disk in DISKS}
            # So that nothing is in flight, and both accounts begin at the same request.
            guest.qmp("stop")
            cls.log_before = guest.log.read_bytes()
            for name in (OTHERS, UNRELATED):
                guest.qmp("trace-event-set-state", name=name, enable=True)
            cls.count(guest)
            cls.come_and_go(guest)
        with exporter.Daemon(*cls.flags) as daemon:
            cls.start_again(daemon)
            with machine(cls.directory, "-S") as guest:
                cls.start_again(daemon, guest)

    @classmethod
    def count(cls, guest):
        """What the daemon counts beside what QEMU counts; then it is killed, and another one continues."""
        with exporter.Daemon(*cls.flags) as daemon:
            cls.wait_until_on(daemon)
            cls.on = events(guest, cls.needed)
            cls.ours = switched_on(daemon)
            before = guest.block_statistics()
            guest.qmp("cont")
            process.wait_until(lambda: all(
                after["rd_operations"] > before[image]["rd_operations"] + 20 and
                after["wr_operations"] > before[image]["wr_operations"] + 10
                for image, after in guest.block_statistics().items()), "the guest to read and write", 60)
            guest.qmp("stop")
            after = guest.block_statistics()
            cls.truth = {image: {name: after[image][name] - before[image][name] for name in after[image]
                                 if isinstance(after[image][name], int)} for image in cls.images}
            daemon.wait_for_bytes(guest.log.stat().st_size)
            cls.metrics = daemon.metrics()
            cls.wait_for_checkpoint(daemon)
            daemon.kill()
        with exporter.Daemon(*cls.flags) as daemon:
            cls.wait_until_on(daemon)
            cls.ours_after_kill = switched_on(daemon)
            cls.probes_after_kill = cls.probes(guest)
            cls.exit_code = daemon.stop()
        cls.left_on = events(guest, cls.needed | {UNRELATED})

    @staticmethod
    def devices_of(metrics):
        return {labels["device"] for name in ("block_reads", "block_writes", "dma_reads")
                for labels, _ in metrics.series(f"qemu_{name}_total")}

    @classmethod
    def come_and_go(cls, guest):
        """Another config, and none, while the guest runs."""
        guest.qmp("cont")
        with exporter.Daemon(config(cls.directory, start="end")) as daemon:
            cls.wait_until_on(daemon)
            daemon.wait_for_metrics(lambda m: len(cls.devices_of(m)) >= len(cls.images) and
                                    m.total("qemu_block_reads_total") > 30, "reads of all disks of a running guest", 60)
            cls.devices = cls.devices_of(daemon.metrics())
            config(cls.directory, "metrics: [{name: x_total, type: counter, help: x, event: pci_cfg_read}]")
            daemon.process.send_signal(signal.SIGHUP)
            daemon.wait_for_metrics(lambda m: m.total(OWN + "qmp_events_enabled") == 1, "the new config's event alone")
            cls.on_after_reload = events(guest, cls.needed | {UNRELATED})
            config(cls.directory, qmp=False)
            daemon.process.send_signal(signal.SIGHUP)
            daemon.wait_for_metrics(lambda m: not m.series(OWN + "qmp_up"), "no socket")
            cls.on_without_qmp = events(guest, cls.needed | {UNRELATED})
        config(cls.directory, switch_off_at_exit=True)

    @classmethod
    def start_again(cls, daemon, guest=None):
        """QEMU ends and another one comes, at the same paths."""
        if guest is None:
            daemon.wait_for_metrics(lambda m: m.value(OWN + "qmp_up", path=f"{cls.directory}/trace.qmp") == 0,
                                    "the daemon to notice that nobody answers")
            return
        cls.wait_until_on(daemon)
        cls.on_again = events(guest, cls.needed)
        cls.image_names_again = len(cls.probes(guest))
        daemon.stop()
        cls.left_on_again = events(guest, cls.needed)

    @classmethod
    def wait_until_on(cls, daemon):
        daemon.wait_for_metrics(lambda m: m.total(OWN + "qmp_events_enabled") == len(cls.needed) and
                                m.total(OWN + "qmp_up") == 1, "all events to be on")

    @staticmethod
    def wait_for_checkpoint(daemon):
        name = OWN + "checkpoint_last_success_timestamp_seconds"
        for _ in range(2):
            before = daemon.metrics().value(name) or 0
            daemon.wait_for_metrics(lambda m: (m.value(name) or 0) > before, "a checkpoint")

    @staticmethod
    def probes(guest):
        return [line for line in guest.log.read_text(errors="replace").splitlines() if " bytes 0 flags" in line]

    def by_image(self, metric):
        found = {}
        for labels, value in self.metrics.series(metric, vm="trace"):
            if value:
                self.assertEqual(labels.get("interface", self.images.get(labels["device"])),
                                 self.images.get(labels["device"]), labels)
                found[labels["device"]] = value
        return found

    def test_qemu_said_nothing_before(self):
        self.assertNotIn(b":blk_", self.log_before)

    def test_block_requests_are_qemus(self):
        for metric, statistic in (("qemu_block_read_bytes_total", "rd_bytes"), ("qemu_block_reads_total", "rd_operations"),
                                  ("qemu_block_written_bytes_total", "wr_bytes"),
                                  ("qemu_block_writes_total", "wr_operations")):
            self.assertEqual(self.by_image(metric), {i: t[statistic] for i, t in self.truth.items()}, metric)

    def test_dma_bytes_are_qemus(self):
        for metric, statistic in (("qemu_dma_read_bytes_total", "rd_bytes"), ("qemu_dma_written_bytes_total", "wr_bytes")):
            want = {i: t[statistic] for i, t in self.truth.items() if self.images[i] != "virtio-blk"}
            self.assertEqual(self.by_image(metric), want, metric)

    def test_durations_and_what_is_open(self):
        for way in ("read", "write"):
            self.assertEqual(self.metrics.total(f"qemu_block_{way}_duration_seconds_count"),
                             self.metrics.total(f"qemu_block_{way}s_total"))
        for name in ("open_spans", "spans_abandoned_total", "unparsed_lines_total"):
            self.assertEqual(self.metrics.total(OWN + name), 0, name)

    def test_exactly_what_is_needed_is_on(self):
        self.assertEqual(self.on, self.needed)
        self.assertEqual(self.ours, self.needed - {OTHERS})

    def test_a_later_daemon_knows_what_is_its_own_and_the_names(self):
        self.assertEqual(self.ours_after_kill, self.needed - {OTHERS})
        self.assertEqual(len(self.probes_after_kill), len(DISKS))

    def test_at_the_exit_what_others_switched_on_stays_on(self):
        self.assertEqual(self.exit_code, 0)
        self.assertEqual(self.left_on, {OTHERS, UNRELATED})

    def test_disks_of_a_running_guest_have_their_names_from_the_first_request(self):
        self.assertEqual(self.devices, set(self.images))

    def test_a_reload_switches_off_what_is_needed_no_longer(self):
        self.assertEqual(self.on_after_reload, {"pci_cfg_read", OTHERS, UNRELATED})
        self.assertEqual(self.on_without_qmp, {OTHERS, UNRELATED})

    def test_another_qemu_is_switched_on_again(self):
        self.assertEqual(self.on_again, self.needed)
        self.assertEqual(self.image_names_again, len(DISKS))
        self.assertEqual(self.left_on_again, set())


class UnreachableTest(unittest.TestCase):
    """A socket that cannot be used is a metric and a line of the log, nothing more."""

    def setUp(self):
        self.directory = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory(prefix="qte-qmp-")))
        self.log = self.directory / "trace.log"
        self.log.write_bytes(b"ps2_put_keycode 0x1 keycode 0x34\n")

    def check(self, reason, words):
        with exporter.Daemon(config(self.directory)) as daemon:
            metrics = daemon.wait_for_metrics(
                lambda m: m.total(OWN + "qmp_failures_total", reason=reason) >= 4, f"failures: {reason}")
            self.assertEqual(metrics.value(OWN + "qmp_up", path=f"{self.directory}/trace.qmp"), 0)
            self.assertEqual(metrics.value(OWN + "qmp_events_enabled", path=f"{self.directory}/trace.qmp"), 0)
            self.assertEqual(metrics.total("qemu_keyboard_keycodes_total"), 1)
            self.assertEqual(daemon.status("/-/ready"), 200)
            self.assertEqual(daemon.stop(), 0)
            told = [line for line in daemon.log().splitlines() if "trace.qmp" in line]
            self.assertEqual(len(told), 1, daemon.log())
            self.assertIn(words, told[0])

    def test_a_socket_that_is_not_there(self):
        self.check("unreachable", "No such file or directory; is QEMU running, with -qmp unix:PATH,server=on,wait=off?")

    def test_a_socket_that_speaks_something_else(self):
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(str(self.directory / "trace.qmp"))
            server.listen(100)
            # Ends with the socket.
            threading.Thread(target=self.greet, args=(server,), daemon=True).start()
            self.check("protocol", "not a QMP socket")
            server.shutdown(socket.SHUT_RDWR)

    @staticmethod
    def greet(server):
        while True:
            try:
                client, _ = server.accept()
            except OSError:
                return
            with client:
                client.sendall(b"QEMU 7.2.22 monitor - type 'help' for more information\r\n")


if __name__ == "__main__":
    parts.need("qemu-system-x86_64")
    unittest.main(verbosity=2)
