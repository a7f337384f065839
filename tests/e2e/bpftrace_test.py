#!/usr/bin/env python3
"""The scripts that `bpftrace` prints, run by the real bpftrace on a stand-in with QEMU's probes: every declaration at hand
gives the line that C's printf makes of it."""

import os
import pathlib
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
import exporter
import exposition
import process
import usdt

# A newer one may be tried by hand, as may other declarations, such as all of a QEMU.
BPFTRACE = os.environ.get("QTE_BPFTRACE", "bpftrace")
DECLARATIONS = pathlib.Path(os.environ.get("QTE_DECLARATIONS", usdt.BUNDLED))
# As the head of a script has it.
ENVIRONMENT = os.environ | {"BPFTRACE_STRLEN": "128", "BPFTRACE_MAX_STRLEN": "128", "BPFTRACE_MAX_PROBES": "10000",
                            "BPFTRACE_MAX_BPF_PROGS": "10000"}


def config_of_all(declared):
    """Rules that need each event, and each text that a script can print."""
    lines = [f"trace_events: [{DECLARATIONS}]", "metrics:"]
    for name, arguments, _ in declared:
        labels = ", ".join(f"a{i}: {text}" for i, text in enumerate(usdt.texts_of(arguments)))
        lines += [f"  - name: qemu_seen_{name}_total", "    type: counter", "    help: Seen.", f"    event: {name}",
                  f"    labels: {{{labels}}}"]
    return "\n".join(lines) + "\n"


class ScriptTest(unittest.TestCase):
    def setUp(self):
        self.directory = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory(prefix="qte-bpftrace-")))

    def write(self, name, text):
        path = self.directory / name
        path.write_text(text)
        return path

    def opened(self, path):
        return self.enterContext(path.open("w"))

    def trace(self, script, pid):
        """bpftrace at work; its output, as far as it has come."""
        out, err = self.directory / "out", self.directory / "err"
        tracer = process.spawn([BPFTRACE, "-p", pid, self.write("script.bt", script)], env=ENVIRONMENT,
                               stdout=self.opened(out), stderr=self.opened(err))
        self.addCleanup(process.end, tracer)

        def lines():
            if tracer.poll() is not None:
                self.fail(f"bpftrace ended with {tracer.returncode}:\n{err.read_text()}{out.read_text()[:1000]}")
            printed = out.read_text(errors="replace").splitlines()
            return [line for line in printed if line and not line.startswith("Attach")]
        return lines

    def test_every_declaration(self):
        # What follows a newline in a format is not a line of an event.
        declared = [each for each in usdt.declarations(DECLARATIONS.read_text()) if "\\n" not in each[2]]
        binary = usdt.build(self.directory / "qemu-kvm", declared)
        config = self.write("all.yaml", config_of_all(declared))
        with usdt.Stub(binary) as stub:
            done = exporter.run("bpftrace", f"--config.file={config}", f"--pid={stub.pid}")
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual([line for line in done.stderr.splitlines() if "declared as disabled" not in line], [])
            self.assertEqual(done.stdout.count("usdt::qemu:"), len(declared))
            lines = self.trace(done.stdout, stub.pid)
            for name, _, _ in declared:
                self.assertEqual(stub.tell("await", name), "ready")
            time.sleep(0.5)  # the kernel counts a probe's semaphore up before its program is in place
            # A null pointer is the only difference that is meant.
            shown = [stub.tell("show", name, each).replace("(nil)", "0x0") for name, _, _ in declared for each in range(usdt.ROUNDS)]
            process.wait_until(lambda: len(lines()) >= len(shown), "all lines")
            printed = lines()
        texts = []
        for line in printed:
            prefix, _, text = line.partition(":")
            self.assertRegex(prefix, rf"^{stub.pid}@\d+\.\d{{6}}$")
            texts.append(text)
        self.assertEqual(sorted(texts), sorted(shown))
        # And the exporter reads them all.
        values = exporter.replay(f"--config.file={config}", self.write("vm1.log", "\n".join(printed) + "\n"))
        for name, _, _ in declared:
            self.assertEqual(values.total(f"qemu_seen_{name}_total"), usdt.ROUNDS, name)

    def test_into_the_exporter(self):
        """As the script's head says."""
        binary = usdt.build(self.directory / "qemu-kvm")
        with usdt.Stub(binary) as stub:
            script = exporter.run("bpftrace", f"--pid={stub.pid}").stdout
            lines = self.trace(script, stub.pid)
            stub.tell("await", "ps2_put_keycode")
            time.sleep(0.5)  # the kernel counts a probe's semaphore up before its program is in place
            stub.fire("ps2_put_keycode", 7)
            process.wait_until(lambda: len(lines()) == 7, "the lines")
        values = exporter.replay("-", stdin="".join(line + "\n" for line in lines()).encode())
        self.assertEqual(values.total("qemu_trace_events_total"), 7)


if __name__ == "__main__":
    usdt.need()
    unittest.main(verbosity=2)
