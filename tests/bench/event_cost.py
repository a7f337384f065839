#!/usr/bin/env python3
"""What tracing costs in lines and bytes of log: a boot, a request of each kind of disk, a key. A real guest, with the events
that the default config needs, and with all events. Counts, not times, so that one round is enough. About two minutes."""

import argparse
import pathlib
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
import exporter
import guest_cost
import measuring
import process
import qemu

KINDS = {"virtio-blk": "virtio", "NVMe": "nvme", "virtio-scsi": "scsi", "IDE": "ide"}
COMMANDS = "workload=commands"
DEVICES = "$(ls /dev/vd? /dev/sd? /dev/nvme?n? 2>/dev/null)"


class Log:
    """How much a log grows."""

    def __init__(self, machine):
        self._path = machine.log
        self.at = 0

    def take_quiet(self):
        """(lines, bytes) since the last call, once the log has stayed as it is for a while."""
        sizes = [-1]

        def rests():
            sizes.append(self._path.stat().st_size)
            return sizes[-1] == sizes[-2]
        process.wait_until(rests, "a quiet log", 60, interval=0.7)
        return self.take()

    def take(self):
        """(lines, bytes) since the last call. An idle guest with all events on is never quiet."""
        with open(self._path, "rb") as log:
            log.seek(self.at)
            new = log.read()
        self.at += len(new)
        return new.count(b"\n"), len(new)


def machine(directory, interface, options):
    return qemu.Machine(directory, [qemu.Disk("disk", interface)], options, COMMANDS)


def requests(kind, interface, count):
    """Rows for reads, writes and flushes of a disk, of the events of the default config."""
    with tempfile.TemporaryDirectory(prefix="qte-bench-") as directory:
        with machine(directory, interface, qemu.trace_options()) as guest:
            guest.wait_for_guest()
            log = Log(guest)
            log.take_quiet()
            row = [kind]
            for command in (f"dd if={DEVICES} of=/dev/null bs=4k count={count} iflag=direct 2>/dev/null",
                            f"dd if=/dev/zero of={DEVICES} bs=4k count={count} seek=1024 oflag=direct 2>/dev/null"):
                guest.run(command)
                lines, size = log.take_quiet()
                row += [f"{lines / count:.1f}", f"{size / count:,.0f}"]
            return row


def boot(options):
    """(lines, bytes) from the start of QEMU to the guest's prompt, with one virtio-blk disk that nothing uses."""
    with tempfile.TemporaryDirectory(prefix="qte-bench-") as directory:
        with machine(directory, "virtio", options) as guest:
            guest.wait_for_guest(300)
            return Log(guest).take()


def keys(count):
    with tempfile.TemporaryDirectory(prefix="qte-bench-") as directory:
        with machine(directory, "virtio", qemu.trace_options()) as guest:
            guest.wait_for_guest()
            log = Log(guest)
            log.take_quiet()
            for _ in range(count):
                guest.press("g")
            lines, size = log.take_quiet()
            done = exporter.replay(guest.log)
            assert done.total("qemu_keyboard_keystrokes_total") == count
            return lines / count, size / count


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=200, help="of each kind (default 200)")
    options = parser.parse_args()
    qemu.make_guest()
    measuring.print_table(["disk", "lines a read of 4 KiB", "bytes", "lines a write of 4 KiB", "bytes"],
                          [requests(kind, interface, options.requests) for kind, interface in KINDS.items()])
    print()
    rows = [["a key pressed and released", *(f"{figure:.0f}" for figure in keys(20))]]
    for title, events in (("a boot, events of the default config", qemu.trace_options()),
                          ("a boot, all events but `exec_tb*`", guest_cost.OPTIONS)):
        lines, size = boot(events)
        rows.append([title, f"{lines:,}", f"{size:,}"])
    measuring.print_table(["", "lines", "bytes"], rows)


if __name__ == "__main__":
    main()
