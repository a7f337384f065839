#!/usr/bin/env python3
"""Real guests with disks behind one controller after another, and with block jobs under them: what the daemon says of
each disk is what QEMU's own account (query-blockstats) says."""

import pathlib
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
import parts
import process
import qemu
from disks import ERRORS, FLUSHES, TRANSFERS, DisksTest, Machine


def disk(name, device, properties="", **options):
    """Named after its controller; `device` is the -device, its driver alone tells the interface."""
    interface = {"nvme": "nvme", "ide-hd": "ide", "virtio-blk-pci": "virtio"}.get(device.split(",")[0].removesuffix("-ns"), "scsi")
    return qemu.Disk(name, interface, device=device, properties=properties, **options)


class ControllersTest(DisksTest):
    """Disks of all controllers of a machine, busy at once, at the same offsets."""

    MACHINE = "q35"
    DISKS = []
    OPTIONS = []
    # Disks of which no line of a flush tells the controller, and others are numbered alike.
    NUMBERED = ()
    # What dd does at the end of `busy`.
    CONVERSION = "fsync"

    @classmethod
    def setUpClass(cls):
        if cls is ControllersTest:
            raise unittest.SkipTest("what its subclasses share")
        directory = pathlib.Path(cls.enterClassContext(tempfile.TemporaryDirectory(prefix="qte-matrix-")))
        # The guest knows them by their size.
        for number, one in enumerate(cls.DISKS):
            one.size = (32 + number) << 20
        qemu.make_guest("amd64")
        with Machine(directory, cls.DISKS, cls.OPTIONS, guest_parameters="workload=commands", machine=cls.MACHINE,
                     kernel="amd64") as host:
            cls.names = [one.name for one in cls.DISKS]
            cls.files = {one.name: str(host.machine.file(one)) for one in cls.DISKS}
            paths = host.paths(cls.DISKS)
            # Each a little less than the one before, so that numbers that were swapped show.
            cls.counts = {name: 50 - 3 * number for number, name in enumerate(cls.names)}
            host.run(*(f"busy {paths[name]} {count} {cls.CONVERSION}" for name, count in cls.counts.items()), "wait")
            cls.busy = host.account()
            cls.exercise(host, paths)
            cls.end = host.account()

    @classmethod
    def exercise(cls, host, paths):
        """More than all have to do."""

    def test_transfers(self):
        for name, count in self.counts.items():
            for statistic in ("rd_bytes", "wr_bytes"):
                self.assertGreaterEqual(self.busy.expected(statistic, self.files[name]), count * (68 << 10), name)
        for account in (self.busy, self.end):
            self.assert_transfers(account, self.names)

    def test_flushes(self):
        # QEMU's account leaves out NVMe's.
        names = [one.name for one in self.DISKS if one.interface != "nvme" and one.name not in self.NUMBERED]
        self.assertEqual({name: self.end.found(FLUSHES, self.files[name]) for name in names},
                         {name: self.end.expected("flush_operations", self.files[name]) for name in names})
        # All are there.
        numbers = [f"target {number} lun 0" for number in range(8)]
        self.assertEqual(self.end.found(FLUSHES, *numbers, *(self.files[name] for name in self.NUMBERED)),
                         self.end.expected("flush_operations", *(self.files[name] for name in self.NUMBERED)))

    def test_errors(self):
        self.assertEqual({name: self.end.found(ERRORS, self.files[name]) for name in self.names},
                         {name: self.end.failed(self.files[name]) for name in self.names})

    def test_no_other_disk(self):
        for metric in TRANSFERS:
            found = {labels["device"] for labels, value in self.end.metrics.series(metric) if value}
            self.assertLessEqual(found, set(self.files.values()), metric)
        self.assert_interfaces(self.end, self.DISKS)

    def test_nothing_is_left_over(self):
        self.assert_at_rest(self.end)


class HostBusAdaptersTest(ControllersTest):
    DISKS = [disk("megasas0", "scsi-hd,bus=megasas.0,scsi-id=0"), disk("megasas1", "scsi-hd,bus=megasas.0,scsi-id=1"),
             disk("pvscsi0", "scsi-hd,bus=pvscsi.0"), disk("pvscsi1", "scsi-hd,bus=pvscsi.0,scsi-id=1"),
             disk("am53c974", "scsi-hd,bus=am53c974.0")]
    OPTIONS = ["-smp", "2", "-device", "megasas,id=megasas", "-device", "pvscsi,id=pvscsi",
               "-device", "am53c974,id=am53c974"]
    NUMBERED = ("megasas0", "megasas1", "pvscsi0", "pvscsi1", "am53c974")


class QueuesTest(ControllersTest):
    MACHINE = "pc"
    DISKS = [disk("virtio0", "virtio-blk-pci,num-queues=2", "iothread=thread0"), disk("virtio1", "virtio-blk-pci,num-queues=2"),
             disk("scsi0", "scsi-hd,bus=scsi0.0"), disk("scsi1", "scsi-hd,bus=scsi1.0,lun=1"),
             disk("nvme0", "nvme-ns,bus=nvme0,nsid=1"), disk("nvme1", "nvme-ns,bus=nvme0,nsid=2"),
             disk("nvme2", "nvme,serial=b"), disk("ide0", "ide-hd,bus=ide.0")]
    OPTIONS = ["-smp", "2", "-object", "iothread,id=thread0",
               "-device", "virtio-scsi-pci,id=scsi0,num_queues=2,iothread=thread0", "-device", "virtio-scsi-pci,id=scsi1,num_queues=2",
               "-device", "nvme,id=nvme0,serial=a"]


