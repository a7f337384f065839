#!/usr/bin/env python3
"""The command line: what it prints, on which stream, and with which exit code; and how a config is reloaded."""

import collections
import gzip
import json
import os
import pathlib
import re
import shlex
import shutil
import signal
import socket
import sys
import tempfile
import time
import unittest
import unittest.mock
import xml.etree.ElementTree

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
import exporter
import process

RELOADED = "qemu_trace_exporter_config_last_reload_successful"

CONFIG = """\
sources:
  - path: {directory}/*.log
metrics:
  - name: {metric}
    type: counter
    help: PCI configuration space reads.
    event: pci_cfg_read
    labels: {{device: dev}}
"""

LINES = ("pci_cfg_read i440FX 00:00.0 @0x0 -> 0x12378086\n" * 3).encode()


COMMANDS = ("serve", "check", "replay", "backfill", "explain", "qemu-args", "bpftrace", "schema", "top")


class Case(unittest.TestCase):
    """A scratch folder, and checks on how a call ends."""

    def setUp(self):
        self.directory = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory(prefix="qte-cli-")))

    def write(self, name, text):
        path = self.directory / name
        path.write_text(text)
        return path

    def assert_fails(self, code, arguments, *words, variables=()):
        """The call ends with `code`, says nothing on stdout, and one line on stderr that holds all the words."""
        with unittest.mock.patch.dict(os.environ, dict(variables)):
            done = exporter.run(*arguments)
        self.assertEqual(done.returncode, code, done.stderr)
        self.assertEqual(done.stdout, "")
        self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)
        for word in words:
            self.assertIn(str(word), done.stderr)
        return done.stderr

    def assert_succeeds(self, arguments, *words, stdin=b"", variables=()):
        """`variables` are added to the environment."""
        with unittest.mock.patch.dict(os.environ, dict(variables)):
            done = exporter.run(*arguments, stdin=stdin)
        self.assertEqual(done.returncode, 0, done.stderr)
        for word in words:
            self.assertIn(word, done.stdout)
        return done.stdout


class UsageTest(Case):
    def test_help_names_commands_and_flags(self):
        self.assert_succeeds(["--help"], *COMMANDS, "--config.file", "--trace.path", "--web.listen-address", "--web.enable-lifecycle", "--log.level",
                             "--log.format")

    def test_version(self):
        version = self.assert_succeeds(["--version"])
        self.assertRegex(version, r"qemu-trace-exporter.*\d+\.\d+\.\d+")
        self.assertEqual(self.assert_succeeds(["version"]), version)

    def test_help_of_a_command(self):
        for command in COMMANDS:
            with self.subTest(command=command):
                self.assertEqual(self.assert_succeeds(["help", command]), self.assert_succeeds([command, "--help"]))
        self.assertEqual(self.assert_succeeds(["help"]), self.assert_succeeds(["--help"]))
        self.assert_fails(2, ["help", "replya"], 'unknown command "replya"; did you mean "replay"?')

    def test_help_fits_the_terminal(self):
        for width in (60, 80, 200):
            for command in ([], *([command] for command in COMMANDS)):
                with self.subTest(width=width, command=command):
                    text = self.assert_succeeds([*command, "--help"], variables={"COLUMNS": str(width)})
                    self.assertLessEqual(max(len(line) for line in text.splitlines()), width)

    def test_flags_stand_before_and_after_the_command(self):
        log = self.write("vm.log", "1@1795408732.182800:" + LINES.decode().splitlines()[0] + "\n")
        config = self.write("c.yaml", CONFIG.format(directory=self.directory, metric="qemu_a_total"))
        want = self.assert_succeeds(["backfill", "--step=5s", f"--config.file={config}", log])
        self.assertIn("qemu_a_total", want)
        for arguments in (["--step=5s", f"--config.file={config}", "backfill", log],
                          ["--step", "5s", "backfill", log, "--config.file", config],
                          ["backfill", log, "--step", "5s", "--config.file", config]):
            with self.subTest(arguments=arguments):
                self.assertEqual(self.assert_succeeds(arguments), want)

    def test_a_flag_of_another_command(self):
        for arguments, words in ((["check", "--step=5s"], ["--step", "`backfill`", "`check`"]),
                                 (["--step=5s"], ["--step", "`backfill`", "`serve`"]),
                                 (["serve", "--strict"], ["--strict", "`replay`", "`check`"]),
                                 (["replay", "--lint", "a.log"], ["--lint", "`check`"])):
            with self.subTest(arguments=arguments):
                self.assert_fails(2, arguments, *words)

    def test_flags_by_environment(self):
        """A variable counts where its flag is not given; commas separate the values of a repeatable flag."""
        config = self.write("c.yaml", CONFIG.format(directory=self.directory, metric="qemu_a_total"))
        more = self.write("more.yaml", "metrics: [{name: qemu_b_total, type: counter, event: pci_cfg_write}]\n")
        self.assert_succeeds(["check"], f"{config}: fine", variables={"QTE_CONFIG_FILE": str(config)})
        self.assert_succeeds(["check"], f"{config}, {more}: fine", variables={"QTE_CONFIG_FILE": f"{config},{more}"})
        self.assert_succeeds(["check", f"--config.file={more}"], f"{more}: fine", variables={"QTE_CONFIG_FILE": "/gone"})
        self.assert_succeeds(["check", "--config.file", more], f"{more}: fine", variables={"QTE_CONFIG_FILE": "/gone"})
        self.assert_succeeds(["check"], "<default>: fine", variables={"QTE_CONFIG_FILE": ""})
        for variable, value, words in (("QTE_LOG_LEVEL", "loud", ["loud", "QTE_LOG_LEVEL"]),
                                       ("QTE_WEB_LISTEN_ADDRESS", "foo", ['"foo"', "QTE_WEB_LISTEN_ADDRESS"]),
                                       ("QTE_WEB_STARTUP_TIMEOUT", "5", ['"5"', "QTE_WEB_STARTUP_TIMEOUT"]),
                                       ("QTE_WEB_ENABLE_LIFECYCLE", "maybe", ["maybe", "QTE_WEB_ENABLE_LIFECYCLE"])):
            with self.subTest(variable=variable):
                self.assert_fails(2, ["check"], *words, variables={variable: value})
        with unittest.mock.patch.dict(os.environ, {"QTE_CONFIG_FLIE": str(config), "QTE_BINARY": "x"}):
            done = exporter.run("check")
        self.assertIn('warning: environment variable QTE_CONFIG_FLIE sets no flag; did you mean "QTE_CONFIG_FILE"?\n',
                      done.stderr)
        with unittest.mock.patch.dict(os.environ, {"QTE_WEB_ENABLE_LIFECYCLE": "true"}):
            with exporter.Daemon("--trace.path=/dev/null") as daemon:
                self.assertEqual(daemon.request("/-/reload", "POST")[0], 200)

    def test_wrong_usage_is_2(self):
        for arguments, word in ((["--no-such-flag"], "--no-such-flag"),
                                (["serve", "--no-such-flag=1"], "--no-such-flag"),
                                (["no-such-command"], "no-such-command"),
                                (["replay"], "FILE"),
                                (["replya", "vm.log"], 'did you mean "replay"?'),
                                (["--versoin"], 'did you mean "--version"?'),
                                (["backfill", "--stpe=1s", "vm.log"], 'did you mean "--step"?'),
                                (["serve", "vm.log"], "--trace.path"),
                                (["--web.listen-address=foo"], '"foo" is not a port'),
                                (["--web.startup-timeout=5"], 'invalid duration "5": expected'),
                                (["--log.level=loud"], '"loud"'),
                                (["explain", "pci_cfg_read", "i440FX"], "quote the line"),
                                (["vm.log"], 'unknown command "vm.log"'),
                                ([__file__], "replay"),
                                (["bpftrace", "--pid=qemu"], 'invalid number "qemu"'),
                                (["check", "--format=xml"], 'unknown value "xml"; there are text, json'),
                                (["--log.format=xml"], "xml")):
            with self.subTest(arguments=arguments):
                self.assert_fails(2, arguments, word)

    def test_each_command_has_examples_that_are_read(self):
        for command in COMMANDS:
            with self.subTest(command=command):
                help_text = self.assert_succeeds([command, "--help"], "Examples:")
                self.assertIn(f"qemu-trace-exporter {command if command != 'serve' else '--trace.path'}", help_text)
                self.assertNotIn("...", help_text.partition("Examples:")[2])

    def test_a_flag_takes_its_value_both_ways(self):
        config = self.write("c.yaml", CONFIG.format(directory=self.directory, metric="qemu_a_total"))
        self.assert_succeeds(["check", f"--config.file={config}"])
        self.assert_succeeds(["check", "--config.file", config])


