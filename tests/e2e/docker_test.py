#!/usr/bin/env python3
"""The images: built by Docker as docker/README.md says, small, quick to start, the same when built again, and right: QEMU
in one container, the exporter as its sidecar in another, Prometheus in a third, put together by docker/compose.yaml."""

import concurrent.futures
import hashlib
import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import tarfile
import tempfile
import time
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "lib"))
import documents
import exporter
import exposition
import parts
import process
import procfs

yaml = parts.yaml()
DOCKER = exporter.ROOT / "docker"
README = DOCKER / "README.md"
ENGINE = HERE.parent / "lib/docker-engine.sh"
IMAGE = "qemu-trace-exporter"
CONFIG = "/etc/qemu-trace-exporter/config.yaml"
DISKS = ("ide", "nvme", "virtio", "scsi")
KEYSTROKE = "ps2_put_keycode 0x55a7f0e0 keycode 0x34\n"
USB = "usb_port_attach bus 0, port 1, devspeed full, portspeed full\n"
# "ide: rd_bytes=1 wr_bytes=2 ..."
STATISTICS = re.compile(r"^(\w+): rd_bytes=(\d+) wr_bytes=(\d+)", re.M)
# What stands in for the image that compose.yaml names, where nothing can be pulled.
PROMETHEUS = """\
FROM debian:bookworm-slim
RUN apt-get update && apt-get install -y --no-install-recommends prometheus
ENTRYPOINT ["prometheus"]
CMD ["--config.file=/etc/prometheus/prometheus.yml", "--storage.tsdb.path=/tmp/tsdb"]
"""
# What stands in for kubectl: tells, as JSON, what it was given, if it can be read.
KUBECTL = f"""\
#!{sys.executable}
import json, sys
sys.path.insert(0, "{HERE.parent / "lib"}")
import parts
yaml = parts.yaml()
command, words = sys.argv[1], sys.argv[2:]
if command == "apply":
    if words[0] == "-k":
        words = yaml.safe_load(open(words[1] + "/kustomization.yaml"))
    else:
        assert words[0] == "-f"
        words = list(yaml.safe_load_all(open(words[1])))
print(json.dumps([command, words]))
"""
# The commands of docker/README.md.
BUILD, OWN, MORE, UP, DOWN, POD, RULES = documents.marked(README, "docker")
# In the engine's own folder.
SCRATCH = pathlib.Path(os.environ.get("DOCKER_HOST", "").removeprefix("unix://")).parent / "scratch"
LOGS = SCRATCH / "logs"
# What is otherwise here than in the README: the engine has no network but those that are made, and pulls nothing, so that
# Grafana's image cannot be had; this machine's own logs are left alone; docker-compose is what Debian 12 has.
INSTEAD = (
    ("docker build ", "docker build --network host "),
    ("docker run -d ", "docker run -d --network qte "),
    ("-v /var/log/qemu:", f"-v {LOGS}:"),
    (">mine.yaml", f">{SCRATCH}/mine.yaml"),
    ("$PWD/mine.yaml", f"{SCRATCH}/mine.yaml"),
    ("docker compose ", "docker-compose --project-name qte "),
    ("up --build", "up --build --detach exporter guest prometheus"),
)


def run(*command, timeout=1200, **options):
    """The output of what has to succeed."""
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=timeout, **options)
    if done.returncode != 0:
        raise AssertionError(f"{command} ended with {done.returncode}: {(done.stdout + done.stderr)[-4000:]}")
    return done.stdout


def run_block(block, **environment):
    """Commands as printed in docker/README.md, but for INSTEAD."""
    for printed, here in INSTEAD:
        block = block.replace(printed, here)
    return run("bash", "-euc", block, cwd=exporter.ROOT,
               env={**os.environ, "PATH": f"{SCRATCH}/bin:{os.environ['PATH']}", **environment})


def build(tag, *arguments, stdin=None):
    run("docker", "build", "--network", "host", "--tag", tag, *arguments, input=stdin)


