#!/usr/bin/env python3
"""What stands in docker/, without Docker: that its files agree with the program, with each other, and with the rest of the
tree. With --update, docker/guest/qemu-args is written anew, and the PrometheusRule as well."""

import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
import documents
import exporter
import parts

yaml = parts.yaml()
DOCKER = exporter.ROOT / "docker"
KUBERNETES = DOCKER / "kubernetes"
DOCKERFILE = (DOCKER / "Dockerfile").read_text()
GUEST = (DOCKER / "guest/Dockerfile").read_text()
QEMU_ARGS = DOCKER / "guest/qemu-args"
RULE = KUBERNETES / "base/prometheus-rule.yaml"
RULE_HEAD = """\
# dashboards/rules/qemu-trace-exporter.yaml for the Prometheus operator. Do not edit this copy: change that file, then run
# tests/e2e/docker_files_test.py --update.
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: qemu-trace-exporter
  # The ruleSelector of the chart kube-prometheus-stack selects its release's name here.
  labels: {release: kube-prometheus-stack}
spec:
"""
PORT = 10177
# Tests alone need these, of what it takes to build.
FOR_TESTS = {"catch2", "ccache", "python3"}


def prometheus_rule():
    """What base/prometheus-rule.yaml has to be."""
    rules = (exporter.ROOT / "dashboards/rules/qemu-trace-exporter.yaml").read_text()
    return RULE_HEAD + re.sub(r"^(?=.)", "  ", rules[rules.index("groups:"):], flags=re.M)


def version():
    return re.search(r"^project\(qemu-trace-exporter VERSION (\S+)", (exporter.ROOT / "CMakeLists.txt").read_text(), re.M)[1]


def installed_by(dockerfile):
    """The packages of each `apt-get install`, a set for each."""
    commands = re.sub(r"\\\n", " ", dockerfile)
    return [set(names.split()) for names in re.findall(r"apt-get install -y --no-install-recommends ([^&\n]+)", commands)]


def packages(array):
    """An array of tests/lib/packages.sh."""
    script = f'. tests/lib/packages.sh; printf "%s\\n" "${{{array}[@]}}"'
    done = subprocess.run(["bash", "-c", script], cwd=exporter.ROOT, capture_output=True, text=True, check=True)
    return set(done.stdout.split())


class DockerfileTest(unittest.TestCase):
    def test_it_builds_with_the_packages_that_builds_need(self):
        build, _ = installed_by(DOCKERFILE)
        self.assertEqual(build, packages("build_packages") - FOR_TESTS)
        self.assertLess(FOR_TESTS, packages("build_packages"))

    def test_the_guest_has_the_packages_that_guests_need(self):
        guest, = installed_by(GUEST)
        self.assertEqual(guest - {"gzip"}, packages("guest_packages"))

    def test_its_version_is_the_programs(self):
        self.assertEqual(re.findall(r"^ARG VERSION=(.*)$", DOCKERFILE, re.M), [version()])

    def test_images_are_built_from_debian_alone(self):
        """One that began from another of these would have to be built after it, and compose builds them together."""
        for dockerfile in (DOCKERFILE, GUEST):
            for base in re.findall(r"^FROM (\S+)", dockerfile, re.M):
                self.assertEqual(base, "debian:${DEBIAN}")

    def test_the_guest_traces_what_the_default_config_needs(self):
        self.assertEqual(QEMU_ARGS.read_text(), exporter.run("qemu-args").stdout, f"update it by {__file__} --update")