class ConfigTest(Case):
    def test_the_default_config_is_good(self):
        self.assertEqual(len(self.assert_succeeds(["check"]).splitlines()), 1)

    def test_default_yaml_is_good(self):
        self.assert_succeeds(["check", f"--config.file={exporter.ROOT}/config/default.yaml"])

    def test_errors_have_a_place_and_the_offending_text(self):
        good = CONFIG.format(directory=self.directory, metric="qemu_a_total")
        for name, old, new, line, column, words in (
                ("unknown key", "labels:", "labesl:", 8, 5, ['"labesl"', '"labels"']),
                ("unknown event", "pci_cfg_read", "pci_cfg_raed", 7, 12, ['"pci_cfg_raed"', '"pci_cfg_read"']),
                ("unknown argument", "device: dev", "device: devcie", 8, 22, ['"devcie"', '"dev']),
                ("unknown type", "counter", "countre", 5, 11, ["countre", "counter"])):
            with self.subTest(name):
                config = self.write("bad.yaml", good.replace(old, new))
                for command in ("check", "serve"):
                    error = self.assert_fails(1, [command, f"--config.file={config}"], *words)
                    if command == "check":
                        self.assertTrue(error.startswith(f"{config}:{line}:{column}: "), error)

    def test_files_combine_with_the_built_in_config(self):
        config = self.write("more.yaml", "metrics:\n"
                            "  - {name: qemu_more_total, type: counter, help: More., event: pci_cfg_read}\n")
        both = ["--config.file=default", f"--config.file={config}"]
        metrics = self.assert_succeeds(["replay", *both, self.write("a.log", LINES.decode())])
        self.assertIn('qemu_more_total{vm="a"} 3\n', metrics)
        self.assertIn("qemu_pci_config_reads_total{", metrics)
        self.assertIn(f"<default>, {config}: fine: ", self.assert_succeeds(["check", *both]))
        self.assert_fails(1, ["check", *both, f"--config.file={config}"],
                          f'{config}:2:12: duplicate metric "qemu_more_total"; the first is in line 2')

    def test_a_directory_of_files(self):
        """Its *.yaml files in the order of their names, beside other files, and again at a reload."""
        folder = self.directory / "conf.d"
        folder.mkdir()
        error = self.assert_fails(1, ["check", folder], "has no *.yaml file")
        self.assertTrue(error.startswith(f"{folder}: "), error)
        (folder / "20-b.yml").write_text("metrics: []\n")
        self.assert_fails(1, ["check", folder], "has no *.yaml file; 20-b.yml")
        rule = "metrics: [{{name: {}_total, type: counter, event: pci_cfg_read}}]\n"
        for name, metric in (("20-b.yaml", "b"), ("10-a.yaml", "a"), (".hidden.yaml", "c"), ("README", "d")):
            (folder / name).write_text(rule.format(metric))
        (folder / "sub.yaml").mkdir()
        both = f"{folder}/10-a.yaml, {folder}/20-b.yaml"
        self.assert_succeeds(["check", folder], f"{both}: fine: 2 metrics")
        self.assert_succeeds(["check", f"{folder}/"], f"{both}: fine: 2 metrics")
        self.assert_succeeds(["check", f"--config.file={folder}"], f"{both}: fine")
        self.assert_succeeds(["check", "default", f"--config.file={folder}"], f"{both}, <default>: fine")
        log = self.directory / "vm1.log"
        log.write_bytes(LINES)
        with exporter.Daemon(f"--config.file={folder}", f"--trace.path={log}", "--web.enable-lifecycle") as daemon:
            daemon.wait_for_metrics(lambda m: m.total("b_total") == 3, "the rules of both files")
            (folder / "30-e.yaml").write_text(rule.format("e"))
            self.assertEqual(daemon.request("/-/reload", "POST")[0], 200)
            with open(log, "ab") as file:
                file.write(LINES)
            daemon.wait_for_metrics(lambda m: m.total("e_total") == 3, "the rule of the file that came")
        (folder / "15-bad.yaml").write_text("metrics: [{nmae: x}]\n")
        self.assertIn(f'{folder}/15-bad.yaml:1:12: unknown key "nmae"', exporter.run("check", folder).stderr)

    def test_files_on_the_line(self):
        files = [self.write(f"{name}.yaml", f"metrics: [{{name: {name}_total, type: counter, event: pci_cfg_read}}]\n")
                 for name in "ab"]
        self.assert_succeeds(["check", *files], f"{files[0]}, {files[1]}: fine: 2 metrics")
        self.assert_succeeds(["check", "default", files[0]], f"<default>, {files[0]}: fine")
        self.assert_fails(1, ["check", self.directory / "gone.yaml"], "gone.yaml: cannot open: No such file")

    def check_json(self, code, *arguments):
        done = exporter.run("check", "--format=json", *arguments)
        self.assertEqual((done.returncode, done.stderr), (code, ""))
        return json.loads(done.stdout)

    def test_json_of_a_good_config(self):
        (self.directory / "vm1.log").write_text("")
        config = self.write("c.yaml", CONFIG.format(directory=self.directory, metric="qemu_a_total"))
        answer = self.check_json(0, config)
        self.assertGreater(answer.pop("known_events"), 100)
        self.assertEqual(answer, {"ok": True, "files": [str(config)], "errors": [], "warnings": [], "metrics": 1,
                                  "sources": 1, "needed_events": ["pci_cfg_read"]})

    def test_json_of_a_bad_config(self):
        bad = self.write("bad.yaml", "metrics:\n  - {nmae: qemu_b_total, type: counter, event: pci_cfg_read}\n")
        web = self.write("web.yml", "basic_auth_usres: {}\n")
        answer = self.check_json(1, bad, f"--web.config.file={web}")
        self.assertEqual(answer, {"ok": False, "files": [str(bad)], "warnings": [], "errors": [
            {"file": str(bad), "line": 2, "column": 6, "message": 'unknown key "nmae" of a metric; did you mean "name"?'},
            {"file": str(web), "line": 1, "column": 1,
             "message": 'unknown key "basic_auth_usres" of a web config; did you mean "basic_auth_users"?'}]})
        self.assertEqual(self.check_json(1, "/gone.yaml")["errors"],
                         [{"file": "/gone.yaml", "message": "cannot open: No such file or directory"}])

    def test_warnings_with_strict(self):
        config = self.write("m.yaml", "metrics: [{name: qemu_a_total, type: counter, help: A., event: pci_cfg_read}]\n")
        warning = "no sources, so `serve` needs --trace.path"
        self.assertEqual(self.check_json(0, config)["warnings"], [{"file": str(config), "message": warning}])
        self.assertEqual(self.check_json(1, "--strict", config)["warnings"], [{"file": str(config), "message": warning}])
        done = exporter.run("check", "--strict", config)
        self.assertEqual((done.returncode, done.stderr.splitlines()[0]), (1, f"warning: {config}: {warning}"))
        self.assertIn("1 warning (--strict)", done.stderr)

    def test_lint(self):
        config = self.write("l.yaml", f"""\
sources: [{{path: '{self.directory}/*.log'}}]
metrics:
  - {{name: qemu_reads_total, type: counter, event: pci_cfg_read}}
  - name: qemu_wait_ms
    type: histogram
    help: Waits.
    event: dma_blk_io
    value: offset
    buckets: [1]
    labels: {{who: dbs, where: offset}}
""")
        (self.directory / "vm1.log").write_text("")
        self.assertEqual(exporter.run("check", config).stderr, "")
        done = exporter.run("check", "--lint", config)
        self.assertEqual(done.returncode, 0)
        self.assertEqual([re.sub(r" metric .*| label .*", "", line) for line in done.stderr.splitlines()], [
            f"warning: {config}:3:12: missing-help:", f"warning: {config}:4:11: unit:",
            f"warning: {config}:10:19: pointer-label:", f"warning: {config}:10:31: cardinality:"])
        self.assertEqual(exporter.run("check", "--lint", "--strict", config).returncode, 1)
        self.assertEqual([warning["rule"] for warning in self.check_json(0, "--lint", config)["warnings"]],
                         ["missing-help", "unit", "pointer-label", "cardinality"])

    def test_lint_of_the_ready_configs(self):
        """They have what their comments tell of, where QEMU prints nothing better, and nothing else."""
        known = {"memory_regions.yaml": ['label "port" shows "addr"'] * 2, "nics.yaml": ['label "device" shows the pointer'],
                 "thread_pool.yaml": ['label "pool" shows the pointer'] * 3,
                 "virtqueue.yaml": ['label "device" shows the pointer']}
        for path in sorted((exporter.ROOT / "config").glob("*.yaml")):
            with self.subTest(path=path.name):
                answer = self.check_json(0, "--lint", path)
                told = [each["message"] for each in answer["warnings"] if "rule" in each]
                self.assertEqual([" ".join(message.split()[:len(want.split())]) for message, want in
                                  zip(told, known.get(path.name, told), strict=True)], known.get(path.name, []))

    def test_all_errors_at_once(self):
        """A wrong key, a wrong event, a trace-events file that is missing, and a bad web config: told in one go."""
        bad = self.write("bad.yaml", "sources: [{path: a.log, strat: end}]\ntrace_events: none-events\nmetrics:\n"
                         "  - {name: qemu_a_total, type: counter, event: pci_cfg_read, labels: {x: devcie}}\n"
                         "  - {nmae: qemu_b_total, type: counter, event: pci_cfg_read}\n")
        worse = self.write("worse.yaml", "metrics:\n  - {name: qemu_c_total, type: [\n")
        event = self.write("event.yaml", "metrics: [{name: qemu_d_total, type: counter, event: pci_cfg_raed}]\n")
        web = self.write("web.yml", "basic_auth_usres: {}\n")
        done = exporter.run("check", f"--config.file={bad}", f"--config.file={self.directory}/gone.yaml",
                            f"--config.file={worse}", f"--web.config.file={web}")
        self.assertEqual(done.returncode, 1)
        places = [f"{bad}:1:25: ", f"{bad}:2:15: ", f"{bad}:4:74: ", f"{bad}:5:6: ", f"{self.directory}/gone.yaml: ",
                  f"{worse}:", f"{web}:1:1: "]
        self.assertEqual(len(done.stderr.splitlines()), len(places), done.stderr)
        for line, place in zip(done.stderr.splitlines(), places):
            self.assertTrue(line.startswith(place), (line, place))
        done = exporter.run("check", f"--config.file={bad}", f"--config.file={event}")
        self.assertEqual(len(done.stderr.splitlines()), 4, done.stderr)
        # If no file is missing, no event is missing either.
        bad.write_text(bad.read_text().replace("trace_events: none-events", ""))
        done = exporter.run("check", f"--config.file={bad}", f"--config.file={event}")
        self.assertIn('unknown event "pci_cfg_raed"', done.stderr)

    def test_a_config_without_sources(self):
        """`serve` needs --trace.path with it; `check` says so."""
        config = self.write("metrics.yaml", "metrics: [{name: qemu_a_total, type: counter, event: pci_cfg_read}]\n")
        done = exporter.run("check", f"--config.file={config}")
        self.assertEqual(done.returncode, 0)
        self.assertEqual(done.stderr, f"warning: {config}: no sources, so `serve` needs --trace.path\n")
        self.assertEqual(exporter.run("check", f"--config.file={config}", f"--trace.path={config}").stderr, "")
        self.assert_fails(1, ["serve", f"--config.file={config}"], config, "--trace.path")

    def test_files_of_the_same_labels(self):
        """Two VMs that look like one get a warning; rotated siblings and labels that differ get none."""
        def warnings(*patterns, source=""):
            config = self.write("c.yaml", "sources:\n" + "".join(
                f"  - {{path: '{self.directory}/{pattern}'{source}}}\n" for pattern in patterns))
            done = exporter.run("check", f"--config.file={config}")
            self.assertEqual(done.returncode, 0, done.stderr)
            return done.stderr.splitlines()
        for name in ("a/qemu.log", "a/qemu.log.1", "b/qemu.log", "c/qemu.log", "c/other.log"):
            (self.directory / name).parent.mkdir(exist_ok=True)
            self.write(name, "")
        pair = [f"warning: {self.directory}/b/qemu.log: has the same labels as {self.directory}/a/qemu.log, "
                '{vm="qemu"}, so their series add up; tell them apart by path_pattern or labels']
        self.assertEqual(warnings("[ab]/qemu.log"), pair)
        self.assertEqual(warnings("*/qemu.log*"), pair)  # one word, however many there are
        self.assertEqual(warnings("a/*.log", "b/*.log"), pair)
        self.assertEqual(warnings("[ab]/qemu.log", source=", path_pattern: '/(?P<vm>[^/]+)/qemu.log'"), [])
        self.assertEqual(warnings("[ab]/qemu.log", source=f", exclude: ['{self.directory}/b/*']"), [])
        self.assertEqual(warnings("a/qemu.log*", source=", path_pattern: '/(?P<vm>[^/.]+).log'"), [])
        self.assertEqual(warnings("a/qemu.log", "c/other.log"), [])
        # In one directory, too.
        self.assertEqual(warnings("c/*.log", source=", labels: {vm: one}"), [
            f"warning: {self.directory}/c/qemu.log: has the same labels as {self.directory}/c/other.log, "
            '{vm="one"}, so their series add up; tell them apart by path_pattern or labels'])

    def test_sources_that_are_not_as_meant(self):
        """A word each from `check`, with the path, the reason and the remedy."""
        def warnings(*patterns):
            done = exporter.run("check", *(f"--trace.path={self.directory}/{pattern}" for pattern in patterns))
            self.assertEqual(done.returncode, 0, done.stderr)
            return done.stderr.replace(str(self.directory), "").splitlines()
        self.write("vm.log", LINES.decode())
        (self.directory / "old.log.gz").write_bytes(gzip.compress(LINES))
        (self.directory / "link.log").symlink_to("vm.log")
        (self.directory / "away").symlink_to("nowhere")
        self.assertEqual(warnings("vm.log"), [])
        self.assertEqual(warnings("*.txt"), [
            "warning: /*.txt: no file matches; check the path, and that QEMU writes its log there (-D FILE). Files that "
            "come later are followed"])
        self.assertEqual(warnings("none/*.log", "none/vm.log", "gone.log"), [
            "warning: /none/*.log: cannot list /none: No such file or directory; create it, or correct the path",
            "warning: /none/vm.log: No such file or directory; create it, or correct the path",
            "warning: /gone.log: No such file or directory; create it, or correct the path"])
        self.assertEqual(warnings("old.log*"), [
            "warning: /old.log.gz: is compressed (gzip), so it is not followed; leave such files out by `exclude`, and "
            "read them by `replay`"])
        self.assertEqual(warnings("*.log"), [
            "warning: /vm.log: is the same file as /link.log through a symbolic link; it is read once, under the first "
            'path. Leave out one of them by "exclude"'])
        with open(self.directory / "deleted.log", "w") as deleted:
            os.unlink(deleted.name)
            done = exporter.run("check", f"--trace.path=/proc/{os.getpid()}/fd/{deleted.fileno()}")
            self.assertIn("was deleted where it came from", done.stderr)

    def test_a_config_that_is_not_there(self):
        missing = self.directory / "missing.yaml"
        for command in ("check", "serve"):
            self.assert_fails(1, [command, f"--config.file={missing}"], missing)


