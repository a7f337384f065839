"""A real QEMU with disks, a daemon that follows its trace, and what both say of each disk."""

import contextlib
import os
import shutil
import unittest

import exporter
import qemu
import qemu_log

# What is compared: the metric, and what QEMU calls it.
READS = {"qemu_block_reads_total": "rd_operations", "qemu_block_read_bytes_total": "rd_bytes"}
WRITES = {"qemu_block_writes_total": "wr_operations", "qemu_block_written_bytes_total": "wr_bytes"}
TRANSFERS = {**READS, **WRITES}
FLUSHES = "qemu_block_flushes_total"
UNMAPS = "qemu_block_unmaps_total"
ERRORS = "qemu_block_errors_total"
FAILED = ("failed_rd_operations", "failed_wr_operations", "failed_flush_operations")

REPORTS = "rerror=report,werror=report"
BAD_SECTOR = 40960
BAD_BLOCK = BAD_SECTOR // 8


class Account:
    """QEMU's numbers and the daemon's at one moment at which nothing is under way, by what QEMU calls the image."""

    def __init__(self, machine, daemon):
        machine.qmp("stop")
        self.truth = {str(image): statistics for image, statistics in machine.block_statistics().items()}
        self.metrics = daemon.wait_for_bytes(machine.log.stat().st_size)
        machine.qmp("cont")

    def expected(self, statistic, *images):
        return sum(self.truth[image][statistic] for image in images)

    def failed(self, image):
        return sum(self.truth[image][statistic] for statistic in FAILED)

    def found(self, metric, *images):
        return sum(self.metrics.total(metric, device=image) for image in images)


class Machine(contextlib.ExitStack):
    """QEMU, its guest and a daemon that follows its trace."""

    def __init__(self, directory, disks, options, **machine_options):
        super().__init__()
        self._arguments = (directory, disks, qemu.trace_options() + options)
        self._options = machine_options

    def __enter__(self):
        super().__enter__()
        with contextlib.ExitStack() as undo:
            undo.push(self.__exit__)
            self.machine = qemu.Machine(*self._arguments, **self._options)
            self.daemon = self.enter_context(exporter.Daemon(f"--trace.path={self.machine.log}"))
            self.daemon.wait_ready()
            self.enter_context(self.machine)
            self.machine.wait_for_guest()
            undo.pop_all()
        return self

    def __exit__(self, *error):
        if keep := os.environ.get("QTE_KEEP_LOGS"):  # for a look at what went wrong
            shutil.copy(self.machine.log, keep)
        return super().__exit__(*error)

    def paths(self, disks):
        """Where the guest has them, by name."""
        found = self.run(f"for size in {' '.join(str(disk.size) for disk in disks)}; do disk_of $size || echo -; done")
        return {disk.name: path for disk, path in zip(disks, found.split(), strict=True)}

    def run(self, *commands):
        return self.machine.run("; ".join(commands))

    def account(self):
        return Account(self.machine, self.daemon)

    def log(self):
        return qemu_log.Log(self.machine.log.read_text())


class DisksTest(unittest.TestCase):
    """What the tests of both machines have in common. Subclasses set DISKS and `files`: what QEMU calls the images, by
    the disk's name."""

    def assert_transfers(self, account, names, metrics=TRANSFERS):
        for metric, statistic in metrics.items():
            self.assertEqual({name: account.found(metric, self.files[name]) for name in names},
                             {name: account.expected(statistic, self.files[name]) for name in names}, metric)

    def assert_interfaces(self, account, disks):
        """No device shows under another interface than its own."""
        interfaces = {"ide": "ide", "nvme": "nvme", "scsi": "scsi", "virtio": "virtio-blk"}
        for disk in disks:
            found = {labels["interface"] for metric in [*TRANSFERS, FLUSHES, ERRORS]
                     for labels, value in account.metrics.series(metric, device=self.files[disk.name]) if value}
            self.assertEqual(found, {interfaces[disk.interface]}, disk.name)

    def assert_at_rest(self, account):
        for metric in ("qemu_trace_exporter_open_spans", "qemu_trace_exporter_spans_abandoned_total",
                       "qemu_block_requests_in_flight", "qemu_trace_exporter_unparsed_lines_total"):
            self.assertEqual([series for series in account.metrics.series(metric) if series[1]], [], metric)