class ComposeTest(unittest.TestCase):
    def setUp(self):
        self.services = yaml.safe_load((DOCKER / "compose.yaml").read_text())["services"]

    def mounts(self, service):
        """{path in the container: path in the tree} of what the service has from here."""
        result = {}
        for volume in self.services[service].get("volumes", ()):
            source, target, *_ = volume.split(":")
            if source.startswith("."):
                result[target] = (DOCKER / source).resolve()
        return result

    def address(self, url):
        """Checks that HOST:PORT is a service and a port that it publishes."""
        host, port = url.removeprefix("http://").split(":")
        self.assertIn(host, self.services)
        self.assertIn(port, [published.split(":")[-1] for published in self.services[host]["ports"]])

    def test_what_is_mounted_is_there(self):
        for service in self.services:
            for path in self.mounts(service).values():
                self.assertTrue(path.exists(), f"{service}: {path}")

    def test_what_is_built_is_there(self):
        for service, fields in self.services.items():
            build = fields.get("build")
            if build:
                context = (DOCKER / build["context"]).resolve()
                self.assertEqual(context, exporter.ROOT)
                self.assertTrue((context / build["dockerfile"]).exists(), service)
            else:
                self.assertRegex(fields["image"], r":v?\d+\.\d+\.\d+$", "an image from elsewhere has a version")

    def test_prometheus_scrapes_the_exporter_and_finds_the_rules(self):
        mounts = self.mounts("prometheus")
        config = yaml.safe_load(mounts["/etc/prometheus/prometheus.yml"].read_text())
        for scraped in config["scrape_configs"]:
            for static in scraped["static_configs"]:
                for target in static["targets"]:
                    self.address(target)
        for rules in map(pathlib.PurePosixPath, config["rule_files"]):
            self.assertTrue((mounts[str(rules.parent)] / rules.name).exists(), rules)

    def test_grafana_is_provisioned_with_what_is_mounted(self):
        mounts = self.mounts("grafana")
        provisioning = mounts["/etc/grafana/provisioning"]
        sources = yaml.safe_load((provisioning / "datasources/prometheus.yaml").read_text())["datasources"]
        prometheus = yaml.safe_load((DOCKER / "prometheus.yml").read_text())
        for source in sources:
            self.address(source["url"])
            self.assertEqual(source["jsonData"]["timeInterval"], prometheus["global"]["scrape_interval"])
        provider, = yaml.safe_load((provisioning / "dashboards/qemu.yaml").read_text())["providers"]
        shown = {path.name for target, path in mounts.items() if target.startswith(provider["options"]["path"] + "/")}
        self.assertEqual(shown, {path.name for path in (exporter.ROOT / "dashboards").glob("*.json")})
        self.assertIn(self.services["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"], mounts)


class RuleTest(unittest.TestCase):
    def test_the_prometheus_rule_has_the_rules(self):
        self.assertEqual(RULE.read_text(), prometheus_rule(), f"update it by {__file__} --update")
        rule = yaml.safe_load(RULE.read_text())
        rules = exporter.ROOT / "dashboards/rules/qemu-trace-exporter.yaml"
        self.assertEqual(rule["spec"], yaml.safe_load(rules.read_text()))


