#!/usr/bin/env python3
"""Disks of all kinds behind a real QEMU, busy side by side, failing, zeroed, plugged and unplugged, snapshotted and
changed: what the daemon says of each of them is what QEMU's own account (query-blockstats) says, to the byte."""

import pathlib
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
import parts
import process
import qemu
from disks import BAD_BLOCK, BAD_SECTOR, ERRORS, FLUSHES, READS, REPORTS, TRANSFERS, UNMAPS, WRITES, DisksTest, Machine


class BusyDisksTest(DisksTest):
    """A q35 with two vCPUs and disks behind every controller that its guest has a driver for: all at once, at the
    same offsets, and then each with a sector that cannot be read."""

    # The size tells the guest which is which.
    DISKS = [qemu.Disk("ahci0", "ide", channel=0, properties=REPORTS),
             qemu.Disk("ahci1", "ide", channel=1, properties=REPORTS),
             qemu.Disk("virtio0", "virtio", properties=f"iothread=thread0,{REPORTS}"),
             qemu.Disk("virtio1", "virtio", properties=f"iothread=thread1,{REPORTS}"),
             qemu.Disk("nvme0", "nvme"),
             qemu.Disk("nvme1", "nvme"),
             qemu.Disk("scsi0", "scsi", properties=REPORTS),
             # Another controller, whose units are numbered alike.
             qemu.Disk("scsi1", "scsi", device="scsi-hd,bus=threaded.0", properties=REPORTS),
             qemu.Disk("lsi0", "scsi", device="scsi-hd,bus=lsi.0,scsi-id=4", properties=REPORTS),
             qemu.Disk("lsi1", "scsi", device="scsi-hd,bus=lsi.0,scsi-id=5", properties=REPORTS),
             qemu.Disk("usb0", "scsi", device="usb-storage,bus=usb.0", properties=REPORTS)]
    for number, disk in enumerate(DISKS):
        disk.size += number << 20
        disk.fails_at = BAD_SECTOR
    OPTIONS = ["-smp", "2", "-object", "iothread,id=thread0", "-object", "iothread,id=thread1",
               "-device", "virtio-scsi-pci,id=threaded,iothread=thread1", "-device", "lsi53c895a,id=lsi",
               "-device", "qemu-xhci,id=usb"]
    NAMES = [disk.name for disk in DISKS]
    MERGING = ["virtio0", "virtio1"]
    NVME = ["nvme0", "nvme1"]
    # Linux' driver of the lsi53c895a does not survive that controller's report of an error.
    FAILING = [name for name in NAMES if name not in ("lsi0", "lsi1")]
    QUEUED = ["ahci0", "ahci1"]

    @classmethod
    def setUpClass(cls):
        directory = pathlib.Path(cls.enterClassContext(tempfile.TemporaryDirectory(prefix="qte-busy-disks-")))
        qemu.make_guest("amd64")
        with Machine(directory, cls.DISKS, cls.OPTIONS, guest_parameters="workload=commands", machine="q35",
                     kernel="amd64") as host:
            cls.files = {disk.name: str(host.machine.file(disk)) for disk in cls.DISKS}
            paths = host.paths(cls.DISKS)
            # Each a little less than the one before, so that numbers that were swapped show.
            cls.counts = {name: 60 - 3 * number for number, name in enumerate(cls.NAMES)}
            host.run(*(f"busy {paths[name]} {count}" for name, count in cls.counts.items()), "wait")
            host.run(" & ".join(f"batch {paths[name]}" for name in cls.MERGING), "wait")
            cls.busy = host.account()
            for name in cls.FAILING:
                host.run(f"fails {paths[name]} {BAD_BLOCK}")
            cls.failed = host.account()
            cls.nvme_flushes = host.log().nvme_flushes()
            cls.events = host.log().events()

    def test_all_were_busy(self):
        for name, count in self.counts.items():
            for statistic in ("rd_bytes", "wr_bytes"):
                self.assertGreaterEqual(self.busy.expected(statistic, self.files[name]), count * (68 << 10), name)
        for name in self.MERGING:
            self.assertGreater(sum(self.busy.expected(merged, self.files[name])
                                   for merged in ("rd_merged", "wr_merged")), 0, name)
        self.assertGreater(self.events["process_ncq_command"], sum(self.counts[name] for name in self.QUEUED))

    def test_reads_and_writes_of_all_at_once(self):
        self.assert_transfers(self.busy, self.NAMES)
        self.assert_interfaces(self.busy, self.DISKS)

    def test_flushes(self):
        alone = [name for name in self.NAMES if name not in self.NVME]
        self.assertEqual({name: self.busy.found(FLUSHES, self.files[name]) for name in alone},
                         {name: self.busy.expected("flush_operations", self.files[name]) for name in alone})

    def test_flushes_of_disks_that_are_numbered_alike(self):
        # QEMU's account leaves out NVMe's, its front end does not.
        images = [self.files[name] for name in self.NVME]
        self.assertEqual(self.busy.expected("flush_operations", *images), 0)
        self.assertEqual(self.busy.found(FLUSHES, "nsid 1", *images), self.nvme_flushes)

    def test_failures(self):
        names = [name for name in self.NAMES if name not in self.QUEUED]
        self.assert_transfers(self.failed, names)
        truth = {name: self.failed.failed(self.files[name]) for name in names}
        self.assertEqual([name for name in self.FAILING if not truth.get(name, True)], [])
        self.assertEqual({name: self.failed.found(ERRORS, self.files[name]) for name in names}, truth)

    def test_failures_of_queued_commands(self):
        """QEMU counts NCQ commands that failed among those that succeeded, with their bytes (ncq_finish)."""
        for name in self.QUEUED:
            image = self.files[name]
            more = self.failed.found(ERRORS, image) - self.failed.failed(image)
            self.assertGreater(more, 0)
            for operations, size in (READS, WRITES):
                done = self.failed.expected(TRANSFERS[operations], image) - self.failed.found(operations, image)
                written = self.failed.expected(TRANSFERS[size], image) - self.failed.found(size, image)
                self.assertEqual(written, done * 4096, (name, operations))
                more -= done
            self.assertEqual(more, 0, name)

    def test_nothing_is_left_over(self):
        self.assert_at_rest(self.failed)