def setUpModule():
    LOGS.mkdir(parents=True)
    (LOGS / "vm1.log").write_text(KEYSTROKE + USB)
    (SCRATCH / "bin").mkdir()
    (SCRATCH / "bin/kubectl").write_text(KUBECTL)
    (SCRATCH / "bin/kubectl").chmod(0o755)
    run("docker", "network", "create", "qte")
    # In any order, and so at the same time.
    with concurrent.futures.ThreadPoolExecutor() as pool:
        others = [pool.submit(build, "qemu-trace-guest", "--file", DOCKER / "guest/Dockerfile", exporter.ROOT),
                  pool.submit(build, "prom/prometheus:v2.55.1", "-", stdin=PROMETHEUS)]
        run_block(BUILD)
        for other in others:
            other.result()


def tearDownModule():
    shutil.rmtree(SCRATCH)


def inspect(kind, name, template):
    return run("docker", kind, "inspect", "--format", template, name).strip()


def size(image):
    return int(inspect("image", image, "{{.Size}}"))


def address(container):
    return inspect("container", container, "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}")


def contents(image):
    """{path: what it is} of all that is in an image, without times."""
    name = run("docker", "create", image).strip()
    result = {}
    try:
        with subprocess.Popen(["docker", "export", name], stdout=subprocess.PIPE) as export:
            with tarfile.open(fileobj=export.stdout, mode="r|") as archive:
                for member in archive:
                    text = archive.extractfile(member).read() if member.isfile() else b""
                    result[member.name] = (member.type, oct(member.mode), member.uid, member.gid, member.linkname,
                                           hashlib.sha256(text).hexdigest())
    finally:
        run("docker", "rm", name)
    return result


class Containers(unittest.TestCase):
    """Containers that end with their test."""

    def start(self, *arguments):
        name = run("docker", "run", "--detach", *arguments).strip()
        self.ends(name)
        return name

    def ends(self, name):
        self.addCleanup(run, "docker", "rm", "--force", "--volumes", name)

    def stop(self, name):
        """How long the container took to end, and its exit code."""
        started = time.monotonic()
        run("docker", "stop", "--time", "20", name)
        return time.monotonic() - started, int(inspect("container", name, "{{.State.ExitCode}}"))

    def metrics(self, name):
        return exposition.parse(exporter.request(f"http://{address(name)}:10177/metrics")[2].decode())

    def wait_for(self, name, condition, what):
        def look():
            try:
                found = self.metrics(name)
            except (OSError, ValueError):
                return None
            return found if condition(found) else None
        return process.wait_until(look, what, 30)

    def wait_for_health(self, name, health):
        process.wait_until(lambda: inspect("container", name, "{{.State.Health.Status}}") == health,
                           f"the container to be {health}", 30)