class KubernetesTest(unittest.TestCase):
    def setUp(self):
        self.plain = list(yaml.safe_load_all((KUBERNETES / "sidecar/pod.yaml").read_text()))
        self.fifo = list(yaml.safe_load_all((KUBERNETES / "fifo/pod.yaml").read_text()))
        self.pods = [document for document in self.plain + self.fifo if document["kind"] == "Pod"]
        self.monitor, = [document for document in self.plain + self.fifo if document["kind"] == "PodMonitor"]

    def sidecar(self, pod):
        found, = [container for container in pod["spec"]["initContainers"] if container["name"] == "exporter"]
        return found

    def test_there_are_two_pods(self):
        self.assertEqual([pod["metadata"]["name"] for pod in self.pods], ["vm1", "vm2"])
        for pod in self.pods:
            self.assertEqual((pod["apiVersion"], self.sidecar(pod)["restartPolicy"]), ("v1", "Always"))

    def test_images_are_those_that_are_built_here(self):
        images = {container["image"] for pod in self.pods
                  for container in pod["spec"]["initContainers"] + pod["spec"]["containers"]}
        self.assertEqual(images, {f"qemu-trace-exporter:{version()}", "qemu-trace-guest"})

    def test_the_program_takes_the_arguments_and_answers_the_probes(self):
        for pod in self.pods:
            sidecar = self.sidecar(pod)
            port, = sidecar["ports"]
            self.assertEqual(port["containerPort"], PORT)
            with tempfile.TemporaryDirectory(prefix="qte-docker-") as directory:
                # As in the image, where it is the default config.
                config = pathlib.Path(directory, "config.yaml")
                config.write_text((exporter.ROOT / "config/default.yaml").read_text())
                arguments = [argument.replace("/etc/qemu-trace-exporter", directory) for argument in sidecar["args"]]
                checked = exporter.run("check", *arguments)
                self.assertEqual(checked.returncode, 0, checked.stderr)
                with exporter.Daemon(*arguments) as daemon:
                    for probe in ("startupProbe", "livenessProbe"):
                        asked = sidecar[probe]["httpGet"]
                        self.assertEqual(asked["port"], port["name"])
                        daemon.wait_for_status(asked["path"], 200)

    def test_the_sidecar_may_do_nothing_but_read(self):
        for pod in self.pods:
            sidecar = self.sidecar(pod)
            security = sidecar["securityContext"]
            self.assertIn(f"USER {security['runAsUser']}:{pod['spec']['securityContext']['fsGroup']}", DOCKERFILE)
            self.assertTrue(security["runAsNonRoot"] and security["readOnlyRootFilesystem"])
            self.assertEqual(security["capabilities"], {"drop": ["ALL"]})
            volumes = {volume["name"] for volume in pod["spec"]["volumes"]}
            read, = sidecar["volumeMounts"]
            written, = pod["spec"]["containers"][0]["volumeMounts"]
            self.assertTrue(read["readOnly"])
            self.assertEqual((read["name"], read["mountPath"]), (written["name"], written["mountPath"]))
            self.assertIn(read["name"], volumes)

    def test_the_pods_differ_in_the_fifo_alone(self):
        plain, fifo = (self.sidecar(pod) for pod in self.pods)
        self.assertEqual(plain, fifo)
        # The first of the list ends before the next starts; QEMU's container makes $NAME.log, were it not there.
        made, _ = self.pods[1]["spec"]["initContainers"]
        name = {pair["name"]: pair["value"] for pair in self.pods[1]["spec"]["containers"][0]["env"]}["NAME"]
        self.assertEqual(made["command"], ["mkfifo", "--mode=666", f"/var/log/qemu/{name}.log"])
        self.assertNotIn("restartPolicy", made)

    def test_the_monitor_selects_the_pods_and_their_port(self):
        selected = self.monitor["spec"]["selector"]["matchLabels"]
        endpoint, = self.monitor["spec"]["podMetricsEndpoints"]
        for pod in self.pods:
            self.assertLessEqual(selected.items(), pod["metadata"]["labels"].items())
            self.assertIn(endpoint["port"], [port["name"] for port in self.sidecar(pod)["ports"]])


