"""A real QEMU with the small guest of tests/guest, steered by QMP."""

import dataclasses
import json
import os
import pathlib
import shlex
import socket
import subprocess

import exporter
import process

GUEST = pathlib.Path(os.environ.get("QTE_GUEST_DIR", exporter.ROOT / "build/guest"))


def guest_directory(kernel):
    return GUEST if kernel == "cloud" else GUEST.with_name(f"{GUEST.name}-{kernel}")


def make_guest(kernel="cloud"):
    """Makes kernel and initramfs, or finds them made."""
    subprocess.run([exporter.ROOT / "tests/guest/make-guest.sh", guest_directory(kernel), kernel], check=True)


def trace_options(*exporter_arguments):
    """What `qemu-args` says, as a list of QEMU's arguments, without a -D of its own."""
    done = exporter.run("qemu-args", *exporter_arguments)
    if done.returncode != 0:
        raise AssertionError(f"qemu-args ended with {done.returncode}: {done.stderr}")
    options = shlex.split(done.stdout.replace("\\\n", " "), comments=True)
    if "-D" in options:
        at = options.index("-D")
        del options[at:at + 2]
    return options


@dataclasses.dataclass
class Disk:
    """A raw image of zeros."""
    name: str
    interface: str  # ide, nvme, scsi or virtio
    size: int = 32 << 20
    channel: int = 0  # ide: 0 or 1, on AHCI up to 5
    device: str = ""  # the -device, where it is another than the interface's usual one
    properties: str = ""  # more of the -device
    fails_at: int = None  # sector that can be neither read nor written, by blkdebug
    fails_flush: bool = False  # the first one; with fails_at only
    is_called_by_image: bool = False  # QEMU calls a disk that fails "blkdebug:...", unless the fault comes by options