class ImageTest(Containers):
    def test_it_is_small(self):
        added = size(IMAGE) - size("debian:bookworm-slim")
        print(f"{added / 1e6:.1f} MB over the base")
        self.assertLess(added, 60e6)

    def test_it_is_no_root_and_has_labels(self):
        config = json.loads(run("docker", "image", "inspect", IMAGE))[0]["Config"]
        self.assertEqual(config["User"], "10177:10177")
        self.assertIn("Healthcheck", config)
        version = run("docker", "run", "--rm", "--network", "none", IMAGE, "--version").split()[-1]
        self.assertEqual(config["Labels"]["org.opencontainers.image.version"], version)
        who = run("docker", "run", "--rm", "--network", "none", "--entrypoint", "id", IMAGE).strip()
        self.assertEqual(who, "uid=10177(exporter) gid=10177(exporter) groups=10177(exporter)")

    def test_another_build_has_the_same_layers(self):
        """All but the compilation is done again, as the argument is another. The next test has that."""
        build("again", "--build-arg", "VERSION=again", "--file", DOCKER / "Dockerfile", exporter.ROOT)
        self.assertEqual(inspect("image", "again", '{{index .Config.Labels "org.opencontainers.image.version"}}'), "again")
        first, second = contents(IMAGE), contents("again")
        self.assertGreater(len(first), 1000)
        self.assertEqual({path: (first.get(path), second.get(path)) for path in first.keys() | second.keys()
                          if first.get(path) != second.get(path)}, {})
        # These have the times as well.
        layers = [json.loads(inspect("image", image, "{{json .RootFS.Layers}}")) for image in (IMAGE, "again")]
        self.assertEqual(*layers)
        print(f"{len(first)} files and all layers are the same:", *(layer[7:19] for layer in layers[0]))

    def test_the_binary_is_the_same_elsewhere(self):
        """The program under test was built in another folder, at another time, with tests, and not by Docker."""
        name = self.start("--network", "none", IMAGE)
        run("docker", "cp", f"{name}:/usr/bin/qemu-trace-exporter", SCRATCH / "image")
        shutil.copy(exporter.BINARY, SCRATCH / "here")
        for path in (SCRATCH / "image", SCRATCH / "here"):
            # The build's digest is over the debugging information as well, which names folders.
            run("strip", "--remove-section=.note.gnu.build-id", path)
        same = (SCRATCH / "image").read_bytes() == (SCRATCH / "here").read_bytes()
        if not same and not pathlib.Path(exporter.BINARY).is_relative_to(exporter.ROOT / "build/release"):
            self.skipTest(f"{exporter.BINARY} may be of other sources")
        if not same and len(set(self.versions())) > 1:
            self.skipTest("other versions of the compiler or the libraries are installed here than in the image")
        self.assertTrue(same, f"the image's binary and {exporter.BINARY} differ: are options or sources other than usual?")

    def versions(self):
        """The packages that go into the binary, here and in the image that builds it."""
        build_packages = run("bash", "-c", '. tests/lib/packages.sh; echo "${build_packages[@]}"', cwd=exporter.ROOT).split()
        query = ("dpkg-query", "--show", "binutils", "g++-12", "libc6-dev", "libstdc++-12-dev",
                 *(name for name in build_packages if name.endswith("-dev")))
        build("build-stage", "--target", "build", "--file", DOCKER / "Dockerfile", exporter.ROOT)
        return run(*query), run("docker", "run", "--rm", "--network", "none", "build-stage", *query)

    def test_the_archive_can_be_another(self):
        with self.assertRaisesRegex(AssertionError, r"127\.0\.0\.1:9/nowhere"):
            build("none", "--build-arg", "MIRROR=http://127.0.0.1:9/nowhere", "--file", DOCKER / "Dockerfile", exporter.ROOT)

    def test_it_starts_quickly(self):
        """From the start of its first process, before that becomes the exporter, to the first answer."""
        took = min(self.time_to_answer() for _ in range(5))
        print(f"{took:.3f} s to the first answer")
        self.assertLess(took, 0.2)

    def time_to_answer(self):
        port = process.free_port()
        with concurrent.futures.ThreadPoolExecutor() as pool:
            answer = pool.submit(self.first_answer, port)
            name = run("docker", "run", "--detach", "--rm", "--read-only", "--network", "host", IMAGE,
                       f"--config.file={CONFIG}", f"--web.listen-address=127.0.0.1:{port}").strip()
            try:
                pid = inspect("container", name, "{{.State.Pid}}")
                return answer.result() - procfs.started(pid)
            finally:
                run("docker", "kill", name)

    def first_answer(self, port):
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            try:
                with socket.create_connection(("127.0.0.1", port)) as connection:
                    connection.sendall(b"GET /-/healthy HTTP/1.0\r\n\r\n")
                    if b" 200 " in connection.recv(100):
                        return time.clock_gettime(time.CLOCK_BOOTTIME)
            except OSError:
                time.sleep(0.001)
        raise TimeoutError(f"no answer at port {port}")

    def test_its_health_is_checked(self):
        name = self.start("--network", "none", "--health-interval=1s", IMAGE)
        self.wait_for_health(name, "healthy")
        took, code = self.stop(name)
        print(f"{took:.1f} s to stop")
        self.assertEqual(code, 0)
        self.assertLess(took, 5)

    def test_its_health_is_checked_with_passwords_and_elsewhere(self):
        web = SCRATCH / "web.yml"
        shutil.copy(exporter.ROOT / "config/web.yml", web)
        name = self.start("--network", "none", "--health-interval=1s", "--env", "HEALTH_ADDRESS=127.0.0.1:9000",
                          "--volume", f"{web}:/web.yml:ro", IMAGE, "--web.config.file=/web.yml",
                          "--web.listen-address=127.0.0.1:9000")
        self.wait_for_health(name, "healthy")

    def test_its_health_is_ill_where_nobody_answers(self):
        name = self.start("--network", "none", "--health-interval=1s", "--health-retries=1", "--health-start-period=1ms",
                          IMAGE, "--web.listen-address=127.0.0.1:9000")
        self.wait_for_health(name, "unhealthy")

    def test_the_fifo_of_the_pod_brings_lines(self):
        """The commands of kubernetes/fifo/pod.yaml, with the rights that they have there."""
        pod, = yaml.safe_load_all((DOCKER / "kubernetes/fifo/pod.yaml").read_text())
        fifo, sidecar = pod["spec"]["initContainers"]
        traces = SCRATCH / "traces"
        traces.mkdir()
        os.chown(traces, 0, pod["spec"]["securityContext"]["fsGroup"])
        traces.chmod(0o2775)
        rights = ("--read-only", "--cap-drop", "ALL", "--user", "10177")
        program, *arguments = fifo["command"]
        run("docker", "run", "--rm", "--network", "none", *rights, "--volume", f"{traces}:/var/log/qemu",
            "--entrypoint", program, IMAGE, *arguments)
        name = self.start("--network", "qte", *rights, "--volume", f"{traces}:/var/log/qemu:ro", IMAGE, *sidecar["args"])
        run("docker", "run", "--rm", "--interactive", "--network", "none", "--user", "1000", "--volume",
            f"{traces}:/var/log/qemu", "debian:bookworm-slim", "tee", arguments[-1], input=KEYSTROKE, timeout=60)
        self.wait_for(name, lambda found: found.total("qemu_keyboard_keystrokes_total", vm="vm2") == 1, "the keystroke")


