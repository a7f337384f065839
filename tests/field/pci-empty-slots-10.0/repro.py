#!/usr/bin/env python3
"""Two guests on QEMU 10, which logs a read of a PCI slot without a device as one of the device `empty`: every real device
has a series of its own with the right count, and all empty slots of a guest are one series."""

import gzip
import json
import os
import pathlib
import re
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
QTE = os.environ["QTE"]
METRICS = {"pci_cfg_read": "qemu_pci_config_reads_total", "pci_cfg_write": "qemu_pci_config_writes_total"}


def figures(text):
    """{series as in the exposition: count} of the PCI metrics."""
    return {series: int(value) for series, value in re.findall(r"^(qemu_pci_config_\w+_total\{.*\}) (\d+)$", text, re.M)}


def wanted():
    """The same by truth.json. Its count of empty slots is of reads and writes together; the log tells them apart."""
    counts = {}
    for vm, rows in json.loads((HERE / "truth.json").read_text())["reads_and_writes"].items():
        for row in rows:
            if row["device"] == "empty":
                of_empty = row["count"]
                continue
            series = f'{METRICS[row["event"]]}{{vm="{vm}",device="{row["device"]}",address="{row["address"]}"}}'
            counts[series] = row["count"]
        log = gzip.decompress((HERE / f"{vm}.log.gz").read_bytes())
        empty = {event: log.count(f":{event} empty ".encode()) for event in METRICS}
        assert sum(empty.values()) == of_empty, (vm, empty, of_empty)
        counts |= {f'{METRICS[event]}{{vm="{vm}",device="empty"}}': n for event, n in empty.items() if n > 0}
    return counts


def main():
    logs = [HERE / f"{vm}.log.gz" for vm in ("vm1", "vm2")]
    text = subprocess.run([QTE, "replay", *logs], check=True, capture_output=True, text=True).stdout
    found, want = figures(text), wanted()
    for series, count in sorted(found.items() ^ want.items()):
        print(f"{'found' if found.get(series) == count else 'want'} {series} {count}")
    empty = [series for series in found if 'device="empty"' in series]
    print(f"{'right' if found == want else 'wrong'}: {len(found)} series of {len(want)}, {len(empty)} of them empty slots")
    return 0 if found == want else 1


if __name__ == "__main__":
    sys.exit(main())