class Machine:
    """A PC under software emulation (the same everywhere), as a context manager. All its files are in `directory`, the
    trace as NAME.log. `kernel` is the guest's, as make_guest() has it."""

    def __init__(self, directory, disks, options, guest_parameters="", name="trace", machine="pc", kernel="cloud"):
        self.directory = pathlib.Path(directory)
        self.disks = disks
        self.log = self.directory / f"{name}.log"
        self.serial = self.directory / "serial.log"
        self._options = options
        self._parameters = guest_parameters
        self._machine = machine
        self._kernel = kernel
        self._qmp = None
        self._commands = None
        self.process = None

    def image(self, disk):
        return self.directory / f"{disk.name}.img"

    def file(self, disk):
        """What QEMU calls it."""
        is_plain = disk.fails_at is None or disk.is_called_by_image
        return self.image(disk) if is_plain else f"blkdebug:{self._faults(disk)}:{self.image(disk)}"

    def _faults(self, disk):
        return self.directory / f"{disk.name}.blkdebug"

    def make_image(self, disk):
        with open(self.image(disk), "wb") as file:
            file.truncate(disk.size)
        if disk.fails_at is not None:
            faults = f'[inject-error]\nevent = "none"\nsector = "{disk.fails_at}"\n'
            if disk.fails_flush:
                faults += '[inject-error]\nevent = "none"\niotype = "flush"\nonce = "on"\n'
            self._faults(disk).write_text(faults)

    def __enter__(self):
        for disk in self.disks:
            self.make_image(disk)
        with open(self.directory / "qemu.err", "wb") as errors:
            self.process = process.spawn(self._command(), stdin=subprocess.DEVNULL, stdout=errors, stderr=errors)
        try:
            self._qmp = Qmp(self.directory / "qmp.sock", self._check_alive)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        if self._commands:
            self._commands.close()
        if self._qmp:
            self._qmp.close()
        process.end(self.process)

    def _command(self):
        guest = guest_directory(self._kernel)
        yield from ("qemu-system-x86_64", "-M", self._machine, "-accel", "tcg", "-m", "256", "-display", "none", "-nodefaults",
                    "-vga", "none", "-nic", "none", "-no-reboot", "-serial", f"file:{self.serial}",
                    "-qmp", f"unix:{self.directory}/qmp.sock,server=on,wait=off",
                    "-kernel", guest / "vmlinuz", "-initrd", guest / "initrd.gz", "-append",
                    f"console=ttyS0 quiet panic=-1 disk_count={len(self.disks)} {self._parameters}")
        if "workload=commands" in self._parameters:
            yield from ("-serial", f"unix:{self.directory}/commands.sock,server=on,wait=off")
        if any(disk.interface == "scsi" and not disk.device for disk in self.disks):
            yield from ("-device", "virtio-scsi-pci,id=scsi")
        if "-msg" not in self._options:
            yield from ("-msg", "timestamp=on")
        # Ahead of the disks: there may be controllers among them.
        yield from (*self._options, "-D", self.log)
        for disk in self.disks:
            yield from self._drive(disk)

    def _drive(self, disk):
        file = f"file={self.file(disk)},format=raw"
        if disk.is_called_by_image:
            file = (f"driver=raw,file.driver=blkdebug,file.image.filename={self.image(disk)},"
                    f"file.inject-error.0.event=none,file.inject-error.0.sector={disk.fails_at}")
        yield from ("-drive", f"{file},if=none,id={disk.name}")
        device = disk.device or {"ide": f"ide-hd,bus=ide.{disk.channel}", "nvme": f"nvme,serial={disk.name}",
                                 "virtio": "virtio-blk-pci", "scsi": "scsi-hd,bus=scsi.0"}[disk.interface]
        yield from ("-device", ",".join(filter(None, (device, f"drive={disk.name}", disk.properties))))

    def _check_alive(self):
        if self.process.poll() is not None:
            errors = (self.directory / "qemu.err").read_text(errors="replace")
            raise AssertionError(f"QEMU ended with {self.process.returncode}: {errors}")

    def qmp(self, command, **arguments):
        return self._qmp.execute(command, **arguments)

    def wait_for_guest(self, timeout=120):
        """Until the guest has done its reading and writing."""
        def done():
            self._check_alive()
            return self.serial.exists() and "DONE" in self.serial.read_text(errors="replace")
        process.wait_until(done, "DONE on the guest's console", timeout, interval=0.2)

    def run(self, command, timeout=60):
        """Lets the guest, which was started with workload=commands, run a line of shell, and returns what that wrote."""
        if not self._commands:
            self._commands = Commands(self.directory / "commands.sock")
        return self._commands.run(command, timeout)

    def press(self, *keys):
        """Presses keys together and releases them in the opposite order, by qcode."""
        for down, order in ((True, keys), (False, reversed(keys))):
            self.qmp("input-send-event", events=[
                {"type": "key", "data": {"down": down, "key": {"type": "qcode", "data": key}}} for key in order])

    def block_statistics(self):
        """QEMU's own account by image path: the truth to compare with."""
        return {device["inserted"]["file"]: device["stats"] for device in self._block_devices()}

    def _block_devices(self):
        # What has no drive of its own has the name of its device.
        statistics = {device["device"] or device["qdev"]: device["stats"] for device in self.qmp("query-blockstats")}
        for device in self.qmp("query-block"):
            if "inserted" in device:
                yield {**device, "stats": statistics[device["device"] or device["qdev"]]}


class Commands:
    """The guest's second serial port."""

    def __init__(self, path):
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.connect(str(path))
        self._lines = self._socket.makefile("r")

    def run(self, command, timeout):
        self._socket.settimeout(timeout)
        self._socket.sendall(command.encode() + b"\n")
        output = []
        while not (line := self._lines.readline()).startswith("= "):
            if not line:
                raise ConnectionError(f"QEMU closed the guest's serial port during: {command}")
            output.append(line)
        if line != "= 0\n":
            raise RuntimeError(f"{command}: status {line[2:].strip()}: {''.join(output)}")
        return "".join(output).strip()

    def close(self):
        self._socket.close()


class Qmp:
    """The monitor: one command at a time, events dropped."""

    def __init__(self, path, check_alive, timeout=30):
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(timeout)

        def connect():
            check_alive()
            try:
                self._socket.connect(str(path))
                return True
            except (FileNotFoundError, ConnectionRefusedError):
                return False
        process.wait_until(connect, "QEMU's monitor", timeout)
        self._lines = self._socket.makefile("r")
        self._receive()  # the greeting
        self.execute("qmp_capabilities")

    def execute(self, command, **arguments):
        message = {"execute": command, "arguments": arguments}
        self._socket.sendall(json.dumps(message).encode() + b"\n")
        while True:
            answer = self._receive()
            if "error" in answer:
                raise RuntimeError(f"{command}: {answer['error']['desc']}")
            if "return" in answer:
                return answer["return"]

    def _receive(self):
        line = self._lines.readline()
        if not line:
            raise ConnectionError("QEMU closed its monitor")
        return json.loads(line)

    def close(self):
        self._socket.close()