class ReadmeTest(Containers):
    """docker/README.md, but for what ComposeTest runs of it."""

    def test_the_exporter_reads_the_logs(self):
        self.ends("exporter")  # started with the build
        self.wait_for("exporter", lambda found: found.total("qemu_keyboard_keystrokes_total", vm="vm1") == 1, "the keystroke")
        self.assertEqual(exporter.request("http://127.0.0.1:10177/-/ready")[0], 200)

    def test_a_config_of_ones_own_is_read(self):
        run_block(OWN)
        self.ends("mine")
        self.wait_for("mine", lambda found: "qemu_keyboard_keystrokes_total" in found.types, "the default config's metrics")
        # "Then edit it."
        with open(SCRATCH / "mine.yaml", "a") as config:
            config.write("  - {name: qemu_mine_total, type: counter, help: Mine., event: ps2_put_keycode}\n")
        run("docker", "restart", "mine")
        self.wait_for("mine", lambda found: "qemu_mine_total" in found.types, "the new metric")

    def test_arguments_stand_instead_of_the_config(self):
        run_block(MORE)
        self.ends("more")
        found = self.wait_for("more", lambda found: "qemu_keyboard_keystrokes_total" in found.types, "metrics")
        self.assertIn("qemu_usb_attaches_total", found.types)
        name = self.start("--network", "qte", "--volume", f"{exporter.ROOT}/config/usb.yaml:{CONFIG}:ro",
                          "--volume", f"{LOGS}:/var/log/qemu:ro", IMAGE, "--trace.path=/var/log/qemu/*.log")
        found = self.wait_for(name, lambda found: "qemu_keyboard_keystrokes_total" in found.types, "metrics")
        self.assertNotIn("qemu_usb_attaches_total", found.types)

    def test_counters_go_on_over_an_upgrade(self):
        logs = SCRATCH / "upgrade"
        logs.mkdir()
        (logs / "vm1.log").write_text(KEYSTROKE)
        self.addCleanup(run, "docker", "volume", "rm", "state")
        arguments = ("--network", "qte", "--read-only", "-v", f"{logs}:/var/log/qemu:ro", "-v",
                     "state:/var/lib/qemu-trace-exporter", IMAGE, "--state.path=/var/lib/qemu-trace-exporter")
        first = self.start(*arguments)
        self.wait_for(first, lambda found: found.total("qemu_keyboard_keystrokes_total", vm="vm1") == 1, "the keystroke")
        self.stop(first)
        # A container that begins anew finds none.
        (logs / "vm1.log").write_text("")
        self.wait_for(self.start(*arguments),
                      lambda found: found.total("qemu_keyboard_keystrokes_total", vm="vm1") == 1, "the keystroke again")

    def test_kubectl_is_given_what_can_be_read(self):
        command, documents = json.loads(run_block(POD))
        self.assertEqual((command, [document["kind"] for document in documents]), ("apply", ["Pod", "PodMonitor"]))
        # kubernetes_test.py says what it is made of.
        command, kustomization = json.loads(run_block(RULES))
        self.assertEqual((command, kustomization["resources"][0]), ("apply", "prometheus-rule.yaml"))