class InputTest(Case):
    def test_a_recording_has_the_labels_that_serve_gives(self):
        """By the first source that matches and does not exclude it; standard input by the source "-"."""
        config = self.write("c.yaml", f"""\
sources:
  - {{path: '{self.directory}/*.log', exclude: ['*-test.log'], labels: {{tier: real}}}}
  - {{path: '{self.directory}/*-test.log', path_pattern: '/(?P<vm>[^/]+)-test', labels: {{tier: test}}}}
  - {{path: '-', labels: {{tier: piped, vm: mine}}}}
metrics:
  - {{name: reads_total, type: counter, event: pci_cfg_read}}
""")
        logs = [self.write(name, LINES.decode()) for name in ("a.log", "b-test.log", "c.txt")]
        want = {'reads_total{tier="real",vm="a"} 3', 'reads_total{tier="test",vm="b"} 3', 'reads_total{vm="c"} 3',
                'reads_total{tier="piped",vm="mine"} 3'}
        replayed = self.assert_succeeds(["replay", f"--config.file={config}", *logs, "-"], stdin=LINES)
        self.assertEqual({line for line in replayed.splitlines() if line.startswith("reads_total")}, want)
        self.assert_succeeds(["explain", f"--config.file={config}", LINES.decode().splitlines()[0]],
                             'moves     reads_total{tier="piped",vm="mine"}')
        with open(logs[0]) as stdin, exporter.Daemon(f"--config.file={config}", stdin=stdin) as daemon:
            daemon.wait_for_metrics(lambda m: m.total("reads_total") == 9, "all lines")
            served = {line for line in daemon.text().splitlines() if line.startswith("reads_total")}
        self.assertEqual(served, want - {'reads_total{vm="c"} 3'})

    def test_what_was_read_is_the_last_line(self):
        """As awk counts it, whatever the command and however the lines are spread over files."""
        good = LINES
        junk = b"".join(b"%d junk\n" % i for i in range(1234))
        undeclared = b"new_event x 1\n" * 2
        mismatch = b"pci_cfg_read what\n"
        config = self.write("match.yaml", "metrics: [{name: junk_total, type: counter, match: '^[0-9]+ junk$'}]\n")
        split = (b"2026-11-23T04:38:20.1Z stderr P pci_cfg_read i440FX 00:00.0\n"
                 b"2026-11-23T04:38:20.2Z stderr F  @0x0 -> 0x12378086\n")
        cases = (([], split, "2 lines: 1 event (1 kind), 1 joined to others", 0),
                 ([], good, "3 lines: 3 events (1 kind)", 0),
                 ([], b"", "0 lines: 0 events", 0),
                 ([], good + mismatch, "4 lines: 3 events (1 kind), 1 not read: 1 format_mismatch", 0),
                 ([], good + undeclared + b"pci_cf", "6 lines: 3 events (1 kind), 3 not read: 2 undeclared_event, "
                  "1 partial_line", 0),
                 ([], junk + good + mismatch, "1,238 lines: 3 events (1 kind), 1,235 not read: 1,234 not_an_event, "
                  "1 format_mismatch", 1),
                 ([f"--config.file={config}"], junk + good, "1,237 lines: 3 events (1 kind), 1,234 taken by match rules", 0))
        for arguments, text, want, strict in cases:
            with self.subTest(want):
                path = self.directory / "vm.log"
                path.write_bytes(text)
                for command in ("replay", "backfill"):
                    done = exporter.run(command, *arguments, path)
                    self.assertEqual(done.stderr.splitlines()[-1], want, command)
                self.assertEqual(exporter.run("replay", "-", *arguments, stdin=text).stderr.splitlines()[-1], want)
                done = exporter.run("replay", "--strict", *arguments, path)
                self.assertEqual(done.returncode, strict, done.stderr)
                self.assertEqual(done.stderr.splitlines()[-1], want)
                self.assertEqual(done.stdout, exporter.run("replay", *arguments, path).stdout)
        done = exporter.run("explain", stdin=good + mismatch)
        self.assertEqual(done.stderr, "4 lines: 3 events (1 kind), 1 not read: 1 format_mismatch\n")

    def test_a_file_that_is_not_there(self):
        missing = self.directory / "missing.log"
        done = exporter.run("replay", missing)
        self.assertEqual(done.returncode, 1)
        self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)
        self.assertIn(str(missing), done.stderr)

    def test_a_recording_that_is_cut(self):
        for name, head in (("cut.log.gz", b"\x1f\x8b\x08\x00"), ("cut.log.zst", b"\x28\xb5\x2f\xfd")):
            path = self.directory / name
            path.write_bytes(head)
            done = exporter.run("replay", path)
            self.assertEqual(done.returncode, 1, name)
            self.assertIn(str(path), done.stderr)

    def test_a_port_that_is_taken(self):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            address = "127.0.0.1:%d" % taken.getsockname()[1]
            done = exporter.run("serve", f"--web.listen-address={address}", timeout=20)
        self.assertEqual(done.returncode, 1)
        self.assertIn(address, done.stderr.splitlines()[-1])
        self.assertIn("in use", done.stderr.splitlines()[-1])


