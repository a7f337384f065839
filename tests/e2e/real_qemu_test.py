#!/usr/bin/env python3
"""Everything real: QEMU boots a guest with five disks, the daemon follows its trace while it is written, Prometheus
scrapes the daemon, keys are pressed. The numbers must be QEMU's own (query-blockstats), to the byte, and those of a
second reader of the same log."""

import pathlib
import sys
import tempfile
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
import exporter
import parts
import process
import prometheus
import qemu
import qemu_log

# What the default config does not need, and the truth does: what virtio-blk merged, and keys as the keyboard sees them.
TRUTH_EVENTS = ["virtio_blk_submit_multireq", "ps2_keyboard_event"]

# On its own channel, on which the guest is told to do without DMA.
PIO = qemu.Disk("pio0", "ide", channel=1, size=8 << 20)
DISKS = [qemu.Disk("ide0", "ide"), PIO, qemu.Disk("nvme0", "nvme"), qemu.Disk("scsi0", "scsi"),
         qemu.Disk("virtio0", "virtio")]
# As the label `interface` shows them.
INTERFACES = {"ide": "ide", "nvme": "nvme", "scsi": "scsi", "virtio": "virtio-blk"}

# One chord a line: single keys, modifiers, extended keys, and the two with codes of their own.
CHORDS = [["a"], ["q"], ["shift", "b"], ["ctrl", "alt", "f1"], ["up"], ["kp_divide"], ["ret"], ["pause"], ["print"],
          ["caps_lock"], ["ctrl_r", "delete"]]


