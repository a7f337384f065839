#!/usr/bin/env python3
"""Records the golden cases ready-nics-* and ready-virtqueue-restart: a real guest with one network card (NIC) each.

    record_nics.py [CASE...]

The guest pings QEMU's user network and fetches 30,000 bytes. Then this script injects frames that are too long, and
frames addressed to another NIC. truth.json has the frames of a capture beside the NIC (-object filter-dump), and the
guest's /proc/net/dev.

QTE_BINARY names the exporter, which prints the -trace options. igb needs QEMU 8.0 or later: put a directory with that
qemu-system-x86_64 first into PATH. The recorded traces keep only lines that the configs use.
"""

import json
import os
import pathlib
import re
import socket
import struct
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "lib"))
import exporter
import qemu

MODELS = {"e1000": "e1000", "e1000e": "e1000e", "igb": "igb", "rtl8139": "rtl8139", "virtio-net": "virtio-net-pci"}
RESTART = "virtqueue-restart"

MAC = bytes.fromhex("525400123456")
OTHER_MAC = bytes.fromhex("525400999999")
SENDER = bytes.fromhex("525400aaaaaa")
TOO_LONG = 3
MISADDRESSED = 5
WANTED = {"e1000e_core_read": r"register 0x(40d4|4090),",
          "resettable_phase_enter_begin": r"\((e1000e?|igb|rtl8139|virtio-[a-z-]+)\)"}


def is_wanted(line):
    name = re.match(r"(?:\d+@[\d.]+:|\S+Z )?(\w*)", line)[1]
    return name not in WANTED or re.search(WANTED[name], line)


def frames(path):
    """The frames of a pcap file."""
    data = path.read_bytes()
    at = 24
    while at + 16 <= len(data):
        _, _, captured, length = struct.unpack_from("<IIII", data, at)
        if captured != length:
            raise ValueError(f"{path} has a frame that is cut")
        yield data[at + 16:at + 16 + captured]
        at += 16 + captured


def tally(packets):
    packets = list(packets)
    return {"packets": len(packets), "bytes": sum(map(len, packets))}


def truth_of(path, statistics):
    """What the capture and the guest say."""
    transmitted = [frame for frame in frames(path) if frame[6:12] == MAC]
    received = [frame for frame in frames(path) if frame[6:12] != MAC]
    long = [frame for frame in received if len(frame) > 1514]
    misaddressed = [frame for frame in received if frame[:6] == OTHER_MAC]
    good = [frame for frame in received if frame not in long and frame not in misaddressed]
    return {"transmit": tally(transmitted), "receive": tally(good),
            "receive_unicast": tally(frame for frame in good if frame[:6] == MAC),
            "too_long": tally(long), "misaddressed": tally(misaddressed),
            "guest": {"receive": {"bytes": statistics[0], "packets": statistics[1]},
                      "transmit": {"bytes": statistics[8], "packets": statistics[9]}}}


def free_ports():
    sockets = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    return sockets


def inject(sender, port):
    """Sends a frame each millisecond, since UDP may lose a burst."""
    header = SENDER + b"\x88\xb5"  # a type for experiments
    for frame in [MAC + header + bytes(1986)] * TOO_LONG + [OTHER_MAC + header + bytes(86)] * MISADDRESSED:
        sender.sendto(frame, ("127.0.0.1", port))
        time.sleep(0.001)


def exercise(machine, is_virtio):
    for command in ("ip link set lo up", "ip link set eth0 up", "sleep 3", "ip addr add 10.0.2.15/24 dev eth0",
                    "ping -c 3 10.0.2.2", "ping -c 2 -s 1400 10.0.2.2", "nc 10.0.2.100 80 </dev/null | wc -c"):
        machine.run(command)
    if is_virtio:
        machine.run("dd if=/dev/vda of=/dev/null bs=4k count=8 iflag=direct status=none")
        machine.run("dd if=/dev/hwrng of=/dev/null bs=64 count=2 status=none")


