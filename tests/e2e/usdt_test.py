#!/usr/bin/env python3
"""Sources with `usdt`: QEMUs without a log, traced by the real bpftrace, which a stand-in with QEMU's probes takes for a
QEMU. What goes wrong with bpftrace itself is shown by programs that are called so."""

import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest
import unittest.mock

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
import exporter
import exposition
import process
import usdt

EVENTS = ("pci_cfg_read", "ps2_put_keycode", "pci_nvme_read")
METRICS = """
metrics:
  - name: qemu_pci_config_reads_total
    type: counter
    help: Reads.
    event: pci_cfg_read
    labels: {device: dev}
  - name: qemu_keys_total
    type: counter
    help: Keys.
    event: ps2_put_keycode
spans:
  nvme: {start: pci_nvme_read, end: pci_nvme_rw_complete_cb, key: [cid], timeout: 1h}
"""
IN_FLIGHT = """
  - name: qemu_nvme_in_flight
    type: gauge
    help: Requests in flight.
    event: nvme
    value: in_flight
"""


def children_named(name, parent):
    """Pids of the programs of this name that a process has started."""
    found = subprocess.run(["pgrep", "-x", "-P", str(parent), name], capture_output=True, text=True)
    return [int(pid) for pid in found.stdout.split()]


class UsdtTest(unittest.TestCase):
    """What the tests share: a binary of its own, so that no other test's processes are taken for QEMUs of this one."""

    def setUp(self):
        self.directory = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory(prefix="qte-usdt-")))
        self.binary = usdt.build(self.directory / "qemu-kvm")

    def config(self, source="", metrics=METRICS.replace("spans:", IN_FLIGHT.lstrip("\n") + "spans:")):
        path = self.directory / "config.yaml"
        path.write_text(f"sources:\n  - usdt: {self.binary}\n{source}{metrics}")
        return path

    def daemon(self, *arguments, config=None):
        daemon = self.enterContext(exporter.Daemon(f"--config.file={config or self.config()}", *arguments))
        daemon.wait_ready()
        return daemon

    def qemu(self, *arguments, binary=None):
        return self.enterContext(usdt.Stub(binary or self.binary, *arguments))

    def metrics(self, daemon):
        return exposition.parse(daemon.text())

    def count(self, daemon, event, **labels):
        return self.metrics(daemon).total("qemu_trace_events_total", event=event, **labels)

    def wait_for(self, daemon, want, event, timeout=60, **labels):
        process.wait_until(lambda: self.count(daemon, event, **labels) == want,
                           f"{want} times {event} of {labels}", timeout)

    def wait_for_log(self, daemon, words, timeout=30):
        process.wait_until(lambda: words in daemon.log(), f"{words!r} in the log", timeout)


class WithBpftrace(UsdtTest):
    """With the real bpftrace."""

    def setUp(self):
        if reason := usdt.why_skip():
            self.skipTest(reason)
        super().setUp()

    def attached(self, *stubs, events=EVENTS):
        for stub in stubs:
            for event in events:
                self.assertEqual(stub.tell("await", event), "ready")
        time.sleep(0.5)  # the kernel counts a probe's semaphore up before its program is in place


class PaceTest(WithBpftrace):
    """Alone on the machine, since it keeps to a pace."""

    def test_a_pace_that_bpftrace_keeps_up_with(self):
        daemon = self.daemon()
        stub = self.qemu("-name", "guest=web1,debug-threads=on", "-uuid", "11111111-2222-3333-4444-555555555555")
        self.attached(stub)
        self.assertEqual(stub.fire("pci_cfg_read", 200_000, 100, 10_000), 200_000)
        self.wait_for(daemon, 200_000, "pci_cfg_read", vm="web1")
        values = self.metrics(daemon)
        self.assertEqual(values.value("qemu_pci_config_reads_total", vm="web1", device="text-0"), 200_000)
        self.assertEqual(values.value("qemu_trace_exporter_lost_events_total", vm="web1"), 0)
        self.assertEqual(values.total("qemu_trace_exporter_unparsed_lines_total"), 0)

    def test_over_the_pace(self):
        """What is lost is counted, as soon as an event comes on the same CPU. A tracer that stands still is over any
        pace."""
        daemon = self.daemon()
        stub = self.qemu("-name", "burst")
        self.attached(stub)
        (tracer,) = children_named("bpftrace", daemon.process.pid)
        os.kill(tracer, signal.SIGSTOP)
        sent = stub.fire("pci_cfg_read", 300_000)
        os.kill(tracer, signal.SIGCONT)

        def is_complete():
            nonlocal sent
            for cpu in os.sched_getaffinity(0):
                stub.tell("cpu", cpu)
                sent += stub.fire("pci_cfg_read")
            time.sleep(0.5)
            values = self.metrics(daemon)
            counted = values.total("qemu_trace_events_total", vm="burst", event="pci_cfg_read")
            lost = values.value("qemu_trace_exporter_lost_events_total", vm="burst")
            print(f"{sent} sent, {counted:.0f} counted, {lost:.0f} lost", file=sys.stderr)
            return lost > 0 and counted + lost == sent
        process.wait_until(is_complete, "all events, counted or lost", 30, 0.5)
        self.wait_for_log(daemon, 'bpftrace has lost events')
        self.assertEqual(daemon.log().count("bpftrace has lost events"), 1)