class RealQemuTest(unittest.TestCase):
    """The scenario runs once; each test then looks at one side of what it left behind."""

    @classmethod
    def setUpClass(cls):
        cls.directory = pathlib.Path(cls.enterClassContext(tempfile.TemporaryDirectory(prefix="qte-real-qemu-")))
        qemu.make_guest()
        options = qemu.trace_options() + [part for event in TRUTH_EVENTS for part in ("-trace", event)]
        machine = qemu.Machine(cls.directory, DISKS, options, "libata_options=force=2:pio4")
        # The daemon is there first: the log appears later, as with a sidecar.
        with exporter.Daemon(f"--trace.path={machine.log}") as daemon, \
                prometheus.Prometheus(cls.directory, daemon.port) as server:
            daemon.wait_ready()
            with machine:
                cls.run_scenario(machine, daemon)
                cls.collect(machine, daemon, server)
            started = time.monotonic()
            cls.exit_code = daemon.stop()
            cls.exit_seconds = time.monotonic() - started
            cls.daemon_log = daemon.log()

    @classmethod
    def run_scenario(cls, machine, daemon):
        daemon.wait_for_metrics(lambda m: m.total("qemu_pci_config_reads_total") > 0, "the first PCI access, live", 60)
        machine.wait_for_guest()
        for chord in CHORDS:
            machine.press(*chord)
        # send-key holds its keys for a while, and returns before it lets go of them.
        machine.qmp("send-key", keys=[{"type": "qcode", "data": "x"}], **{"hold-time": 20})
        cls.pressed = sum(map(len, CHORDS)) + 1
        process.wait_until(lambda: qemu_log.Log(machine.log.read_text()).keys_up() >= cls.pressed, "all keys to be up")
        # Ends what is in flight, so that the account stands still.
        machine.qmp("stop")

    @classmethod
    def collect(cls, machine, daemon, server):
        cls.truth = machine.block_statistics()
        cls.log = qemu_log.Log(machine.log.read_text())
        cls.log_path = machine.log
        cls.log_bytes = machine.log.stat().st_size
        cls.images = {disk.name: str(machine.image(disk)) for disk in DISKS}
        daemon.wait_for_bytes(cls.log_bytes)
        cls.healthy = daemon.status("/-/healthy")
        cls.ready = daemon.status("/-/ready")
        cls.text = daemon.text()
        cls.metrics = daemon.metrics()
        cls.server = cls.scraped(server)

    @classmethod
    def scraped(cls, server):
        """The same series through Prometheus, once it has scraped the last of them."""
        def known_by(name, labels):
            # OpenMetrics, which Prometheus asks for, writes 512.0 where the text format has 512.
            return name, tuple(sorted((key, str(float(text)) if key == "le" else text) for key, text in labels))

        wanted = {known_by(*key): value for key, value in cls.own_samples(cls.metrics).items()}

        def look():
            found = {}
            # OpenMetrics also tells when a counter or histogram began.
            for labels, value in server.query('{__name__=~"qemu_.+", __name__!~"qemu_trace_exporter_.+|.+_created"}').items():
                own = [(key, text) for key, text in labels if key not in ("__name__", "job", "instance")]
                found[known_by(dict(labels)["__name__"], own)] = value
            return found if found == wanted else None
        try:
            return process.wait_until(look, "Prometheus to hold the same series", 20, interval=0.5)
        except TimeoutError as error:
            return error

    @staticmethod
    def own_samples(metrics):
        """The samples of the guest's metrics, without the exporter's and the process's own."""
        return {key: value for key, value in metrics.samples.items()
                if key[0].startswith("qemu_") and not key[0].startswith("qemu_trace_exporter_")}

    def dma_bytes(self, metric):
        return {name: self.metrics.total(metric, device=image, vm="trace") for name, image in self.images.items()}

    def block(self, metric):
        """Values of a qemu_block_* metric by disk; those of other devices or interfaces would show under their own."""
        found = {(labels["interface"], labels["device"]): value for labels, value in self.metrics.series(metric) if value}
        names = {(INTERFACES[disk.interface], self.images[disk.name]): disk.name for disk in DISKS}
        return {names.get(key, key): value for key, value in found.items()}

    def statistics(self, name):
        """QEMU's own account by disk."""
        return {disk: self.truth[image][name] for disk, image in self.images.items() if self.truth[image][name]}

    def truth_bytes(self, statistic, sector_event):
        """QEMU's account less what went by programmed I/O, which it counts as well, and virtio-blk's, which is not DMA in
        QEMU's sense."""
        by_hand = self.log.programmed_io_bytes(sector_event)
        return {name: 0 if name == "virtio0" else self.truth[image][statistic] - by_hand[image]
                for name, image in self.images.items()}

    def test_the_guest_did_what_this_test_is_about(self):
        for name, image in self.images.items():
            self.assertGreater(self.truth[image]["rd_bytes"], 6 << 20, name)
            self.assertGreater(self.truth[image]["wr_bytes"], 2 << 20, name)
        self.assertGreater(self.log.programmed_io_bytes("ide_sector_read")[self.images["pio0"]], 6 << 20)

    def test_dma_read_bytes_are_qemus(self):
        self.assertEqual(self.dma_bytes("qemu_dma_read_bytes_total"), self.truth_bytes("rd_bytes", "ide_sector_read"))

    def test_dma_written_bytes_are_qemus(self):
        self.assertEqual(self.dma_bytes("qemu_dma_written_bytes_total"),
                         self.truth_bytes("wr_bytes", "ide_sector_write"))

    def test_no_dma_bytes_go_to_other_devices(self):
        for metric in ("qemu_dma_read_bytes_total", "qemu_dma_written_bytes_total"):
            self.assertEqual(self.metrics.total(metric), sum(self.dma_bytes(metric).values()), metric)

    def test_dma_operations_and_histograms_agree(self):
        operations = (self.metrics.total("qemu_dma_reads_total") + self.metrics.total("qemu_dma_writes_total"))
        self.assertEqual(operations, self.log.events()["dma_blk_io"])
        for way, bytes_metric in (("read", "qemu_dma_read_bytes_total"), ("write", "qemu_dma_written_bytes_total")):
            count = self.metrics.total(f"qemu_dma_{way}s_total")
            self.assertEqual(self.metrics.total(f"qemu_dma_{way}_size_bytes_count"), count)
            self.assertEqual(self.metrics.total(f"qemu_dma_{way}_duration_seconds_count"), count)
            self.assertEqual(self.metrics.total(f"qemu_dma_{way}_size_bytes_sum"), self.metrics.total(bytes_metric))
            self.assertGreater(self.metrics.total(f"qemu_dma_{way}_duration_seconds_sum"), 0)

    def test_block_requests_are_qemus(self):
        for metric, statistic in (("qemu_block_read_bytes_total", "rd_bytes"),
                                  ("qemu_block_written_bytes_total", "wr_bytes"),
                                  ("qemu_block_reads_total", "rd_operations"),
                                  ("qemu_block_writes_total", "wr_operations"),
                                  ("qemu_block_read_size_bytes_sum", "rd_bytes"),
                                  ("qemu_block_write_size_bytes_count", "wr_operations")):
            self.assertEqual(self.block(metric), self.statistics(statistic), metric)

    def test_block_flushes_are_qemus(self):
        truth = self.statistics("flush_operations")
        self.assertTrue(truth.get("virtio0") and truth.get("ide0") and truth.get("scsi0"), truth)
        # QEMU's statistics leave out NVMe's flushes, and its front end does not.
        self.assertNotIn("nvme0", truth)
        truth["nvme0"] = self.log.nvme_flushes()
        self.assertEqual(self.block("qemu_block_flushes_total"), truth)

    def test_merged_virtio_requests_count_one_by_one(self):
        for way, short in (("read", "rd"), ("write", "wr")):
            merged = self.log.merged(way)
            self.assertEqual(self.statistics(f"{short}_merged").get("virtio0", 0), merged)
            handled = self.log.events()[f"virtio_blk_handle_{way}"]
            self.assertEqual(self.block(f"qemu_block_{way}s_total")["virtio0"], handled)
            # What is left of them at the block layer.
            self.assertEqual(self.log.requests_of(self.images["virtio0"], way), handled - merged, way)
        self.assertGreater(self.log.merged("read") + self.log.merged("write"), 0, "nothing was merged")

    def test_block_durations_are_near_qemus(self):
        for way, short in (("read", "rd"), ("write", "wr")):
            found = self.block(f"qemu_block_{way}_duration_seconds_sum")
            counts = self.block(f"qemu_block_{way}_duration_seconds_count")
            for disk in DISKS:
                if disk == PIO:
                    self.assertNotIn(disk.name, counts, "QEMU logs no end of programmed I/O")
                    continue
                truth = self.truth[self.images[disk.name]][f"{short}_total_time_ns"] / 1e9
                by_hand = 1 if (disk.name, way) == ("ide0", "read") else 0  # the firmware's
                self.assertEqual(counts[disk.name] + by_hand, self.block(f"qemu_block_{way}s_total")[disk.name])
                self.assertLess(truth / 10, found[disk.name], (disk.name, way))
                self.assertLess(found[disk.name], truth * 10, (disk.name, way))

    def test_no_block_request_failed_or_is_in_flight(self):
        self.assertEqual(self.block("qemu_block_errors_total"), {})
        in_flight = {labels["device"] for labels, value in self.metrics.series("qemu_block_requests_in_flight")}
        self.assertEqual(in_flight, set(self.images.values()))
        self.assertEqual(self.block("qemu_block_requests_in_flight"), {})
        self.assertEqual(self.metrics.total("qemu_trace_exporter_open_spans", span="block_request"), 0)
        self.assertEqual(self.metrics.total("qemu_trace_exporter_spans_abandoned_total", span="block_request"), 0)

    def test_keystrokes_are_the_keys_pressed(self):
        self.assertEqual(self.log.keys_down(), self.pressed)
        self.assertEqual(self.metrics.total("qemu_keyboard_keystrokes_total"), self.pressed)
        self.assertEqual(self.metrics.total("qemu_keyboard_keycodes_total"), self.log.events()["ps2_put_keycode"])

    def test_pci_accesses_are_those_of_the_log(self):
        for metric, event in (("qemu_pci_config_reads_total", "pci_cfg_read"),
                              ("qemu_pci_config_writes_total", "pci_cfg_write")):
            found = {(labels["device"], labels["address"]): value
                     for labels, value in self.metrics.series(metric, vm="trace") if value}
            self.assertEqual(found, dict(self.log.pci(event)), metric)

    def test_every_event_and_line_is_counted(self):
        found = {labels["event"]: value for labels, value in self.metrics.series("qemu_trace_events_total") if value}
        self.assertEqual(found, dict(self.log.events()))
        self.assertEqual(self.metrics.total("qemu_trace_exporter_lines_total"), self.log.line_count)
        self.assertEqual(self.metrics.total("qemu_trace_exporter_read_bytes_total"), self.log_bytes)
        self.assertEqual(self.metrics.total("qemu_trace_exporter_lost_bytes_total"), 0)

    def test_no_line_is_unparsed(self):
        self.assertTrue(self.metrics.series("qemu_trace_exporter_unparsed_lines_total"), "the reasons stand at 0")
        unparsed = self.metrics.series("qemu_trace_exporter_unparsed_lines_total")
        self.assertEqual([labels for labels, value in unparsed if value], [])

    def test_prometheus_holds_the_same_series(self):
        if isinstance(self.server, Exception):
            raise self.server
        self.assertTrue(self.server)

    def test_promtool_has_no_complaint(self):
        self.assertEqual(prometheus.check_metrics(self.text), "")

    def test_replay_gives_the_numbers_of_the_live_run(self):
        # QEMU may have said more while it ended.
        data = self.log_path.read_bytes()[:self.log_bytes]
        copy = self.directory / "copy" / "trace.log"
        copy.parent.mkdir()
        copy.write_bytes(data)
        self.assertEqual(self.own_samples(exporter.replay(copy)), self.own_samples(self.metrics))

    def test_daemon_is_healthy_and_ends_well(self):
        self.assertEqual((self.healthy, self.ready), (200, 200))
        self.assertEqual(self.exit_code, 0, self.daemon_log)
        self.assertLess(self.exit_seconds, 5)


if __name__ == "__main__":
    parts.need("qemu-system-x86_64", "prometheus", "cpio")
    unittest.main(verbosity=2)