class ComposeTest(Containers):
    def compose(self, *arguments):
        return run("docker-compose", "--project-name", "qte", "--file", DOCKER / "compose.yaml", *arguments)

    def container(self, service):
        return self.compose("ps", "--quiet", service).strip()

    def statistics(self):
        """QEMU's own account of the bytes that were read and written, as it was told last: {disk: (read, written)}."""
        return {disk: (int(read), int(written))
                for disk, read, written in STATISTICS.findall(run("docker", "logs", "--tail=60", self.container("guest")))}

    def test_all_services_are_described_well(self):
        self.compose("config", "--quiet")

    def test_the_sidecar_has_qemus_numbers(self):
        # At the same port.
        run("docker", "stop", "exporter")
        self.addCleanup(run, "docker", "start", "exporter")
        self.addCleanup(run_block, DOWN)
        # Built already, so found.
        run_block(UP, WORKLOAD="once", COMPOSE_DOCKER_CLI_BUILD="1")
        sidecar, guest = self.container("exporter"), self.container("guest")

        def written(disk):
            return self.metrics(sidecar).total("qemu_block_written_bytes_total", device=f"/tmp/disks/{disk}.img")

        process.wait_until(lambda: all(written(disk) for disk in DISKS), "every disk to be written", 180)
        # The guest rests when it is done; QEMU's account comes every ten seconds.
        before = None
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline and (len(before or ()) < len(DISKS) or before != self.statistics()):
            before = self.statistics()
            time.sleep(11)
        self.assertEqual(set(before), set(DISKS))
        found = self.metrics(sidecar)
        for disk, (read, written_bytes) in before.items():
            device = f"/tmp/disks/{disk}.img"
            self.assertEqual(found.total("qemu_block_read_bytes_total", vm="demo", device=device), read, disk)
            self.assertEqual(found.total("qemu_block_written_bytes_total", vm="demo", device=device), written_bytes, disk)
        self.assertGreater(found.total("qemu_keyboard_keystrokes_total", vm="demo"), 5)
        # Prometheus asks for the sidecar by its service's name.
        api = f"http://{address(self.container('prometheus'))}:9090/api/v1/query?query=qemu_block_written_bytes_total"

        def scraped():
            result = json.loads(exporter.request(api)[2])["data"]["result"]
            return {sample["metric"]["device"]: float(sample["value"][1]) for sample in result
                    if sample["metric"]["instance"] == "exporter:10177"}
        process.wait_until(lambda: scraped() == {f"/tmp/disks/{disk}.img": numbers[1]
                                                 for disk, numbers in before.items()}, "Prometheus to have them", 30)
        took, _ = self.stop(guest)
        print(f"{took:.1f} s to stop QEMU")
        self.assertLess(took, 5)


def main():
    if os.environ.get("DOCKER_HOST", "").startswith("unix:///tmp/qte-engine-"):
        unittest.main(verbosity=2)
    # Once more, with an engine of our own.
    directory = tempfile.mkdtemp(prefix="qte-engine-", dir="/tmp")
    try:
        sys.exit(process.spawn([ENGINE, directory, sys.executable, __file__, *sys.argv[1:]]).wait())
    finally:
        shutil.rmtree(directory)


if __name__ == "__main__":
    main()