class LibvirtTest(unittest.TestCase):
    """libvirt/: the exporter on each node on which libvirt runs VMs."""

    def setUp(self):
        text = (KUBERNETES / "libvirt/exporter.yaml").read_text()
        self.documents = {document["kind"]: document for document in yaml.safe_load_all(text)}
        self.pod = self.documents["DaemonSet"]["spec"]["template"]
        self.container, = self.pod["spec"]["containers"]

    def test_it_is_the_image_that_is_built_here(self):
        self.assertEqual(self.container["image"], f"qemu-trace-exporter:{version()}")

    def test_the_program_takes_the_arguments_and_reads_the_nodes_logs(self):
        volumes = {volume["name"]: volume["hostPath"]["path"] for volume in self.pod["spec"]["volumes"]}
        mounts = {mount["name"]: mount["mountPath"] for mount in self.container["volumeMounts"]}
        self.assertEqual(volumes.keys(), mounts.keys())
        self.assertIn(f"{volumes['logs']}/*.log", (exporter.ROOT / "docs/how-to/libvirt.md").read_text())
        with tempfile.TemporaryDirectory(prefix="qte-docker-") as directory:
            for name in mounts:
                pathlib.Path(directory, name).mkdir()
            # As in the image, where it is the default config.
            config = (exporter.ROOT / "config/default.yaml").read_text()
            self.assertIn(f"path: {mounts['logs']}/*.log", config)
            pathlib.Path(directory, "config.yaml").write_text(config.replace(mounts["logs"], f"{directory}/logs"))
            pathlib.Path(directory, "logs/web1.log").write_text("pci_cfg_read d 00:00.0 @0x0 -> 0x1\n")
            arguments = [argument.replace(mounts["state"], f"{directory}/state").replace("/etc/qemu-trace-exporter", directory)
                         for argument in self.container["args"]]
            with exporter.Daemon(*arguments) as daemon:
                daemon.wait_ready()
                self.assertIn('qemu_pci_config_reads_total{vm="web1"', daemon.text())
                for probe in ("startupProbe", "livenessProbe"):
                    asked = self.container[probe]["httpGet"]
                    self.assertEqual([port["name"] for port in self.container["ports"]], [asked["port"]])
                    daemon.wait_for_status(asked["path"], 200)
            self.assertTrue(list(pathlib.Path(directory, "state").iterdir()), "a checkpoint")

    def test_it_may_do_nothing_but_read(self):
        security = self.container["securityContext"]
        self.assertEqual(security["capabilities"], {"drop": ["ALL"]})
        self.assertTrue(security["readOnlyRootFilesystem"])
        self.assertIs(security["allowPrivilegeEscalation"], False)
        read_only = {mount["name"] for mount in self.container["volumeMounts"] if mount.get("readOnly")}
        self.assertEqual(read_only, {"logs"})
        self.assertFalse({"hostPID", "hostNetwork", "hostIPC"} & self.pod["spec"].keys())

    def test_the_monitor_selects_the_pods(self):
        monitor = self.documents["PodMonitor"]["spec"]
        self.assertEqual(self.documents["DaemonSet"]["spec"]["selector"], monitor["selector"])
        self.assertLessEqual(monitor["selector"]["matchLabels"].items(), self.pod["metadata"]["labels"].items())