class RealTest(WithBpftrace):
    def test_two_processes(self):
        daemon = self.daemon(config=self.config("    labels: {node: n1, id: '{uuid}'}\n"))
        one = self.qemu("-name", "one", "-uuid", "u-1")
        two = self.qemu("-name", "guest=two", "-uuid", "u-2")
        self.attached(one, two)
        one.fire("pci_cfg_read", 11)
        two.fire("pci_cfg_read", 22)
        two.fire("pci_nvme_read")
        self.wait_for(daemon, 11, "pci_cfg_read", vm="one", id="u-1", node="n1")
        self.wait_for(daemon, 22, "pci_cfg_read", vm="two", id="u-2", node="n1")
        self.wait_for(daemon, 1, "pci_nvme_read", vm="two")
        self.assertEqual(self.metrics(daemon).total("qemu_nvme_in_flight", vm="two"), 1)
        tracers = children_named("bpftrace", daemon.process.pid)
        self.assertEqual(len(tracers), 2)
        # Ending one ends its tracer and no other.
        two.process.kill()
        two.process.wait()
        process.wait_until(lambda: len(children_named("bpftrace", daemon.process.pid)) == 1, "the tracer's end")
        self.assertTrue(set(children_named("bpftrace", daemon.process.pid)) < set(tracers))
        values = process.wait_until(
            lambda: (now := self.metrics(daemon)).total("qemu_trace_exporter_qemu_up", vm="two") == 0 and now, "its end")
        self.assertEqual(values.total("qemu_nvme_in_flight", vm="two"), 0)
        self.assertEqual(values.total("qemu_trace_exporter_spans_abandoned_total", span="nvme"), 1)
        self.assertEqual(values.total("qemu_trace_exporter_qemu_up", vm="one"), 1)
        one.fire("pci_cfg_read", 5)
        self.wait_for(daemon, 16, "pci_cfg_read", vm="one")
        # It comes back, as another process of the same guest.
        again = self.qemu("-name", "two", "-uuid", "u-2")
        self.attached(again)
        again.fire("pci_cfg_read", 3)
        self.wait_for(daemon, 25, "pci_cfg_read", vm="two")

    def test_a_crash_loses_nothing_that_came_before(self):
        daemon = self.daemon()
        stub = self.qemu("-name", "crash")
        self.attached(stub)
        stub.fire("ps2_put_keycode", 1000, 100, 10_000)
        stub.process.stdin.write("crash now\n")
        stub.process.stdin.flush()
        stub.process.wait()
        self.wait_for(daemon, 1000, "ps2_put_keycode", vm="crash")

    def test_kill_9_of_the_daemon(self):
        daemon = self.daemon()
        stubs = [self.qemu("-name", name) for name in ("a", "b")]
        self.attached(*stubs)
        tracers = children_named("bpftrace", daemon.process.pid)
        self.assertEqual(len(tracers), 2)
        daemon.process.kill()
        daemon.process.wait()
        process.wait_until(lambda: not any(pathlib.Path(f"/proc/{pid}").exists() for pid in tracers), "the tracers' end")
        for stub in stubs:
            self.assertEqual(stub.tell("watched", "pci_cfg_read"), "0")

    def test_a_restart_of_the_daemon(self):
        state = self.directory / "state"
        stub = self.qemu("-name", "vm1")
        with exporter.Daemon(f"--config.file={self.config()}", f"--state.path={state}") as daemon:
            self.attached(stub)
            stub.fire("ps2_put_keycode", 500)
            self.wait_for(daemon, 500, "ps2_put_keycode", vm="vm1")
            tracers = children_named("bpftrace", daemon.process.pid)
            self.assertEqual(process.end(daemon.process), 0)
            self.assertFalse(any(pathlib.Path(f"/proc/{pid}").exists() for pid in tracers))
        with exporter.Daemon(f"--config.file={self.config()}", f"--state.path={state}") as daemon:
            daemon.wait_ready()
            self.assertEqual(self.count(daemon, "ps2_put_keycode", vm="vm1"), 500)
            self.attached(stub)
            stub.fire("ps2_put_keycode", 7)
            self.wait_for(daemon, 507, "ps2_put_keycode", vm="vm1")

    def contained(self, *command):
        """Runs a stand-in in a container: in a root of its own, where the machine's own root is /old."""
        root = self.directory / "root"
        inside = root / str(self.binary).lstrip("/")
        inside.parent.mkdir(parents=True)
        shutil.copy(self.binary, inside)
        for library in ("/lib64/ld-linux-x86-64.so.2", "/lib/x86_64-linux-gnu/libc.so.6"):
            (root / library[1:]).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(library, root / library[1:])
        pivot = 'mount --bind "$0" "$0" && cd "$0" && mkdir -p old && pivot_root . old && exec "$@"'
        return self.enterContext(usdt.Stub("unshare", "--mount", "--propagation=private", "sh", "-c", pivot, root, *command))

    def test_another_mount_namespace_and_a_replaced_binary(self):
        """As in a container, and after an update of the package."""
        contained = self.contained(self.binary, "-name", "ns_inside")
        replaced = self.qemu("-name", "ns_replaced")
        usdt.build(self.directory / "new").rename(self.binary)
        daemon = self.daemon(config=self.config("    name_pattern: '^(?P<namespace>[^_]+)_(?P<vm>.+)$'\n"))
        self.attached(contained, replaced)
        contained.fire("pci_cfg_read", 4)
        replaced.fire("pci_cfg_read", 6)
        self.wait_for(daemon, 4, "pci_cfg_read", vm="inside", namespace="ns")
        self.wait_for(daemon, 6, "pci_cfg_read", vm="replaced", namespace="ns")
        self.assertEqual(self.metrics(daemon).total("qemu_trace_events_total", event="pci_cfg_read"), 10)

    def test_as_the_service(self):
        """With the capabilities of the drop-in alone, QEMU being another user's."""
        drop_in = (exporter.ROOT / "config/systemd/usdt.conf").read_text()
        granted = re.search(r"^CapabilityBoundingSet=(CAP_.*)$", drop_in, re.M)[1].lower().replace("cap_", "+").split()
        wrapper = self.directory / "service"
        wrapper.write_text(f"#!/bin/sh\nexec setpriv --inh-caps=-all --bounding-set=-all,{','.join(granted)} "
                           f"--no-new-privs {exporter.BINARY} \"$@\"\n")
        wrapper.chmod(0o755)
        self.enterContext(unittest.mock.patch.object(exporter, "BINARY", str(wrapper)))
        self.directory.chmod(0o755)
        stub = self.enterContext(usdt.Stub("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", self.binary,
                                           "-name", "vm1"))
        daemon = self.daemon()
        self.attached(stub)
        stub.fire("pci_cfg_read", 4)
        self.wait_for(daemon, 4, "pci_cfg_read", vm="vm1")

    def test_as_the_daemonset(self):
        """With the rights of the pods of docker/kubernetes/kubevirt: their capabilities alone, a read-only root, little
        memory that may be locked, and neither tracefs nor debugfs. QEMU is another user's, in another container."""
        manifest = (exporter.ROOT / "docker/kubernetes/kubevirt/exporter.yaml").read_text()
        granted = "+" + re.search(r"^ +add: \[(.*)\]$", manifest, re.M)[1].lower().replace(", ", ",+")
        self.assertIn("readOnlyRootFilesystem: true", manifest)
        wrapper = self.directory / "pod"
        wrapper.write_text(f"""#!/bin/sh
exec unshare --mount --propagation=private sh -c '
  umount --recursive /sys/kernel/tracing
  umount --recursive /sys/kernel/debug
  mount -o remount,bind,ro / || exit
  exec prlimit --memlock=65536 setpriv --inh-caps=-all --bounding-set=-all,{granted} {exporter.BINARY} "$@"
' sh "$@"
""")
        wrapper.chmod(0o755)
        self.enterContext(unittest.mock.patch.object(exporter, "BINARY", str(wrapper)))
        stub = self.contained("/old/usr/bin/env", "LD_LIBRARY_PATH=/old/lib/x86_64-linux-gnu", "/old/usr/bin/setpriv",
                              "--reuid=65534", "--regid=65534", "--clear-groups", self.binary, "-name", "guest=shop_web1")
        daemon = self.daemon(config=self.config("    name_pattern: '^(?P<namespace>[^_]+)_(?P<vm>.+)$'\n"))
        self.attached(stub)
        stub.fire("pci_cfg_read", 4)
        self.wait_for(daemon, 4, "pci_cfg_read", vm="web1", namespace="shop")

    def test_reload(self):
        """Tracers go on if the script stays; another one takes over if it changes; without the source they end."""
        daemon = self.daemon()
        stub = self.qemu("-name", "vm1")
        self.attached(stub)
        tracers = children_named("bpftrace", daemon.process.pid)

        def reload(text):
            self.config().write_text(text)
            loads = daemon.log().count("config reloaded")
            daemon.process.send_signal(signal.SIGHUP)
            process.wait_until(lambda: daemon.log().count("config reloaded") > loads, "the reload")
        text = self.config().read_text()
        reload(text.replace("help: Keys.", "help: Codes."))
        stub.fire("ps2_put_keycode", 3)
        self.wait_for(daemon, 3, "ps2_put_keycode", vm="vm1")
        self.assertEqual(children_named("bpftrace", daemon.process.pid), tracers)
        reload(text.replace("event: ps2_put_keycode", "event: ps2_write_keyboard"))
        self.attached(stub, events=["ps2_write_keyboard"])
        stub.fire("ps2_write_keyboard", 5)
        self.wait_for(daemon, 5, "ps2_write_keyboard", vm="vm1")
        self.assertEqual(self.metrics(daemon).total("qemu_trace_exporter_qemu_up", vm="vm1"), 1)
        reload(text.replace(f"usdt: {self.binary}", f"path: {self.directory}/none.log"))
        process.wait_until(lambda: not children_named("bpftrace", daemon.process.pid), "the tracers' end")


