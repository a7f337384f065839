#!/usr/bin/env python3
"""The directories that `kubectl apply -k` takes: that each is complete, that the schemas of Kubernetes and of the Prometheus
operator accept what comes out of it, and that Kustomize makes of it what is expected here. Where Kustomize is missing, as on
Debian, build() alone stands for it. tests/e2e/docker_files_test.py checks what the manifests say."""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
import dashboards
import documents
import exporter
import parts

yaml = parts.yaml()
KUBERNETES = exporter.ROOT / "docker/kubernetes"
README = (exporter.ROOT / "docker/README.md").read_text()
VALIDATOR = exporter.ROOT / "tests/kubernetes"
KEYS = {"resources", "patches", "namespace", "generatorOptions", "configMapGenerator"}
# The kinds that no npm package has a schema of.
WITHOUT_SCHEMA = {"SecurityContextConstraints"}
CLUSTER_KINDS = {"Namespace", "SecurityContextConstraints"}
MONITORING = [("ConfigMap", "qemu-dashboard-block"), ("ConfigMap", "qemu-dashboard-exporter"),
              ("ConfigMap", "qemu-dashboard-overview"), ("ConfigMap", "qemu-dashboard-vm"),
              ("PrometheusRule", "qemu-trace-exporter")]
NODE = [("DaemonSet", "qemu-trace-exporter"), ("Namespace", "qemu-trace-exporter"), ("PodMonitor", "qemu-trace-exporter"),
        ("ServiceAccount", "qemu-trace-exporter")]
CONFIG = ("ConfigMap", "qemu-trace-exporter")
CONTENTS = {
    "base": MONITORING,
    "sidecar": [*MONITORING, ("Pod", "vm1"), ("PodMonitor", "vms")],
    "fifo": [*MONITORING, ("Pod", "vm2"), ("PodMonitor", "vms")],
    "libvirt": [*MONITORING, *NODE],
    "kubevirt": [*MONITORING, *NODE, CONFIG],
    "openshift": [*MONITORING, *NODE, CONFIG, ("SecurityContextConstraints", "qemu-trace-exporter")],
}
# kubectl stores what it applies in an annotation, and all annotations of an object together may have so many bytes.
MOST_BYTES = 262144


def key(thing):
    return thing["kind"], thing["metadata"]["name"]


def build(directory):
    """What Kustomize makes of a directory, as {(kind, name): object}. It knows what the directories here use."""
    kustomization = yaml.safe_load((directory / "kustomization.yaml").read_text())
    assert kustomization.keys() <= KEYS, kustomization.keys() - KEYS
    objects = {}
    for resource in kustomization.get("resources", []):
        path = (directory / resource).resolve()
        found = build(path).values() if path.is_dir() else yaml.safe_load_all(path.read_text())
        # Kustomize refuses files that are not below its directory.
        assert path.is_dir() or directory in path.parents, path
        for each in found:
            assert key(each) not in objects, f"{directory}: {key(each)} twice"
            objects[key(each)] = each
    options = kustomization.get("generatorOptions", {})
    for generated in kustomization.get("configMapGenerator", []):
        assert options["disableNameSuffixHash"]
        data = {name: (directory / name).read_text() for name in generated["files"]}
        each = {"apiVersion": "v1", "kind": "ConfigMap", "data": data,
                "metadata": {"name": generated["name"], "labels": options["labels"]}}
        objects[key(each)] = each
    for patch in kustomization.get("patches", []):
        wanted = yaml.safe_load(patch["patch"])
        assert wanted["$patch"] == "delete", "build() knows no other patch yet"
        del objects[key(wanted)]
    if "namespace" in kustomization:
        for each in objects.values():
            if each["kind"] not in CLUSTER_KINDS:
                each["metadata"]["namespace"] = kustomization["namespace"]
    return objects