class UsdtTest(unittest.TestCase):
    """kubevirt/ and openshift/: the exporter on each node of KubeVirt."""

    HOW_TO = exporter.ROOT / "docs/how-to/kubevirt-and-openshift.md"

    def setUp(self):
        self.text = (KUBERNETES / "kubevirt/exporter.yaml").read_text()
        self.documents = {document["kind"]: document for document in yaml.safe_load_all(self.text)}
        self.pod = self.documents["DaemonSet"]["spec"]["template"]
        self.container, = self.pod["spec"]["containers"]
        self.security = self.container["securityContext"]
        self.constraints, = yaml.safe_load_all((KUBERNETES / "openshift/scc.yaml").read_text())

    def test_all_is_in_its_own_namespace(self):
        namespace = self.documents["Namespace"]["metadata"]
        self.assertEqual(namespace["labels"], {"pod-security.kubernetes.io/enforce": "privileged"})
        for kind in self.documents.keys() - {"Namespace"}:
            self.assertEqual(self.documents[kind]["metadata"]["namespace"], namespace["name"], kind)

    def test_the_image_is_built_as_the_how_to_says(self):
        self.assertEqual(self.container["image"], f"qemu-trace-exporter-usdt:{version()}")
        command = f"/{self.container['image']} --build-arg PACKAGES=bpftrace -f docker/Dockerfile ."
        self.assertIn(command, self.HOW_TO.read_text())
        self.assertEqual(re.findall(r"^ARG PACKAGES.*$", DOCKERFILE, re.M), ["ARG PACKAGES=", "ARG PACKAGES"])
        _, installed = installed_by(DOCKERFILE)
        self.assertIn("${PACKAGES}", installed)
        # The how-to puts the registry in front of it by sed.
        self.assertEqual(self.text.count("image: "), 1)

    def test_the_config_is_the_one_of_the_how_to(self):
        config = self.documents["ConfigMap"]["data"]["usdt.yaml"]
        how_to, = [block.text for block in documents.blocks(self.HOW_TO) if block.argument == "usdt.yaml"]
        self.assertEqual(config, how_to)
        binary = yaml.safe_load(config)["sources"][0]["usdt"]
        self.assertIn(f'"{binary}"', (exporter.ROOT / "exporter/commands/bpftrace.cc").read_text())

    def test_the_program_takes_the_arguments_and_answers_the_probes(self):
        port, = self.container["ports"]
        self.assertEqual(port["containerPort"], PORT)
        mounts = {mount["name"]: mount["mountPath"] for mount in self.container["volumeMounts"]}
        with tempfile.TemporaryDirectory(prefix="qte-docker-") as directory:
            arguments = self.container["args"]
            for name, path in mounts.items():
                pathlib.Path(directory, name).mkdir()
                arguments = [argument.replace(path, f"{directory}/{name}") for argument in arguments]
            for name, text in self.documents["ConfigMap"]["data"].items():
                pathlib.Path(directory, "config", name).write_text(text)
            checked = exporter.run("check", *arguments)
            self.assertEqual(checked.returncode, 0, checked.stderr)
            with exporter.Daemon(*arguments) as daemon:
                for probe in ("startupProbe", "livenessProbe"):
                    asked = self.container[probe]["httpGet"]
                    self.assertEqual(asked["port"], port["name"])
                    daemon.wait_for_status(asked["path"], 200)

    def test_what_is_mounted_is_there(self):
        volumes = {volume["name"]: volume for volume in self.pod["spec"]["volumes"]}
        self.assertEqual({mount["name"] for mount in self.container["volumeMounts"]}, set(volumes))
        self.assertEqual(volumes["config"]["configMap"]["name"], self.documents["ConfigMap"]["metadata"]["name"])

    def test_it_has_the_rights_of_the_service_and_no_more(self):
        """Those of the drop-in for systemd, but for what reads logs. There, memory is unlimited by LimitMEMLOCK."""
        drop_in = (exporter.ROOT / "config/systemd/usdt.conf").read_text()
        granted = set(re.search(r"^CapabilityBoundingSet=(CAP_.*)$", drop_in, re.M)[1].replace("CAP_", "").split())
        self.assertIn("LimitMEMLOCK=infinity", drop_in)
        capabilities = self.security["capabilities"]
        self.assertEqual(set(capabilities["add"]), granted - {"DAC_READ_SEARCH"} | {"IPC_LOCK"})
        self.assertEqual(capabilities["drop"], ["ALL"])
        self.assertTrue(self.security["readOnlyRootFilesystem"])
        self.assertEqual(self.security["runAsUser"], 0)
        self.assertNotIn("privileged", self.security)
        self.assertIs(self.pod["spec"]["hostPID"], True)
        self.assertFalse({"hostNetwork", "hostIPC"} & self.pod["spec"].keys())
        self.assertFalse(any("hostPath" in volume for volume in self.pod["spec"]["volumes"]))
        self.assertIs(self.pod["spec"]["automountServiceAccountToken"], False)

    def test_openshift_allows_what_the_pods_ask_for_and_no_more(self):
        constraints = self.constraints
        account = self.documents["ServiceAccount"]["metadata"]
        self.assertEqual(self.pod["spec"]["serviceAccountName"], account["name"])
        self.assertEqual(constraints["users"], [f"system:serviceaccount:{account['namespace']}:{account['name']}"])
        self.assertEqual(constraints["groups"], [])
        self.assertEqual(constraints["allowedCapabilities"], self.security["capabilities"]["add"])
        self.assertEqual(constraints["requiredDropCapabilities"], self.security["capabilities"]["drop"])
        self.assertEqual(constraints["runAsUser"], {"type": "MustRunAs", "uid": self.security["runAsUser"]})
        self.assertEqual(self.security["seccompProfile"], {"type": "RuntimeDefault"})
        self.assertEqual(constraints["seccompProfiles"], ["runtime/default"])
        kinds = {(volume.keys() - {"name"}).pop() for volume in self.pod["spec"]["volumes"]}
        self.assertEqual(set(constraints["volumes"]), kinds)
        allowed = {key for key, value in constraints.items() if key.startswith("allow") and value is True}
        self.assertEqual(allowed, {"allowHostPID", "allowPrivilegeEscalation"})

    def test_the_how_to_says_why_each_right_is_there(self):
        table = documents.table_rows(self.HOW_TO.read_text(), "What it needs, and why")
        told = {name for row in table for name in re.findall(r"`([A-Z_]+)`", row[0])}
        self.assertEqual(told, set(self.security["capabilities"]["add"]))

    def test_the_monitor_selects_the_pods_and_keeps_their_labels(self):
        monitor, labels = self.documents["PodMonitor"]["spec"], self.pod["metadata"]["labels"]
        self.assertEqual(self.documents["DaemonSet"]["spec"]["selector"], monitor["selector"])
        self.assertLessEqual(monitor["selector"]["matchLabels"].items(), labels.items())
        endpoint, = monitor["podMetricsEndpoints"]
        self.assertEqual([port["name"] for port in self.container["ports"]], [endpoint["port"]])
        self.assertIs(endpoint["honorLabels"], True)
        plain = yaml.safe_load_all((KUBERNETES / "sidecar/pod.yaml").read_text())
        other, = [document for document in plain if document["kind"] == "PodMonitor"]
        self.assertEqual(self.documents["PodMonitor"]["metadata"]["labels"], other["metadata"]["labels"])