JOINS = """\
lookups:
  image: {event: bdrv_open_common, key: bs, value: filename}
spans:
  element: {start: virtqueue_pop, end: virtqueue_fill, key: [vq, elem]}
metrics:
  - {name: qemu_reads_by_image_total, type: counter, event: blk_co_preadv, labels: {image: {lookup: image, key: bs}}}
  - {name: qemu_elements_total, type: counter, event: element, labels: {queue: vq, buffers: in_num}}
  - {name: qemu_element_seconds, type: histogram, event: element, value: duration, buckets: [1]}
  - {name: qemu_transfers_total, type: counter, event: dma_request_start}
"""


class ExplainTest(Case):
    # The three lines that this kind of exporter was first asked for, as QEMU of 2020 wrote them, and PCI as it is since.
    LINES = (
        ("ps2_put_keycode 0x55e759f09cf0 keycode 0x34",
         ["ps2_put_keycode", "opaque", "0x55e759f09cf0", "keycode", "0x34", "qemu_keyboard_keycodes_total"]),
        ("pci_cfg_read i440FX 00:0 @0x0 -> 0x12378086",
         ["pci_cfg_read", "dev", "i440FX", "offs", "0x0", "val", "0x12378086", "qemu_pci_config_reads_total"]),
        ("pci_cfg_read i440FX 00:00.0 @0x0 -> 0x12378086",
         ["pci_cfg_read", "dev", "i440FX", "slot", "func", "qemu_pci_config_reads_total", "00:00.0"]),
        ("dma_blk_io dbs=0x7f2364048730 bs=0x558d815bce00 offset=0 to_dev=0",
         ["dma_blk_io", "dbs", "0x7f2364048730", "bs", "0x558d815bce00", "to_dev", "qemu_dma_reads_total"]),
    )

    def test_lines_by_argument(self):
        for line, words in self.LINES:
            with self.subTest(line):
                self.assert_succeeds(["explain", line], *words)

    def test_lines_on_standard_input_and_with_prefixes(self):
        for line, words in self.LINES:
            for prefix in ("26638@1795408732.182800:", "2026-11-23T04:41:06.310976Z "):
                with self.subTest(prefix + line):
                    self.assert_succeeds(["explain"], *words, stdin=(prefix + line + "\n").encode())

    def test_lookups_and_spans_show_what_they_hold(self):
        config = self.write("joins.yaml", JOINS)
        time = 1795408732.182800
        for prefix in (lambda at: f"26638@{time + at:.6f}:", lambda at: ""):
            timed = prefix(0) != ""
            lines = ((0, 'bdrv_open_common bs 0x1 filename "disk.img" flags 0x0 format_name "raw"',
                      ["learns    lookup image: bs=0x1 is disk.img   (1 name held)"]),
                     (1, "blk_co_preadv blk 0x1 bs 0x1 offset 0 bytes 512 flags 0x0",
                      ["looks up  image: bs=0x1 is disk.img   (1 name held)"]),
                     (1, "blk_co_preadv blk 0x1 bs 0x2 offset 0 bytes 512 flags 0x0",
                      ["looks up  image: bs=0x2 is not known, so the label shows that   (1 name held)"]),
                     (2, "virtqueue_pop vq 0x1 elem 0x2 in_num 3 out_num 1",
                      ["opens     span element: vq=0x1 elem=0x2, keeps vq=0x1 in_num=3   (1 open)"]),
                     (2, "virtqueue_pop vq 0x1 elem 0x2 in_num 4 out_num 1",
                      ["opens     span element: vq=0x1 elem=0x2, instead of one that was open and is abandoned, "
                       "keeps vq=0x1 in_num=4   (1 open)"]),
                     (2.25, "virtqueue_fill vq 0x1 elem 0x2 len 1 idx 0",
                      ["ends      span element: vq=0x1 elem=0x2" + ", open for 0.250000 s" * timed
                       + ", kept vq=0x1 in_num=4   (0 open)", "moves     qemu_elements_total"]),
                     (3, "virtqueue_fill vq 0x1 elem 0x2 len 1 idx 0",
                      ["ends      span element: vq=0x1 elem=0x2 is not open: its start was not seen, or it was abandoned"
                       "   (0 open)"]),
                     (4, "dma_blk_io dbs=0x7 bs=0x1 offset=0 to_dev=0", ["feeds     decoder dma_request   (1 request open)",
                       "knows     dbs 0x7 is an open read of 0x1, 0 bytes so far"]))
            text = "".join(prefix(at) + line + "\n" for at, line, _ in lines)
            out = self.assert_succeeds(["explain", f"--config.file={config}"], stdin=text.encode())
            for (_, line, words), told in zip(lines, out.split("\n\n"), strict=True):
                for word in words:
                    with self.subTest(line):
                        self.assertIn(word, told)

    def test_an_event_without_a_rule_gets_one_to_paste(self):
        line = "ide_sector_read sector=8 nsectors=1"
        joins = self.write("joins.yaml", JOINS)
        out = self.assert_succeeds(["explain", f"--config.file={joins}", line], "used by   no rule")
        rule = out.partition("under metrics:\n")[2].partition("moves")[0]
        config = self.write("rule.yaml", "metrics:\n" + rule)
        self.assert_succeeds(["check", f"--config.file={config}"])
        self.assert_succeeds(["explain", f"--config.file={config}", line],
                             "used by   metric qemu_ide_sector_read_total", "moves     qemu_ide_sector_read_total")

    def test_a_line_that_is_no_event_says_so(self):
        self.assert_succeeds(["explain", "qemu-system-x86_64: terminating on signal 15"], "not an event name")

    def test_qemu_args_name_the_events(self):
        self.assert_succeeds(["qemu-args"], "dma_blk_io", "ps2_put_keycode", "pci_cfg_read", "blk_co_preadv", "timestamp")


