#!/usr/bin/env python3
"""CPU seconds for events whose names begin and end alike against those whose names do not."""
import os, pathlib, resource, subprocess, sys, tempfile

QTE = os.environ.get("QTE") or sys.exit("set QTE to the path of qemu-trace-exporter")


def cpu(path, name):
    path.write_text("".join(name % i + " x\n" for i in range(60000)))
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    subprocess.run([QTE, "replay", path], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before


with tempfile.TemporaryDirectory(prefix="field-") as directory:
    log = pathlib.Path(directory) / "vm.log"
    alike, fast = cpu(log, "aaaa_aaa%06dbbbbbbbb"), min(cpu(log, "%06d_aaaaaaabbbbbbbb") for _ in range(3))
ok = alike <= 3 * max(fast, 0.05)
print(("right: " if ok else "wrong: ") + f"{alike:.2f} s for names that begin and end alike, {fast:.2f} s for others")
sys.exit(0 if ok else 1)