class EngineTest(unittest.TestCase):
    """tests/lib/docker-engine.sh where no engine runs."""

    def end(self, dockerd, **environment):
        with tempfile.TemporaryDirectory(prefix="qte-docker-") as directory:
            for program, script in {"dockerd": dockerd, "docker": "exit 1", "docker-compose": "", "mmdebstrap": "",
                                    **environment.pop("programs", {})}.items():
                path = pathlib.Path(directory, program)
                path.write_text(f"#!/bin/sh\n{script}\n")
                path.chmod(0o755)
            done = subprocess.run([exporter.ROOT / "tests/lib/docker-engine.sh", pathlib.Path(directory, "engine"), "true"],
                                  env={**os.environ, **environment, "PATH": f"{directory}:{os.environ['PATH']}"},
                                  capture_output=True, text=True, timeout=60)
            return done.returncode, done.stderr

    def test_it_is_skipped_where_the_machine_forbids_it(self):
        code, said = self.end("exit 1", QTE_REQUIRE_ALL="1", programs={"unshare": "exit 1"})
        self.assertEqual(code, 77)
        self.assertRegex(said, "skipped: no Docker engine can run here: (mounting is forbidden|only root may start one)\n$")

    @unittest.skipIf(os.geteuid() != 0, "only root may start one")
    def test_it_fails_where_the_machine_would_let_it(self):
        code, said = self.end("echo out of order; exit 1", programs={"unshare": "exit 0"})
        if "making control groups is forbidden" not in said:
            self.assertEqual(code, 1)
            self.assertIn("out of order", said)


if __name__ == "__main__":
    if sys.argv[1:] == ["--update"]:
        QEMU_ARGS.write_text(exporter.run("qemu-args").stdout)
        RULE.write_text(prometheus_rule())
    else:
        unittest.main(verbosity=2)