class SummaryTest(Case):
    """explain --summary, against what awk would count."""
    TRACES = exporter.ROOT / "tests/data/traces"

    def summary(self, *arguments, code=0, stdin=b""):
        done = exporter.run("explain", "--summary", *arguments, stdin=stdin)
        self.assertEqual(done.returncode, code, done.stderr)
        return done.stdout

    def test_counts_rates_and_users(self):
        path = self.TRACES / "ide-raw-7.2.log"
        lines = path.read_text().splitlines()
        names = collections.Counter(line.split(":", 1)[1].split(" ")[0] for line in lines)
        times = [float(line.split("@")[1].split(":")[0]) for line in lines]
        out = self.summary(path)
        self.assertTrue(out.startswith(f'vm="ide-raw-7.2": {len(lines)} lines, {len(lines)} events of {len(names)} kinds, in '
                                       f"{max(times) - min(times):.3g} s from 2026-11-23 04:38:02 UTC\n"), out)
        rows = re.findall(r"^ +([\d,]+) +([\d.]+)  (\w+) +(.*)$", out, re.M)
        self.assertEqual({row[2]: int(row[0].replace(",", "")) for row in rows}, names)
        for count, rate, name, _ in rows:
            self.assertAlmostEqual(float(rate) / (names[name] / (max(times) - min(times))), 1, delta=0.01)
        feeds = {name: text for _, _, name, text in rows}
        self.assertRegex(feeds["dma_blk_io"], r"^qemu_block_\* \(\d+\), qemu_dma_\* \(\d+\)$")
        self.assertEqual(feeds["thread_pool_submit"], "no rule")
        self.assertEqual(feeds["bmdma_read"], "no rule: not declared")
        self.assertRegex(out, r"\n  qemu_pci_config_reads_total\n +pci_cfg_read\n")
        self.assertNotIn("virtio_blk_handle_read", out)  # the VM has no such disk

    def test_unused_events_come_with_a_command_that_works(self):
        line = "1@2.000003:thread_pool_submit pool 0x1 req 0x2 opaque '0x3"
        out = self.summary(stdin=(line + "\n" + LINES.decode()).encode())
        self.assertIn("No rule uses 25 % of the events: thread_pool_submit.", " ".join(out.split()))
        command = re.search(r"^  qemu-trace-exporter (.*)$", out, re.M)[1]
        self.assertEqual(shlex.split(command), ["explain", line])

    def test_lookups_and_spans_count_as_users(self):
        config = self.write("joins.yaml", JOINS)
        text = ("bdrv_open_common bs 0x1 filename \"a\" flags 0x0 format_name \"raw\"\n"
                "virtqueue_pop vq 0x1 elem 0x2 in_num 3 out_num 1\n")
        out = self.summary(f"--config.file={config}", stdin=text.encode())
        self.assertRegex(out, r" bdrv_open_common +qemu_(dma_\*|reads_by_image_total)")
        self.assertRegex(out, r" virtqueue_pop +.*qemu_element_seconds, qemu_elements_total")

    def test_a_log_without_times(self):
        path = self.write("vm.log", LINES.decode())
        self.assertIn("no rates and no durations. Start QEMU with -msg timestamp=on", " ".join(self.summary(path).split()))
        done = exporter.run("explain", "--summary", f"--svg={self.directory}/a.svg", path)
        self.assertEqual(done.returncode, 1)
        self.assertIn("a.svg: no event has a time", done.stderr)
        self.assertEqual(done.stderr.splitlines()[-1], "3 lines: 3 events (1 kind)")

    def test_vms_apart_and_rotated_files_together(self):
        paths = [self.write(name, "1@2.000003:" + LINES.decode().splitlines()[0] + "\n") for name in ("a.log", "b.log")]
        out = self.summary(*paths)
        self.assertEqual(re.findall(r'^vm="(\w)": 1 line, 1 event of 1 kind', out, re.M), ["a", "b"])
        config = self.write("c.yaml", "sources: [{path: '*.log', labels: {vm: one}}]\n"
                            "metrics: [{name: a_total, type: counter, event: pci_cfg_read}]\n".replace("*.log", f"{self.directory}/*.log"))
        self.assertIn('vm="one": 2 lines, 2 events of 1 kind', self.summary(f"--config.file={config}", *paths))

    def test_empty_and_missing_files(self):
        self.assertIn('vm="e": 0 lines, 0 events of 0 kinds', self.summary(self.write("e.log", "")))
        done = exporter.run("explain", "--summary", "/none.log")
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertIn("/none.log", done.stderr)

    def test_the_picture(self):
        picture = self.directory / "a.svg"
        self.summary(self.TRACES / "busy-disks-7.2.log.gz", self.TRACES / "keys-7.2.log", f"--svg={picture}")
        tree = xml.etree.ElementTree.parse(picture)
        space = "{http://www.w3.org/2000/svg}"
        texts = ["".join(each.itertext()) for each in tree.iter(space + "text")]
        for text in ('vm="busy-disks-7.2", from 2026-11-27 22:45:07 UTC', 'vm="keys-7.2", from 2026-11-23 04:44:36 UTC',
                     "Events a second", "virtqueue_pop", "pckbd_kbd_read_status", "qemu_block_read_duration_seconds", "p99"):
            self.assertIn(text, texts)
        width, height = (float(tree.getroot().get(name)) for name in ("width", "height"))
        lines = list(tree.iter(space + "polyline"))
        self.assertGreater(len(lines), 20)
        for line in lines:
            for point in line.get("points").split():
                x, y = map(float, point.split(","))
                self.assertTrue(0 < x < width and 0 < y < height, point)
        done = exporter.run("explain", "--summary", f"--svg={self.directory}/none/a.svg", self.TRACES / "keys-7.2.log")
        self.assertEqual(done.returncode, 1)
        self.assertIn("none/a.svg: cannot write: No such file or directory", done.stderr)

    def test_a_file_instead_of_a_line(self):
        path = self.write("vm.log", LINES.decode())
        self.assertIn("is a file: `explain --summary FILE`", exporter.run("explain", path).stderr)
        self.assert_fails(2, ["explain", "--svg=a.svg", "x"], "--svg needs --summary")