class UsbTest(ControllersTest):
    MACHINE = "pc"
    DISKS = [disk("usb0", "usb-storage,bus=usb3.0"), disk("usb1", "usb-storage,bus=usb3.0"), disk("usb2", "usb-storage,bus=usb2.0"),
             disk("uas0", "scsi-hd,bus=uas.0,scsi-id=0,lun=0"), disk("uas1", "scsi-hd,bus=uas.0,scsi-id=0,lun=1")]
    NUMBERED = ("uas0",)
    OPTIONS = ["-device", "qemu-xhci,id=usb3", "-device", "usb-ehci,id=usb2", "-device", "usb-uas,id=uas,bus=usb3.0"]
    CONVERSION = "notrunc"

    @classmethod
    def exercise(cls, host, paths):
        """Flushes, one disk after the other: where two disks are at the same tag, no line tells whose the flush is."""
        for path in paths.values():
            host.run(f"dd if=/dev/zero of={path} bs=4k count=1 oflag=direct conv=fsync status=none")


class BlockJobsTest(DisksTest):
    """Block jobs under disks that are in use: their own reads and writes are not the guest's, and the disk keeps its
    label whatever file is under it then."""

    JOBS = ("mirror", "backup", "commit", "stream", "throttle")
    DISKS = [qemu.Disk(name, interface) for name, interface in zip(JOBS, ("virtio", "scsi", "ide", "nvme", "virtio"))]
    for number, one in enumerate(DISKS):
        one.size += number << 20

    @classmethod
    def setUpClass(cls):
        cls.directory = pathlib.Path(cls.enterClassContext(tempfile.TemporaryDirectory(prefix="qte-jobs-")))
        qemu.make_guest()
        with Machine(cls.directory, cls.DISKS, [], guest_parameters="workload=commands") as host:
            cls.machine, cls.files = host.machine, {one.name: str(host.machine.file(one)) for one in cls.DISKS}
            paths = host.paths(cls.DISKS)
            host.run(*(f"busy {path} 10" for path in paths.values()), "wait")
            for name in cls.JOBS:
                host.run(f"busy {paths[name]} 150")
                getattr(cls, f"run_{name}")(name)
                host.run("wait")
                host.run(f"busy {paths[name]} 12", "wait")
            cls.end = host.account()
            cls.images = {device["device"]: device["inserted"]["file"] for device in host.machine.qmp("query-block")
                          if device["device"] in cls.JOBS}

    @classmethod
    def wait_for_job(cls, name, is_ended=lambda jobs: not jobs):
        process.wait_until(lambda: is_ended([job for job in cls.machine.qmp("query-block-jobs") if job["device"] == name]),
                           f"the job {name}", interval=0.05)

    @classmethod
    def pivot(cls, name):
        cls.wait_for_job(name, lambda jobs: jobs and jobs[0]["ready"])
        cls.machine.qmp("block-job-complete", device=name)
        cls.wait_for_job(name)

    @classmethod
    def overlay(cls, name):
        cls.machine.qmp("blockdev-snapshot-sync", device=name, format="qcow2",
                        **{"snapshot-file": str(cls.directory / f"{name}.qcow2")})

    @classmethod
    def run_mirror(cls, name):
        cls.machine.qmp("drive-mirror", device=name, target=str(cls.directory / "mirrored.img"), sync="full", format="raw")
        cls.pivot(name)

    @classmethod
    def run_backup(cls, name):
        cls.machine.qmp("drive-backup", device=name, target=str(cls.directory / "copy.img"), sync="full", format="raw")
        cls.wait_for_job(name)

    @classmethod
    def run_commit(cls, name):
        cls.overlay(name)
        cls.machine.qmp("block-commit", device=name)
        cls.pivot(name)

    @classmethod
    def run_stream(cls, name):
        cls.overlay(name)
        cls.machine.qmp("block-stream", device=name)
        cls.wait_for_job(name)

    @classmethod
    def run_throttle(cls, name):
        cls.machine.qmp("block_set_io_throttle", device=name, bps=0, bps_rd=0, bps_wr=0, iops=400, iops_rd=0, iops_wr=0)

    def test_transfers(self):
        for metric, statistic in {**TRANSFERS, FLUSHES: "flush_operations"}.items():
            names = [name for name in self.JOBS if metric != FLUSHES or name != "stream"]
            self.assertEqual({name: self.end.found(metric, self.files[name]) for name in names},
                             {name: self.end.expected(statistic, self.images[name]) for name in names}, metric)

    def test_no_other_disk(self):
        for metric in TRANSFERS:
            found = {labels["device"] for labels, value in self.end.metrics.series(metric) if value}
            self.assertEqual(found, set(self.files.values()), metric)

    def test_image_of_the_moment(self):
        found = {labels["device"]: labels["image"] for labels, value in self.end.metrics.series("qemu_block_device_info")
                 if value == 1}
        self.assertEqual(found, {self.files[name]: image for name, image in self.images.items()})

    def test_nothing_is_left_over(self):
        self.assert_at_rest(self.end)


if __name__ == "__main__":
    parts.need("qemu-system-x86_64", "cpio")
    unittest.main(verbosity=2)
