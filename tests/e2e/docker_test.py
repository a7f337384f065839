#!/usr/bin/env python3
"""The images: built by Docker, small, quick to start, and right: QEMU in one container, the exporter as its sidecar in
another, Prometheus in a third, put together by docker/compose.yaml."""

import concurrent.futures
import json
import os
import pathlib
import re
import socket
import subprocess
import sys
import tempfile
import time
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "lib"))
import exporter
import exposition
import process
import procfs

DOCKER = exporter.ROOT / "docker"
ENGINE = HERE.parent / "lib/docker-engine.sh"
DISKS = ("ide", "nvme", "virtio", "scsi")
# "ide: rd_bytes=1 wr_bytes=2 ..."
STATISTICS = re.compile(r"^(\w+): rd_bytes=(\d+) wr_bytes=(\d+)", re.M)
# What stands in for the image that compose.yaml names, where nothing can be pulled.
PROMETHEUS = """\
FROM debian:bookworm-slim
RUN apt-get update && apt-get install -y --no-install-recommends prometheus
ENTRYPOINT ["prometheus"]
CMD ["--config.file=/etc/prometheus/prometheus.yml", "--storage.tsdb.path=/tmp/tsdb"]
"""


def run(*command, timeout=1200, **options):
    """The output of what has to succeed."""
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=timeout, **options)
    if done.returncode != 0:
        raise AssertionError(f"{command} ended with {done.returncode}: {(done.stdout + done.stderr)[-4000:]}")
    return done.stdout


def build(tag, *arguments, stdin=None):
    run("docker", "build", "--network", "host", "--tag", tag, *arguments, input=stdin)


def size(image):
    return int(run("docker", "image", "inspect", "--format", "{{.Size}}", image))


class ImageTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        build("qemu-trace-exporter", "--file", DOCKER / "Dockerfile", exporter.ROOT)

    def test_it_is_small(self):
        added = size("qemu-trace-exporter") - size("debian:bookworm-slim")
        print(f"{added / 1e6:.1f} MB over the base")
        self.assertLess(added, 60e6)

    def test_it_is_no_root_and_has_labels(self):
        config = json.loads(run("docker", "image", "inspect", "qemu-trace-exporter"))[0]["Config"]
        self.assertEqual(config["User"], "10177:10177")
        self.assertIn("Healthcheck", config)
        version = run("docker", "run", "--rm", "--network", "none", "qemu-trace-exporter", "--version").split()[-1]
        self.assertEqual(config["Labels"]["org.opencontainers.image.version"], version)

    def test_it_starts_quickly(self):
        """From the start of its first process, before that becomes the exporter, to the first answer."""
        took = min(self.time_to_answer() for _ in range(5))
        print(f"{took:.3f} s to the first answer")
        self.assertLess(took, 0.2)

    def time_to_answer(self):
        port = process.free_port()
        with concurrent.futures.ThreadPoolExecutor() as pool:
            answer = pool.submit(self.first_answer, port)
            name = run("docker", "run", "--detach", "--rm", "--read-only", "--network", "host", "qemu-trace-exporter",
                       f"--web.listen-address=127.0.0.1:{port}").strip()
            try:
                pid = run("docker", "inspect", "--format", "{{.State.Pid}}", name).strip()
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
        name = run("docker", "run", "--detach", "--rm", "--network", "none", "--health-interval=1s", "qemu-trace-exporter").strip()
        try:
            process.wait_until(lambda: run("docker", "inspect", "--format", "{{.State.Health.Status}}", name).strip()
                               == "healthy", "the container to be healthy", 30)
        finally:
            run("docker", "kill", name)


class ComposeTest(unittest.TestCase):
    def setUp(self):
        build("qemu-trace-exporter", "--file", DOCKER / "Dockerfile", exporter.ROOT)
        build("qemu-trace-guest", "--file", DOCKER / "guest/Dockerfile", exporter.ROOT)
        build("prom/prometheus:v2.55.1", "-", stdin=PROMETHEUS)
        self.addCleanup(self.compose, "down", "--volumes", "--timeout", "5")
        # Not Grafana, whose image can only be pulled.
        self.compose("up", "--detach", "--no-build", "exporter", "guest", "prometheus")

    def compose(self, *arguments):
        return run("docker-compose", "--project-name", "qte", "--file", DOCKER / "compose.yaml", *arguments,
                   env={**os.environ, "WORKLOAD": "once"})

    def container(self, service):
        return self.compose("ps", "--quiet", service).strip()

    def address(self, service):
        return run("docker", "inspect", "--format", "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}",
                   self.container(service)).strip()

    def statistics(self):
        """QEMU's own account of the bytes that were read and written, as it was told last: {disk: (read, written)}."""
        return {disk: (int(read), int(written))
                for disk, read, written in STATISTICS.findall(run("docker", "logs", "--tail=60", self.container("guest")))}

    def test_the_sidecar_has_qemus_numbers(self):
        url = f"http://{self.address('exporter')}:10177"

        def metrics():
            return exposition.parse(exporter.request(url + "/metrics")[2].decode())

        def written(disk):
            return metrics().total("qemu_block_written_bytes_total", device=f"/tmp/disks/{disk}.img")

        process.wait_until(lambda: all(written(disk) for disk in DISKS), "every disk to be written", 180)
        # The guest rests when it is done; QEMU's account comes every ten seconds.
        before = None
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline and (len(before or ()) < len(DISKS) or before != self.statistics()):
            before = self.statistics()
            time.sleep(11)
        self.assertEqual(set(before), set(DISKS))
        found = metrics()
        for disk, (read, written_bytes) in before.items():
            device = f"/tmp/disks/{disk}.img"
            self.assertEqual(found.total("qemu_block_read_bytes_total", vm="demo", device=device), read, disk)
            self.assertEqual(found.total("qemu_block_written_bytes_total", vm="demo", device=device), written_bytes, disk)
        self.assertGreater(found.total("qemu_keyboard_keystrokes_total", vm="demo"), 5)
        # Prometheus asks for the sidecar by its service's name.
        api = f"http://{self.address('prometheus')}:9090/api/v1/query?query=qemu_block_written_bytes_total"

        def scraped():
            result = json.loads(exporter.request(api)[2])["data"]["result"]
            return {sample["metric"]["device"]: float(sample["value"][1]) for sample in result
                    if sample["metric"]["instance"] == "exporter:10177"}
        process.wait_until(lambda: scraped() == {f"/tmp/disks/{disk}.img": numbers[1]
                                                 for disk, numbers in before.items()}, "Prometheus to have them", 30)


if __name__ == "__main__":
    if "DOCKER_HOST" not in os.environ or not os.environ["DOCKER_HOST"].startswith("unix:///tmp/qte-engine"):
        # Once more, with an engine of our own.
        directory = tempfile.mkdtemp(prefix="qte-engine-")
        try:
            sys.exit(subprocess.run([str(ENGINE), directory, sys.executable, __file__, *sys.argv[1:]]).returncode)
        finally:
            subprocess.run(["rm", "-rf", directory])
    unittest.main(verbosity=2)