class ReloadTest(Case):
    def setUp(self):
        super().setUp()
        self.config = self.write("config.yaml", CONFIG.format(directory=self.directory, metric="qemu_old_total"))
        (self.directory / "vm1.log").write_bytes(LINES)

    def daemon(self, *flags):
        daemon = self.enterContext(exporter.Daemon(f"--config.file={self.config}", *flags))
        daemon.wait_ready()
        self.assertEqual(daemon.metrics().value("qemu_old_total", device="i440FX", vm="vm1"), 3)
        self.assertEqual(daemon.metrics().value(RELOADED), 1)
        return daemon

    def write_good(self):
        self.write("config.yaml", CONFIG.format(directory=self.directory, metric="qemu_new_total"))

    def write_bad(self):
        self.write("config.yaml", "metrics:\n  - nmae: qemu_new_total\n")

    def append_until(self, daemon, metric):
        """Appends to the log until `metric` moves by what is appended."""
        before = daemon.metrics().total(metric)
        with open(self.directory / "vm1.log", "ab") as log:
            log.write(LINES)
        daemon.wait_for_metrics(lambda m: m.total(metric) == before + 3, f"{metric} to move by 3")

    def assert_took_new(self, daemon):
        daemon.wait_for_metrics(lambda m: m.value(RELOADED) == 1 and "qemu_old_total" not in m.types,
                                "the new config")
        self.append_until(daemon, "qemu_new_total")

    def assert_kept_old(self, daemon):
        daemon.wait_for_metrics(lambda m: m.value(RELOADED) == 0, "the failed reload to show")
        self.assertEqual(daemon.metrics().total("qemu_old_total"), 3)
        self.append_until(daemon, "qemu_old_total")
        self.assertEqual(daemon.status("/-/ready"), 200)

    def test_signal_with_a_good_config(self):
        daemon = self.daemon()
        self.write_good()
        daemon.process.send_signal(signal.SIGHUP)
        self.assert_took_new(daemon)
        self.assertEqual(daemon.stop(), 0)

    def test_signal_with_a_bad_config_then_a_good_one(self):
        daemon = self.daemon()
        self.write_bad()
        daemon.process.send_signal(signal.SIGHUP)
        self.assert_kept_old(daemon)
        self.assertRegex(daemon.log(), re.escape(str(self.config)) + r":2:5")
        self.write_good()
        daemon.process.send_signal(signal.SIGHUP)
        self.assert_took_new(daemon)

    def test_a_reload_refuses_what_a_start_refuses(self):
        """Empty files of all kinds, no sources, a file that is gone or cannot be read; also beside a good file."""
        beside = self.write("beside.yaml", "metrics: [{name: qemu_beside_total, type: counter, event: pci_cfg_read}]\n")
        daemon = self.daemon(f"--config.file={beside}", "--web.enable-lifecycle")
        good = {path: path.read_text() for path in (self.config, beside)}
        no_sources = good[self.config].partition("metrics:")
        cases = [(self.config, "".join(no_sources[1:])), (self.config, "sources: []\n" + "".join(no_sources[1:])),
                 (self.config, "{}"), (self.config, "# later\n")]
        cases += [(path, text) for path in good for text in ("", " \n\n", None, "directory")]
        for path, text in cases:
            with self.subTest(path=path.name, text=text):
                path.unlink()
                if text == "directory":
                    path.mkdir()
                elif text is not None:
                    path.write_text(text)
                status, _, body = daemon.request("/-/reload", "POST")
                self.assertEqual(status, 500, body)
                self.assertIn(path.name, body.decode())
                self.assert_fails(1, ["serve", f"--config.file={self.config}", f"--config.file={beside}"], path.name)
                metrics = daemon.metrics()
                self.assertEqual([metrics.value(RELOADED), metrics.total("qemu_old_total"),
                                  metrics.total("qemu_beside_total")], [0, 3, 3])
                if text == "directory":
                    path.rmdir()
                path.write_text(good[path])
        self.assertEqual(daemon.status("/-/reload", "POST"), 200)
        self.append_until(daemon, "qemu_old_total")

    def test_a_rule_that_changes_its_meaning_begins_anew(self):
        """At a reload and between restarts. The order of keys and the help text do not change the meaning."""
        text = f"""\
sources: [{{path: '{self.directory}/*.log'}}]
spans:
  element: {{start: virtqueue_pop, end: virtqueue_fill, key: [vq, elem]}}
metrics:
  - {{name: a_total, type: counter, help: A., event: [pci_cfg_read, pci_cfg_write], labels: {{x: dev, y: offs}}}}
  - {{name: b_total, type: counter, event: element, labels: {{x: vq}}}}
"""
        lines = ("pci_cfg_read d 00:00.0 @0x0 -> 0x1\npci_cfg_write d 00:00.0 @0x0 <- 0x1\n"
                 "virtqueue_pop vq 0x1 elem 0x2 in_num 3 out_num 1\nvirtqueue_fill vq 0x1 elem 0x2 len 1 idx 0\n")
        cases = (("[pci_cfg_read, pci_cfg_write]", "[pci_cfg_read]", (1, 2)),
                 ("labels: {x: dev", "where: {val: 1}, labels: {x: dev", (2, 2)),
                 ("labels: {x: dev", "scale: 3, value: val, labels: {x: dev", (6, 2)),
                 ("y: offs", "y: '{offs}!'", (2, 2)),
                 ("key: [vq, elem]", "key: [vq, elem], timeout: 1m", (4, 1)),
                 ("help: A., event: [pci_cfg_read, pci_cfg_write], labels: {x: dev, y: offs}",
                  "labels: {y: offs, x: dev}, event: [pci_cfg_write, pci_cfg_read]", (4, 2)))
        flags = [f"--config.file={self.config}", f"--state.path={self.directory}/state"]
        log = self.directory / "vm1.log"

        def totals(daemon):
            metrics = daemon.metrics()
            return metrics.total("a_total"), metrics.total("b_total")
        for restarts in (False, True):
            for old, new, want in cases:
                with self.subTest(new=new, restarts=restarts):
                    log.write_text(lines)
                    self.config.write_text(text)
                    daemon = exporter.Daemon(*flags, "--web.enable-lifecycle")
                    try:
                        daemon.wait_for_metrics(lambda _: totals(daemon) == (2, 1), "the first lines")
                        self.config.write_text(text.replace(old, new))
                        if restarts:
                            daemon.stop()
                            daemon = exporter.Daemon(*flags)
                            daemon.wait_ready()
                        else:
                            self.assertEqual(daemon.status("/-/reload", "POST"), 200)
                        with open(log, "a") as file:
                            file.write(lines)
                        daemon.wait_for_metrics(lambda m: m.value("qemu_trace_exporter_lines_total") == 8, "all lines")
                        self.assertEqual(totals(daemon), want)
                    finally:
                        daemon.stop()
                        shutil.rmtree(self.directory / "state")

    def test_post_needs_the_flag(self):
        daemon = self.daemon()
        self.write_good()
        self.assertEqual(daemon.status("/-/reload", "POST"), 403)
        self.assertEqual(daemon.metrics().total("qemu_old_total"), 3)

    def test_post_with_the_flag(self):
        daemon = self.daemon("--web.enable-lifecycle")
        self.write_good()
        self.assertEqual(daemon.status("/-/reload", "POST"), 200)
        self.assert_took_new(daemon)

    def test_post_with_a_bad_config(self):
        daemon = self.daemon("--web.enable-lifecycle")
        self.write_bad()
        status, _, body = daemon.request("/-/reload", "POST")
        self.assertEqual(status, 500)
        self.assertIn(b"nmae", body)
        self.assert_kept_old(daemon)