class ChangingDisksTest(DisksTest):
    """A PC whose disks fail, are zeroed and trimmed, come and go, and change what is under them."""

    DISKS = [qemu.Disk("ide0", "ide", properties=REPORTS, fails_at=BAD_SECTOR, fails_flush=True),
             qemu.Disk("ide1", "ide", channel=1, properties=f"{REPORTS},discard_granularity=512"),
             qemu.Disk("virtio0", "virtio"), qemu.Disk("nvme0", "nvme"), qemu.Disk("scsi0", "scsi"),
             qemu.Disk("virtio1", "virtio", properties=REPORTS, fails_at=BAD_SECTOR, fails_flush=True),
             qemu.Disk("scsi1", "scsi", properties=REPORTS, fails_at=BAD_SECTOR, fails_flush=True),
             # The guest is told to do without DMA.
             qemu.Disk("pio0", "ide", device="ide-hd,bus=ide.0,unit=1", properties=REPORTS, fails_at=BAD_SECTOR)]
    for number, disk in enumerate(DISKS):
        disk.size += number << 20
    NAMES = [disk.name for disk in DISKS if disk.name != "pio0"]
    FAILING = ["ide0", "virtio1", "scsi1", "pio0"]
    # Plugged in one after the other, under one name each.
    PLUGGED = {f"{interface}{number}": qemu.Disk(f"{interface}{number}", interface.removeprefix("hot-"),
                                                 size=(48 + 4 * number + len(interface)) << 20)
               for interface in ("hot-virtio", "hot-scsi") for number in (1, 2)}
    DEVICES = {"hot-virtio": {"driver": "virtio-blk-pci"}, "hot-scsi": {"driver": "scsi-hd", "bus": "scsi.0"}}
    # By the model that the guest sees.
    DRIVES = {"scsi": "CD-ROM", "ide": "DVD-ROM"}
    DISC_SIZES = (2 << 20, 3 << 20)

    @classmethod
    def setUpClass(cls):
        cls.directory = pathlib.Path(cls.enterClassContext(tempfile.TemporaryDirectory(prefix="qte-disks-")))
        qemu.make_guest()
        cls.discs = {interface: [str(cls.make_disc(f"{interface}-{size >> 20}.iso", size)) for size in cls.DISC_SIZES]
                     for interface in cls.DRIVES}
        drives = [part for interface, (disc, _) in cls.discs.items() for part in
                  ("-drive", f"file={disc},format=raw,if=none,id={interface}-drive,media=cdrom")]
        # A drive that is there before its bus has to name it.
        options = [*drives, "-device", "virtio-scsi-pci,id=discs", "-device",
                   "scsi-cd,id=scsi-cd,drive=scsi-drive,bus=discs.0", "-device",
                   "ide-cd,id=ide-cd,drive=ide-drive,bus=ide.1,unit=1"]
        parameters = "workload=commands libata_options=force=1.01:pio4"
        with Machine(cls.directory, cls.DISKS, options, guest_parameters=parameters) as host:
            cls.host, cls.machine = host, host.machine
            cls.files = {disk.name: str(host.machine.file(disk)) for disk in [*cls.DISKS, *cls.PLUGGED.values()]}
            cls.paths = host.paths(cls.DISKS)
            cls.make_fail()
            cls.make_zeroes()
            cls.plug()
            cls.snapshot()
            cls.change_discs()
            cls.end = host.account()

    @classmethod
    def make_disc(cls, name, size):
        path = cls.directory / name
        path.write_bytes(bytes(size))
        return path

    @classmethod
    def make_fail(cls):
        disks = [cls.paths[name] for name in cls.FAILING]
        cls.host.run(*(f"busy {disk} 16" for disk in disks), "wait")
        cls.busy = cls.host.account()
        for disk in disks:
            cls.host.run(f"fails {disk} {BAD_BLOCK}")
        cls.failed = cls.host.account()

    @classmethod
    def make_zeroes(cls):
        for name in ("virtio0", "scsi0", "nvme0", "ide1"):
            disk = cls.paths[name]
            # In one command, in several, and in a small one; ranges that are given up before and after.
            cls.host.run(f"blkdiscard -o {1 << 20} -l {1 << 20} {disk}", f"zeroout {disk} {4 << 20} {3 << 20} && "
                         f"zeroout {disk} 8192 4096 && blkdiscard -o {16 << 20} -l 65536 {disk}")
        cls.zeroed = cls.host.account()

    @classmethod
    def plug(cls):
        cls.plugged = {}
        for kind, device in cls.DEVICES.items():
            for number in (1, 2):
                disk = cls.PLUGGED[f"{kind}{number}"]
                cls.machine.make_image(disk)
                cls.machine.qmp("blockdev-add", driver="raw", **{"node-name": kind},
                                file={"driver": "file", "filename": cls.files[disk.name]})
                cls.machine.qmp("device_add", id=kind, drive=kind, **device)
                path = cls.host.run(f"disk_of {disk.size}")
                # Beside one that stays, at the same offsets.
                cls.host.run(f"busy {path} {10 + number}", f"busy {cls.paths['virtio0']} 20", "wait")
                cls.plugged[disk.name] = cls.host.account()
                cls.machine.qmp("device_del", id=kind)
                process.wait_until(lambda: cls.is_released(kind), f"{kind} to be unplugged")
                cls.host.run(f"gone {path}")

    @classmethod
    def is_released(cls, node):
        """Whether the guest has let go of it: then it is gone."""
        try:
            cls.machine.qmp("blockdev-del", **{"node-name": node})
            return True
        except RuntimeError as error:
            if "in use" not in str(error):
                raise
            return False

    @classmethod
    def snapshot(cls):
        """While the disk is read and written."""
        cls.overlay = str(cls.directory / "overlay.qcow2")
        cls.before_snapshot = cls.host.account()
        cls.host.run(f"busy {cls.paths['virtio0']} 400")
        process.wait_until(cls.is_busy, "the guest to begin", interval=0.001)
        cls.machine.qmp("blockdev-snapshot-sync", device="virtio0", format="qcow2",
                        **{"snapshot-file": cls.overlay})
        cls.host.run("wait")
        cls.during_snapshot = cls.host.account()
        cls.host.run(f"busy {cls.paths['virtio0']} 20", "wait")
        cls.after_snapshot = cls.host.account()

    @classmethod
    def is_busy(cls):
        now = cls.machine.block_statistics()[cls.files["virtio0"]]
        before = cls.before_snapshot.truth[cls.files["virtio0"]]
        return all(now[statistic] > before[statistic] for statistic in TRANSFERS.values())

    @classmethod
    def change_discs(cls):
        cls.changed = {}
        for interface, model in cls.DRIVES.items():
            read = f"read_disc {model}"
            cls.host.run(read)
            first = cls.host.account()
            cls.machine.qmp("blockdev-change-medium", id=f"{interface}-cd", filename=cls.discs[interface][1],
                            format="raw")
            cls.host.run(read)
            cls.changed[interface] = (first, cls.host.account())

    def test_failures(self):
        self.assert_transfers(self.failed, self.NAMES)
        for name in self.FAILING:
            image = self.files[name]
            done, failed = (self.failed.expected(statistic, image) for statistic in
                            ("flush_operations", "failed_flush_operations"))
            # QEMU does not log the end of IDE's flushes: all of them count.
            flushes, errors = (done + failed, self.failed.failed(image) - failed) if name in ("ide0", "pio0") else (
                done, self.failed.failed(image))
            self.assertEqual(self.failed.found(FLUSHES, image), flushes, name)
            if name != "pio0":
                self.assertEqual(failed, 1, name)
                self.assertGreater(errors, 1, name)
                self.assertEqual(self.failed.found(ERRORS, image), errors, name)

    def test_failures_without_dma(self):
        """QEMU does not log that programmed I/O has failed: it counts with what has succeeded."""
        image = self.files["pio0"]
        self.assert_transfers(self.busy, ["pio0"])
        for (operations, size), way in ((READS, "rd"), (WRITES, "wr")):
            failed = self.failed.expected(f"failed_{way}_operations", image)
            self.assertGreater(failed, 0)
            self.assertEqual(self.failed.found(operations, image),
                             self.failed.expected(f"{way}_operations", image) + failed)
            self.assertEqual(self.failed.found(size, image), self.failed.expected(f"{way}_bytes", image) + failed * 4096)
        self.assertEqual(self.failed.found(ERRORS, image), 0)

    def test_zeroed_ranges(self):
        self.assertGreater(self.zeroed.expected("wr_bytes", self.files["virtio0"]), 3 << 20)
        self.assert_transfers(self.zeroed, self.NAMES)

    def test_discards(self):
        """QEMU's account leaves out those of virtio-blk and NVMe."""
        for name in ("scsi0", "ide1"):
            self.assertEqual(self.zeroed.expected("unmap_operations", self.files[name]), 2, name)
        found = {name: self.zeroed.found(UNMAPS, self.files[name]) for name in ("virtio0", "scsi0", "ide1")}
        self.assertEqual(set(found.values()), {2}, found)
        self.assertEqual(self.zeroed.found(UNMAPS, self.files["nvme0"], "nsid 1"), 2)

    def test_plugged_disks(self):
        for name, account in self.plugged.items():
            self.assertGreater(account.expected("wr_bytes", self.files[name]), 10 * (68 << 10))
            self.assert_transfers(account, [*self.NAMES, name])
            self.assertEqual(account.found(FLUSHES, self.files[name]),
                             account.expected("flush_operations", self.files[name]), name)
            # What was unplugged before stands still.
            for metric in TRANSFERS:
                self.assertEqual(self.end.found(metric, self.files[name]), account.found(metric, self.files[name]))

    def test_snapshot_while_busy(self):
        base = self.files["virtio0"]
        for metric, statistic in TRANSFERS.items():
            before = self.before_snapshot.expected(statistic, base)
            self.assertEqual(self.before_snapshot.found(metric, base), before, metric)
            self.assertGreater(self.during_snapshot.expected(statistic, self.overlay), before, "busy")
            # The disk keeps its label.
            for account in (self.during_snapshot, self.after_snapshot):
                self.assertEqual(account.found(metric, base), account.expected(statistic, self.overlay), metric)
                self.assertEqual(account.found(metric, self.overlay), 0, metric)

    def test_changed_disc_behind_scsi(self):
        one, other = self.discs["scsi"]
        before, after = self.changed["scsi"]
        for metric, statistic in READS.items():
            first = before.expected(statistic, one)
            self.assertGreater(first, 0)
            self.assertEqual(before.found(metric, one), first, metric)
            # QEMU's account is the drive's, and so is the label.
            self.assertEqual(after.found(metric, one), after.expected(statistic, other), metric)
            self.assertEqual(after.found(metric, other), 0, metric)

    def test_changed_disc_behind_ide(self):
        """QEMU counts answers by DMA (MODE SENSE, READ CAPACITY) among the reads, and logs no size of them."""
        one, other = self.discs["ide"]
        _, after = self.changed["ide"]
        answers = {metric: after.expected(statistic, other) - after.found(metric, one, other)
                   for metric, statistic in READS.items()}
        self.assertGreater(after.found("qemu_block_read_bytes_total", one, other), self.DISC_SIZES[0])
        self.assertTrue(all(value >= 0 for value in answers.values()), answers)
        self.assertLess(answers["qemu_block_read_bytes_total"], 2048, "less than a sector")

    def test_interfaces(self):
        self.assert_interfaces(self.end, self.DISKS)

    def test_nothing_is_left_over(self):
        self.assert_at_rest(self.end)


if __name__ == "__main__":
    parts.need("qemu-system-x86_64", "cpio")
    unittest.main(verbosity=2)
