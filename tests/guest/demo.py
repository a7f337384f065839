#!/usr/bin/env python3
"""What ./run.sh shows: a small guest at work, and the exporter that follows its trace, until Ctrl-C.

    demo.py [--port=N] [--seconds=N] [-- EXPORTER_FLAG...]
"""

import argparse
import itertools
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
import exporter
import qemu

# So that errors show as well, one disk has a sector that cannot be read.
BAD_SECTOR = 49152
DISKS = [qemu.Disk("ide0", "ide"), qemu.Disk("nvme0", "nvme"),
         qemu.Disk("faulty", "virtio", fails_at=BAD_SECTOR, is_called_by_image=True)]
TEXT = "trace me if you can"
FIRST_LOOK = re.compile(r"qemu_(keyboard_keystrokes|pci_config_(reads|writes)|dma_(read|written)_bytes)_total\b")


def first_look(daemon):
    """Lines of /metrics, once every kind of activity has shown."""
    daemon.wait_for_metrics(
        lambda m: m.total("qemu_keyboard_keystrokes_total") and m.total("qemu_pci_config_reads_total") and
        all(any(value for labels, value in m.series("qemu_dma_written_bytes_total") if disk.name in labels["device"])
            for disk in DISKS if disk.interface != "virtio"),
        "keystrokes, PCI accesses and DMA to show")
    return [line for line in daemon.text().splitlines() if FIRST_LOOK.match(line) and not line.endswith(" 0")]


def type_text(machine, seconds):
    """A key a second, until the time is over; without a time, for ever."""
    deadline = time.monotonic() + seconds if seconds is not None else float("inf")
    for character in itertools.cycle(TEXT):
        if time.monotonic() >= deadline:
            return
        machine.press("spc" if character == " " else character)
        time.sleep(min(1, max(0, deadline - time.monotonic())))


def show(directory, arguments):
    """Guest and exporter side by side, until the time is over."""
    configs = [flag for flag in arguments.flags if flag.startswith("--config.file=")]
    machine = qemu.Machine(directory, DISKS, qemu.trace_options(*configs), f"workload=steady bad_sector={BAD_SECTOR}",
                           name="demo")
    with exporter.Daemon(f"--trace.path={machine.log}", *arguments.flags, port=arguments.port) as daemon, machine:
        print("A guest boots under QEMU (about ten seconds) ...", flush=True)
        machine.wait_for_guest()
        type_text(machine, 3)
        print("\nThe first look at /metrics:\n", *first_look(daemon), sep="\n  ")
        print(f"\n  {daemon.url}/         what there is to see"
              f"\n  {daemon.url}/metrics  for Prometheus"
              f"\n  {machine.log}  QEMU's own words"
              "\n\nThe guest goes on reading, writing and typing. Ctrl-C stops everything.", flush=True)
        type_text(machine, arguments.seconds)


def interrupt(*_):
    raise KeyboardInterrupt


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=10177)
    parser.add_argument("--seconds", type=float, help="end after this time; without it, at Ctrl-C")
    parser.add_argument("flags", nargs="*", metavar="EXPORTER_FLAG")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, interrupt)
    try:
        qemu.make_guest()
        with tempfile.TemporaryDirectory(prefix="qemu-trace-exporter-") as directory:
            show(directory, arguments)
    except KeyboardInterrupt:
        pass
    except (AssertionError, OSError, TimeoutError, subprocess.CalledProcessError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print("\nStopped; the guest's files are gone.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