class StartupTest(Case):
    """Until what was there has been read, there are no numbers that would rise as if it all happened now."""
    LINES = 50_000
    # Regexes that have to look at every byte, so that reading takes some seconds.
    SLOW = "".join(f"  - {{name: slow{i}_total, type: counter, match: '[a-z].*[0-9]{{{i % 9 + 1}}} .{{{i}}}[a-z].* $'}}\n" for i in range(60))

    def start(self, *flags):
        log = self.directory / "vm1.log"
        log.write_text(("abcdefghijklmnopqrstuvwxyz 0123456789 " * 3 + "\n") * self.LINES)
        config = self.write("slow.yaml", f"sources: [{{path: '{log}'}}]\nlimits: {{workers: 1}}\nmetrics:\n{self.SLOW}")
        return self.enterContext(exporter.Daemon(f"--config.file={config}", *flags))

    def lines(self, daemon):
        return daemon.metrics().value("qemu_trace_exporter_lines_total")

    def test_503_until_all_has_been_read(self):
        daemon = self.start()
        for path in ("/metrics", "/-/ready"):
            status, _, body = daemon.request(path)
            self.assertEqual(status, 503)
            self.assertRegex(body.decode(), r"^not ready: read [\d.]+ of \d+\.\d MB \(\d+ %\) of what was there at the start\n$")
        self.assertRegex(daemon.request("/")[2].decode(), r"not ready</span>, reading what was there at the start: [\d.]+ of")
        daemon.wait_ready()
        self.assertEqual(self.lines(daemon), self.LINES)

    def test_the_bound(self):
        began = time.monotonic()
        daemon = self.start("--web.startup-timeout=500ms")
        daemon.wait_ready()
        self.assertGreaterEqual(time.monotonic() - began, 0.5)
        self.assertLess(self.lines(daemon), self.LINES)
        daemon.wait_for_metrics(lambda m: m.value("qemu_trace_exporter_lines_total") == self.LINES, "all lines")

    def test_no_wait(self):
        daemon = self.start("--web.startup-timeout=0")
        self.assertEqual(daemon.status("/-/ready"), 200)
        self.assertLess(self.lines(daemon), self.LINES)