FAKE = f"#!{sys.executable}" + r"""
# Says what it was started with, then prints lines as told, until it is told to end.
import os, pathlib, sys, time
here = pathlib.Path(os.environ["QTE_FAKE"])
starts = here / "starts"
with starts.open("a") as file:
    file.write(repr((sys.argv[1:], os.environ["BPFTRACE_STRLEN"], len(sys.stdin.read()))) + "\n")
exec((here / "fake.py").read_text())
"""


class FakeTest(UsdtTest):
    """With a program that is called bpftrace, on any machine."""

    def setUp(self):
        super().setUp()
        self.path = os.environ["PATH"]
        self.addCleanup(os.environ.__setitem__, "PATH", self.path)
        os.environ["QTE_FAKE"] = str(self.directory)

    def fake(self, code):
        (self.directory / "fake.py").write_text(code)
        there = self.directory / "bin"
        there.mkdir(exist_ok=True)
        (there / "bpftrace").write_text(FAKE)
        (there / "bpftrace").chmod(0o755)
        os.environ["PATH"] = f"{there}:{self.path}"

    def starts(self):
        file = self.directory / "starts"
        return [eval(line) for line in file.read_text().splitlines()] if file.exists() else []

    def test_lines_losses_and_labels(self):
        """Lost events are told on standard output by older versions, on standard error by later ones."""
        self.fake(r"""
print("Attaching 3 probes...", flush=True)
print("4711@1795408732.000100:pci_cfg_read i440FX 00:00.0 @0x0 -> 0x1", flush=True)
print("Lost 40 events", flush=True)
print("Lost 2 events", file=sys.stderr, flush=True)
time.sleep(1000)
""")
        stub = self.qemu("-name", "default_web_1")
        daemon = self.daemon(config=self.config(
            "    name_pattern: '^(?P<namespace>[^_]+)_(?P<vm>.+)$'\n    labels: {full: '{namespace}/{name}', host: h}\n"))
        labels = {"vm": "web_1", "namespace": "default", "full": "default/default_web_1", "host": "h"}
        self.wait_for(daemon, 1, "pci_cfg_read", **labels)
        process.wait_until(
            lambda: self.metrics(daemon).value("qemu_trace_exporter_lost_events_total", **labels) == 42, "both losses")
        self.assertEqual(self.metrics(daemon).total("qemu_trace_exporter_unparsed_lines_total"), 0)
        self.wait_for_log(daemon, "bpftrace has lost events")
        ((arguments, strlen, size),) = self.starts()
        self.assertEqual((arguments, strlen), (["-p", str(stub.pid), "-"], "128"))
        self.assertGreater(size, 500)

    def test_a_tracer_that_ends_is_started_again(self):
        """The guest's QEMU goes on meanwhile, so what it has told stays."""
        self.fake(r"""
first = len(starts.read_text().splitlines()) == 1
print("1@1.000001:pci_nvme_read cid 1 nsid 1 nlb 1 count 512 lba 0x0" if first else
      "1@3.000001:pci_nvme_rw_complete_cb cid 1 blk 'drive0'", flush=True)
if first:
    print("ERROR: out of luck", file=sys.stderr)
    sys.exit(3)
time.sleep(1000)
""")
        self.qemu("-name", "vm1")
        daemon = self.daemon()
        self.wait_for(daemon, 1, "pci_nvme_rw_complete_cb", vm="vm1")
        self.wait_for_log(daemon, "bpftrace has ended (exit code 3: ERROR: out of luck), so events are missing")
        values = self.metrics(daemon)
        self.assertEqual(values.total("qemu_trace_exporter_spans_abandoned_total"), 0)
        self.assertEqual(values.total("qemu_nvme_in_flight"), 0)
        self.assertEqual(len(self.starts()), 2)

    def test_one_clear_message_each(self):
        silent = self.directory / "no-probes"
        shutil.copy("/bin/cat", silent)
        for code, binary, words in [
            (None, self.binary, "bpftrace is not installed; install its package"),
            ("sys.exit('ERROR: bpftrace currently only supports running as the root user.')", self.binary,
             "bpftrace lacks rights (ERROR: bpftrace currently only supports running as the root user.); run the daemon as root"),
            ("sys.exit('ERROR: Could not open perf event: Operation not permitted')", self.binary, "bpftrace lacks rights"),
            ("", silent, "has no trace probes, since it was built without the dtrace backend"),
        ]:
            with self.subTest(words=words):
                if code is None:
                    os.environ["PATH"] = "/nowhere"
                else:
                    self.fake(code)
                config = self.config()
                config.write_text(config.read_text().replace(str(self.binary), str(binary)))
                with usdt.Stub(binary, *(["-"] if binary == silent else ["-name", "a"])) as one, \
                        usdt.Stub(binary, *(["-"] if binary == silent else ["-name", "b"])), \
                        exporter.Daemon(f"--config.file={config}") as daemon:
                    daemon.wait_ready()
                    self.wait_for_log(daemon, f"usdt:{binary}: {words}")
                    time.sleep(3)
                    self.assertEqual(daemon.log().count(words), 1, daemon.log())
                    self.assertIn(words, str(daemon.request("/api/v1/status")[2]))
                    self.assertIsNone(one.process.poll())
                os.environ["PATH"] = self.path

    def test_no_tracer_is_left_behind(self):
        self.fake("time.sleep(1000)")
        self.qemu("-name", "vm1")
        daemon = self.daemon()
        tracers = process.wait_until(lambda: children_named("bpftrace", daemon.process.pid), "the tracer")
        daemon.process.kill()
        daemon.process.wait()
        process.wait_until(lambda: not any(pathlib.Path(f"/proc/{pid}").exists() for pid in tracers), "its end")

    def test_processes_that_are_no_guests(self):
        """libvirt asks a QEMU without a name what it can do."""
        self.fake("time.sleep(1000)")
        daemon = self.daemon()
        with self.subTest("one that ends at once"):
            for _ in range(3):
                with usdt.Stub(self.binary):
                    time.sleep(0.4)
            time.sleep(1.5)
            self.assertEqual(self.starts(), [])
        unnamed = self.qemu()
        process.wait_until(lambda: self.metrics(daemon).series("qemu_trace_exporter_qemu_up", vm=str(unnamed.pid)), "a guest")


if __name__ == "__main__":
    if not shutil.which("cc") or "sdt.h" in (usdt.why_not() or ""):
        usdt.need()
    unittest.main(verbosity=2)