class OverlaysTest(unittest.TestCase):
    def test_each_has_what_it_should(self):
        self.assertEqual({path.parent.name for path in KUBERNETES.glob("*/kustomization.yaml")}, set(CONTENTS))
        for name, contents in CONTENTS.items():
            with self.subTest(overlay=name):
                self.assertEqual(sorted(build(KUBERNETES / name)), sorted(contents))

    def test_no_file_is_left_out(self):
        for name in CONTENTS:
            resources = yaml.safe_load((KUBERNETES / name / "kustomization.yaml").read_text())["resources"]
            files = {path.name for path in (KUBERNETES / name).iterdir()} - {"kustomization.yaml"}
            self.assertLessEqual(files, set(resources))

    def test_the_readme_names_each(self):
        for name in CONTENTS:
            self.assertIn(f"\n| `{name}` | ", README)

    def test_the_config_maps_are_the_dashboards(self):
        maps = [each for each in build(KUBERNETES / "base").values() if each["kind"] == "ConfigMap"]
        files = {name: text for each in maps for name, text in each["data"].items()}
        self.assertEqual({pathlib.Path(name).stem: json.loads(text) for name, text in files.items()}, dashboards.load())
        for each in maps:
            self.assertEqual(each["metadata"]["labels"], {"grafana_dashboard": "1"})
            self.assertLess(len(json.dumps(each, separators=(",", ":"))), MOST_BYTES)

    def test_what_is_in_a_namespace_is_in_that_of_the_exporter(self):
        for name in ("libvirt", "kubevirt", "openshift"):
            for (kind, _), each in build(KUBERNETES / name).items():
                if kind not in CLUSTER_KINDS:
                    self.assertEqual(each["metadata"]["namespace"], "qemu-trace-exporter", f"{name}: {kind}")

    def test_what_pods_refer_to_is_there(self):
        for name in CONTENTS:
            objects = build(KUBERNETES / name)
            for each in objects.values():
                pod = each["spec"]["template"]["spec"] if each["kind"] == "DaemonSet" else each.get("spec", {})
                if each["kind"] not in ("Pod", "DaemonSet"):
                    continue
                for volume in pod["volumes"]:
                    if "configMap" in volume:
                        self.assertIn(("ConfigMap", volume["configMap"]["name"]), objects)
                if "serviceAccountName" in pod:
                    self.assertIn(("ServiceAccount", pod["serviceAccountName"]), objects)

    def kustomize(self, directory):
        """What Kustomize itself makes of a directory, as build() tells it."""
        programs = [command for command in (["kustomize", "build"], ["kubectl", "kustomize"]) if shutil.which(command[0])]
        if not programs:
            self.skipTest("neither kustomize nor kubectl is here")
        done = subprocess.run([*programs[0], directory], capture_output=True, text=True, timeout=60)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return {key(each): each for each in yaml.safe_load_all(done.stdout)}

    def test_kustomize_makes_the_same_of_them(self):
        for directory in (*(KUBERNETES / name for name in CONTENTS), exporter.ROOT / "dashboards"):
            with self.subTest(directory=directory):
                self.assertEqual(self.kustomize(directory), build(directory))

    def test_the_readme_changes_it_as_it_says(self):
        """Its example takes another image, and leaves the PodMonitor out."""
        example = next(block.text for block in documents.blocks(exporter.ROOT / "docker/README.md")
                       if block.text.startswith("resources: [qemu-trace-exporter/"))
        with tempfile.TemporaryDirectory(prefix="qte-kubernetes-") as directory:
            own = pathlib.Path(directory, "own")
            own.mkdir()
            (own / "kustomization.yaml").write_text(example)
            shutil.copytree(KUBERNETES, own / "qemu-trace-exporter/docker/kubernetes")
            shutil.copytree(exporter.ROOT / "dashboards", own / "qemu-trace-exporter/dashboards",
                            ignore=shutil.ignore_patterns("node_modules"))
            made = self.kustomize(own)
        self.assertEqual(made.keys(), build(KUBERNETES / "kubevirt").keys() - {("PodMonitor", "qemu-trace-exporter")})
        container, = made["DaemonSet", "qemu-trace-exporter"]["spec"]["template"]["spec"]["containers"]
        self.assertRegex(container["image"], r"^registry.example/qemu-trace-exporter-usdt:\d")


@unittest.skipUnless(shutil.which("npm") or "QTE_REQUIRE_ALL" in os.environ, "needs npm")
class SchemasTest(unittest.TestCase):
    """By the packages that tests/kubernetes/package-lock.json names."""

    @classmethod
    def setUpClass(cls):
        temporary = cls.enterClassContext(tempfile.TemporaryDirectory(prefix="qte-kubernetes-"))
        cls.directory = pathlib.Path(temporary, "validator")
        shutil.copytree(VALIDATOR, cls.directory, ignore=shutil.ignore_patterns("node_modules"))
        done = subprocess.run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=cls.directory,
                              capture_output=True, text=True, timeout=200)
        if done.returncode:
            raise AssertionError(done.stdout + done.stderr)

    def problems(self, objects):
        path = self.directory / "objects.json"
        path.write_text(json.dumps([each for each in objects if each["kind"] not in WITHOUT_SCHEMA]))
        done = subprocess.run(["node", "validate.mjs", path], cwd=self.directory, capture_output=True, text=True,
                              timeout=200)
        self.assertEqual((done.returncode != 0, done.stderr), (bool(done.stdout), ""))
        return done.stdout.splitlines()

    def test_every_object_is_valid(self):
        objects = [each for name in CONTENTS for each in build(KUBERNETES / name).values()]
        self.assertGreater(len(objects), 30)
        self.assertEqual(self.problems(objects), [])

    def test_mistakes_are_found(self):
        """Unknown fields and wrong types, of Kubernetes and of the operator."""
        objects = build(KUBERNETES / "kubevirt")
        exporter_set = objects["DaemonSet", "qemu-trace-exporter"]["spec"]["template"]["spec"]
        exporter_set["containers"][0]["ports"][0]["containerPort"] = "metrics"
        objects["ServiceAccount", "qemu-trace-exporter"]["automountToken"] = False
        objects["PodMonitor", "qemu-trace-exporter"]["spec"]["podMetricsEndpoints"][0]["honourLabels"] = True
        del objects["PrometheusRule", "qemu-trace-exporter"]["spec"]["groups"][0]["rules"][0]["expr"]
        found = "\n".join(self.problems(objects.values()))
        for part in ("DaemonSet qemu-trace-exporter: data/spec/template/spec/containers/0/ports/0/containerPort must be",
                     "automountToken", "honourLabels", "PrometheusRule qemu-trace-exporter: "):
            self.assertIn(part, found)


if __name__ == "__main__":
    unittest.main(verbosity=2)