class HttpTest(Case):
    """The pages, their methods and their headers."""

    def setUp(self):
        super().setUp()
        log = self.directory / "vm1.log"
        log.write_bytes(LINES)
        self.daemon = self.enterContext(exporter.Daemon(f"--trace.path={log}"))
        self.daemon.wait_ready()

    def test_pages_and_methods(self):
        for path, method, status in (("/", "GET", 200), ("/metrics", "GET", 200), ("/metrics", "HEAD", 200),
                                     ("/-/healthy", "GET", 200), ("/-/healthy", "HEAD", 200),
                                     ("/api/v1/events", "GET", 200), ("/api/v1/status", "GET", 200),
                                     ("/metrics/", "GET", 404), ("/metricsx", "GET", 404), ("/nothing", "GET", 404),
                                     ("/metrics", "POST", 405), ("/metrics", "DELETE", 405),
                                     ("/-/reload", "GET", 405)):
            with self.subTest(path=path, method=method):
                self.assertEqual(self.daemon.status(path, method), status)

    def test_addresses(self):
        """IPv6, IPv4, both by one socket, a name, and a Unix socket; each is told in the log as one asks it."""
        path = self.directory / "exporter.sock"
        addresses = ("[::1]:0", ":0", "localhost:0", f"unix:{path}")
        with exporter.Daemon("--trace.path=/dev/null", *(f"--web.listen-address={address}" for address in addresses)) as daemon:
            hosts = re.findall(r"listening on http://(\S+):(\d+)", daemon.log())
            self.assertEqual([host for host, _ in hosts], ["127.0.0.1", "[::1]", "[::]", "127.0.0.1"])
            ports = [int(port) for _, port in hosts]
            for family, host, port in ((socket.AF_INET6, "::1", ports[1]), (socket.AF_INET6, "::1", ports[2]),
                                       (socket.AF_INET, "127.0.0.1", ports[2]), (socket.AF_INET, "127.0.0.1", ports[3]),
                                       (socket.AF_UNIX, str(path), None)):
                with self.subTest(host=host, port=port), socket.socket(family) as client:
                    client.connect((host, port) if port else host)
                    client.sendall(b"GET /-/healthy HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                    self.assertIn(b"200 OK", client.recv(4096))
            self.assertIn(f"listening on unix:{path}", daemon.log())
        self.assertFalse(path.exists())

    def test_paths_of_ones_own(self):
        daemon = exporter.Daemon("--trace.path=/dev/null", "--web.telemetry-path=/numbers", "--web.route-prefix=/qemu/")
        self.addCleanup(daemon.stop)
        daemon.wait_for_status("/qemu/-/ready", 200)
        self.assertIn(b"qemu_trace_exporter_build_info", daemon.request("/qemu/numbers")[2])
        self.assertIn(b'href="numbers"', daemon.request("/qemu/")[2])
        for path in ("/metrics", "/qemu/metrics", "/numbers", "/"):
            self.assertEqual(daemon.status(path), 404)

    def test_wrong_paths(self):
        for flag in ("--web.telemetry-path=metrics", "--web.telemetry-path=/", "--web.route-prefix=/a b", "--web.route-prefix=//a"):
            done = exporter.run("serve", "--trace.path=/dev/null", flag)
            self.assertEqual(done.returncode, 2, flag)
            self.assertIn("path", done.stderr)

    def test_log_level(self):
        self.assertEqual(self.daemon.request("/-/log-level?level=debug", "PUT")[0], 403)
        with exporter.Daemon("--trace.path=/dev/null", "--web.enable-lifecycle") as daemon:
            self.assertEqual(daemon.request("/-/log-level?level=loud", "PUT")[0], 400)
            self.assertEqual(daemon.request("/-/log-level?level=error", "PUT")[0], 200)
            self.assertIn("log level set to error", daemon.log())
            daemon.request("/-/reload", "POST")
            self.assertNotIn("config reloaded", daemon.log())
            self.assertEqual(daemon.request("/-/log-level?level=info", "PUT")[0], 200)
            daemon.request("/-/reload", "POST")
            self.assertIn("config reloaded", daemon.log())

    def test_content_type_and_compression(self):
        _, headers, body = self.daemon.request("/metrics")
        self.assertEqual(headers["Content-Type"], "text/plain; version=0.0.4; charset=utf-8")
        self.assertIsNone(headers["Content-Encoding"])
        self.assertIn(b"qemu_pci_config_reads_total", body)
        _, headers, body = self.daemon.request("/metrics", headers={"Accept-Encoding": "gzip"})
        self.assertEqual(headers["Content-Encoding"], "gzip")
        self.assertEqual(body[:2], b"\x1f\x8b")

    def test_new_lines_show_within_a_moment(self):
        with open(self.directory / "vm1.log", "ab") as log:
            log.write(LINES)
        process.wait_until(lambda: self.daemon.metrics().total("qemu_pci_config_reads_total") == 6,
                           "the appended lines", timeout=4, interval=0.02)


if __name__ == "__main__":
    unittest.main(verbosity=2)
