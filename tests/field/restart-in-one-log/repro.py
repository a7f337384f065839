#!/usr/bin/env python3
"""One log of two QEMUs: the first dies with requests under way. Only NVMe's own lines tell of NVMe."""
import os, pathlib, re, subprocess, sys, tempfile

QTE = os.environ.get("QTE") or sys.exit("set QTE to the path of qemu-trace-exporter")
HERE = pathlib.Path(__file__).resolve().parent
NVME = HERE.parents[1] / "data/traces/nvme-7.2.log"


def replay(path):
    return subprocess.run([QTE, "replay", path], capture_output=True, text=True, check=True).stdout


def series(text, name):
    return [float(value) for value in re.findall(r"^%s(?:\{.*\})? (\S+)$" % re.escape(name), text, re.M)]


def operations(text):
    """Sums over devices, which have other names where the log does not tell the images."""
    return [sum(series(text, f"qemu_block_{name}_total"))
            for name in ("reads", "read_bytes", "writes", "written_bytes", "flushes", "errors")]


text = replay(HERE / "trace.log")
counts = operations(text)[:4]
in_flight = series(text, "qemu_block_requests_in_flight")
abandoned = sum(series(text, "qemu_trace_exporter_spans_abandoned_total"))
durations = [sum(series(text, f"qemu_block_{name}_duration_seconds_sum")) for name in ("read", "write")]
# As `-trace 'pci_nvme*'` makes it.
with tempfile.TemporaryDirectory(prefix="field-") as directory:
    alone = pathlib.Path(directory) / "nvme.log"
    alone.write_text("".join(line for line in NVME.read_text().splitlines(True) if ":pci_nvme_" in line))
    got, want = operations(replay(alone)), operations(replay(NVME))
ok = counts == [1, 4096, 1, 4096] and in_flight and not any(in_flight) and abandoned == 2
ok = ok and max(durations) <= 0.01 and got == want and want[0] > 0
print(("right: " if ok else "wrong: ") + "%.0f read of %.0f bytes, %.0f write of %.0f bytes" % tuple(counts) +
      f", {sum(in_flight):.0f} in flight, {abandoned:.0f} abandoned; of a guest by NVMe's lines alone {got}, by all {want}")
sys.exit(0 if ok else 1)