def record_nic(case, directory):
    is_virtio = case == "virtio-net"
    configs = ["nics.yaml", "virtqueue.yaml"] if is_virtio else ["nics.yaml"]
    sender, reserved = free_ports()
    port = reserved.getsockname()[1]
    reserved.close()
    capture = directory / "nic.pcap"
    options = [
        *qemu.trace_options(*(f"--config.file={exporter.ROOT / 'config' / name}" for name in configs)),
        "-netdev", "user,id=user,restrict=on,guestfwd=tcp:10.0.2.100:80-cmd:head -c 30000 /dev/zero",
        "-netdev", "hubport,hubid=0,id=hub0,netdev=user",
        "-netdev", f"socket,id=socket,udp=127.0.0.1:{sender.getsockname()[1]},localaddr=127.0.0.1:{port}",
        "-netdev", "hubport,hubid=0,id=hub1,netdev=socket",
        "-netdev", "hubport,hubid=0,id=nic", "-object", f"filter-dump,id=dump,netdev=nic,file={capture}",
        "-device", f"{MODELS[case]},netdev=nic,romfile=,mac={MAC.hex(':')}"]
    disks = []
    if is_virtio:
        options += ["-device", "virtio-rng-pci"]
        disks = [qemu.Disk("disk", "virtio", 1 << 20)]
    with qemu.Machine(directory, disks, options, "workload=commands", machine="q35" if case == "igb" else "pc",
                      kernel="amd64") as machine:
        machine.wait_for_guest()
        exercise(machine, is_virtio)
        inject(sender, port)
        # The driver reads the statistics every 2 seconds.
        machine.run("sleep 5")
        machine.run("ip link set eth0 down")
        statistics = machine.run("grep eth0 /proc/net/dev").split(":")[1].split()
        version = machine.qmp("query-version")["qemu"]
        machine.qmp("quit")
        machine.process.wait()
    truth = truth_of(capture, list(map(int, statistics)))
    truth["qemu"] = f"{version['major']}.{version['minor']}.{version['micro']}"
    lines = [line for line in machine.log.read_text().splitlines(keepends=True) if is_wanted(line)]
    return configs, lines, truth


def record_restart(directory):
    """Two runs of one VM, one after the other in one log, as libvirt keeps it."""
    lines = []
    options = qemu.trace_options(f"--config.file={exporter.ROOT / 'config/virtqueue.yaml'}")
    for run in ("first", "second"):
        disks = [qemu.Disk("disk", "virtio", 1 << 20), qemu.Disk("other", "virtio", 1 << 20)]
        with qemu.Machine(directory, disks, options, "workload=commands", name=run) as machine:
            machine.wait_for_guest()
            machine.run("dd if=/dev/vda of=/dev/null bs=4k count=8 iflag=direct status=none")
            machine.qmp("quit")
            machine.process.wait()
        (directory / "qmp.sock").unlink(missing_ok=True)
        (directory / "commands.sock").unlink(missing_ok=True)
        (directory / "serial.log").unlink()
        lines += [line for line in machine.log.read_text().splitlines(keepends=True) if is_wanted(line)]
    return ["virtqueue.yaml"], lines, None


def main():
    for kernel in ("amd64", "cloud"):
        qemu.make_guest(kernel)
    for case in sys.argv[1:] or [*MODELS, RESTART]:
        is_nic = case in MODELS
        folder = HERE / (f"ready-nics-{case}" if is_nic else f"ready-{case}")
        with tempfile.TemporaryDirectory() as directory:
            path = pathlib.Path(directory)
            configs, lines, truth = record_nic(case, path) if is_nic else record_restart(path)
        folder.mkdir(exist_ok=True)
        (folder / "config").write_text("\n".join(configs) + "\n")
        (folder / "trace.log").write_text("".join(lines))
        if truth:
            (folder / "truth.json").write_text(json.dumps(truth, indent=2) + "\n")
        print(f"{folder.name}: {len(lines)} lines, {os.path.getsize(folder / 'trace.log')} bytes", flush=True)


if __name__ == "__main__":
    main()
