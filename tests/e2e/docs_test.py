#!/usr/bin/env python3
"""What the pages print is what happens. Every block of README.md and docs/ is executed as it is printed: commands in the
page's order and in one shell, terminal sessions must print what is shown, the program that YAML is for reads it, and what the
references list is held against the program. tests/lib/documents.py tells how a block says that it is run elsewhere."""

import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest
import unittest.mock

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
import documents
import exporter
import parts
import process
import qemu
import shell

ROOT = documents.ROOT
REFERENCE = ROOT / "docs/reference"
README = ROOT / "README.md"
TESTING = ROOT / "docs/development/testing.md"
BUILT_HERE = ROOT / "build/release/exporter/daemon/qemu-trace-exporter"
WIDEST = 125

# All that stands between a page's commands and this machine.
PROGRAMS = {
    "qemu-trace-exporter": f'exec {exporter.BINARY} "$@"',
    "sudo": 'exec "$@"',
    # What the pages install is here already, or the test is broken.
    "apt-get": '[[ $1 == install ]] && shift && exec /usr/bin/apt-get install --no-upgrade --no-download -y "$@"',
    # There is no systemd in charge, and no nginx that runs yet.
    "systemctl": '[[ $* == "reload nginx" ]] && { nginx -g "daemon off;" & } || exit 1\n'
                 'until (: </dev/tcp/127.0.0.1/10178) 2>/dev/null; do kill -0 $! && sleep 0.05 || exit 1; done',
}
# Pages with commands of which a test of its own takes all.
ELSEWHERE = {ROOT / "docker/README.md": "docker"}
LANGUAGES = {"sh", "console", "yaml", "json", "text"}
# Whose YAML it is, by its first key.
CONFIG_KEYS = {"sources", "trace_events", "lookups", "spans", "metrics", "limits"}
WEB_CONFIG_KEYS = {"basic_auth_users", "tls_server_config", "http_server_config", "rate_limit"}


def pages():
    """Documents whose blocks are executed here."""
    return [path for path in documents.documents()
            if path not in ELSEWHERE and (path == README or ROOT / "docs" in path.parents)]


def runnable(block):
    return block.language in {"sh", "console", "yaml"}


def sessions(text):
    """A terminal session as (command, what it prints)."""
    for part in re.split(r"^\$ ", text, flags=re.M)[1:]:
        command, _, shown = part.partition("\n")
        yield command, shown


def pattern(shown):
    """A regex for what is shown. A line "..." stands for lines that were left out."""
    return "".join("(?:.*\n)*?" if line == "...\n" else re.escape(line) for line in shown.splitlines(keepends=True))


class Page:
    """A document at work: its blocks in a shell, in a directory that looks like the checkout."""

    def __init__(self, test, document):
        self._test = test
        self._document = document

    def run(self):
        with tempfile.TemporaryDirectory(prefix="qte-docs-") as directory:
            work, scratch = pathlib.Path(directory) / "work", pathlib.Path(directory) / "scratch"
            work.mkdir()
            scratch.mkdir()
            for name in ("config", "dashboards"):
                (work / name).symlink_to(ROOT / name)
            self._work = work
            with shell.Shell(work, scratch, PROGRAMS) as self._shell:
                for block in documents.blocks(self._document):
                    print(f"{block} ... ", file=sys.stderr, end="", flush=True)
                    self._run_block(block)

    def _run_block(self, block):
        if block.mark == "file":
            (self._work / block.argument).write_text(block.text)
        if block.mark and documents.MARKS[block.mark][1]:
            return  # it is marked() that takes it
        if block.language == "sh":
            self._run_commands(block)
        elif block.language == "console":
            self._run_sessions(block)
        elif block.language == "yaml":
            self._check_yaml(block)

    def _run_commands(self, block):
        if block.mark == "background":
            until = re.fullmatch(r"until (.+)", block.argument)
            self._test.assertTrue(until, f"{block}: background until WHAT?")
            self._shell.start(block.text, until[1])
        else:
            self._test.assertEqual(block.mark, "")
            self._shell.run(block.text)

    def _run_sessions(self, block):
        self._test.assertTrue(block.text.startswith("$ "))
        for command, shown in sessions(block.text):
            printed = self._shell.run_anyway(command + "\n")
            if not re.fullmatch(pattern(shown), printed):
                self._test.assertEqual(printed, shown, command)

    def _check_yaml(self, block):
        name = block.argument or "block.yaml"
        (self._work / name).write_text(block.text)
        first = re.search(r"^(\w+):", block.text, re.M)[1]
        if first in CONFIG_KEYS:
            self._shell.run(f"qemu-trace-exporter check --config.file={name}")
        elif first in WEB_CONFIG_KEYS:
            self._shell.run(f"qemu-trace-exporter check --web.config.file={name}")
        else:
            self._test.assertIn(first, ("global", "scrape_configs"), f"{block}: whose YAML is this?")
            self._shell.run(f"promtool check config --syntax-only {name}")


@unittest.skipUnless(os.geteuid() == 0, "needs root, for namespaces")
class PagesTest(unittest.TestCase):
    """A test for each page is added below."""


def _add_page_tests():
    for document in pages():
        name = str(document.relative_to(ROOT).with_suffix("")).replace("/", "_").replace("-", "_")
        setattr(PagesTest, f"test_{name}", lambda self, document=document: Page(self, document).run())


_add_page_tests()


@unittest.skipUnless(os.geteuid() == 0, "needs root, for namespaces")
class CheckoutTest(unittest.TestCase):
    """The blocks that are about the checkout itself."""

    def shell(self):
        scratch = self.enterContext(tempfile.TemporaryDirectory(prefix="qte-docs-"))
        return self.enterContext(shell.Shell(ROOT, scratch, PROGRAMS))

    def need_built_here(self):
        if pathlib.Path(exporter.BINARY).resolve() != BUILT_HERE:
            self.skipTest("only in the build tree of the release preset")

    def test_build(self):
        """All is built already, so this is about whether the commands are right."""
        self.need_built_here()
        (text,) = documents.marked(README, "build")
        self.shell().run(text, timeout=240)

    def test_build_packages(self):
        """README.md names what tests/lib/packages.sh has, but for what only makes it faster."""
        (text,) = documents.marked(README, "build")
        listed = set(re.search(r"apt-get install ((?:.*\\\n)*.*)\n", text)[1].replace("\\\n", "").split())
        print_all = '. tests/lib/packages.sh; echo "${build_packages[@]}"; echo "${real_packages[@]}"'
        done = subprocess.run(["bash", "-c", print_all], cwd=ROOT, capture_output=True, text=True, check=True)
        build, real = (set(line.split()) for line in done.stdout.splitlines())
        self.assertEqual(listed - {"dpkg-dev", "file"}, build - {"ccache"})
        self.assertLessEqual({"dpkg-dev", "file"}, listed & real)

    def test_run(self):
        """As a newcomer would, up to Ctrl-C."""
        self.need_built_here()
        (text,) = documents.marked(README, "run")
        qemu.make_guest()  # by packages, which the shell's own network cannot reach
        here = self.shell()
        job, out = here.start(text, "curl -sf http://127.0.0.1:10177/metrics | "
                              """grep -q 'qemu_keyboard_keystrokes_total{vm="demo"} [1-9]'""", timeout=200)
        process.wait_until(lambda: "Ctrl-C stops everything" in out.read_text(), "the first look", 60)
        self.assertRegex(out.read_text(), r"qemu_dma_read_bytes_total\{vm=\"demo\",device=\"[^\"]*ide0.img\"\} [1-9]")
        self.assertIn("qemu-trace-exporter", here.run("curl -sf http://127.0.0.1:10177/"))
        here.run(f"kill -INT -- -{job}\n")
        process.wait_until(lambda: "Stopped" in out.read_text(), "its end", 30)

    def test_tests(self):
        """They cannot run within themselves; but they are what continuous integration runs."""
        for text in documents.marked(README, "tests"):
            self.assertEqual(text, "./test.sh\n")
        done = subprocess.run([ROOT / "test.sh", "--help"], capture_output=True, text=True)
        self.assertEqual((done.returncode, done.stdout[:6]), (0, "usage:"))
        self.assertIn("exec ./test.sh ", (ROOT / ".ci/run").read_text())

    def test_checkout(self):
        """How to run one test."""
        self.need_built_here()
        here = self.shell()
        for text in documents.marked(TESTING, "checkout"):
            here.run(text, timeout=120)


class BlocksTest(unittest.TestCase):
    """Every block is executed by some test."""

    def test_languages(self):
        for document in documents.documents():
            for block in documents.blocks(document):
                with self.subTest(block=str(block)):
                    self.assertIn(block.language, LANGUAGES)
                    if block.language == "json":
                        json.loads(block.text)

    def test_marks_are_executed(self):
        for document in documents.documents():
            for block in documents.blocks(document):
                if not block.mark:
                    continue
                with self.subTest(block=str(block)):
                    test, of = documents.MARKS[block.mark]
                    if of is None:
                        self.assertIn(document, pages())
                        continue
                    self.assertEqual(document, ROOT / of, f"{test} takes blocks with this mark from {of} alone")
                    takes = rf'(?:marked|commands_of_readme)\((?:\w+, )?"{block.mark}"'
                    self.assertTrue(re.search(takes, (ROOT / "tests/e2e" / test).read_text()), f"{test} does not take it")

    def test_other_documents(self):
        """Commands stand where they are executed."""
        for document in documents.documents():
            if document in pages():
                continue
            blocks = documents.blocks(document)
            if document in ELSEWHERE and not any(block.mark for block in blocks):
                continue  # that test has them by heart as yet
            for block in blocks:
                if runnable(block) and (not block.mark or block.mark != ELSEWHERE.get(document)):
                    self.fail(f"{block}: nobody executes this")

    def test_no_gaps(self):
        for document in pages():
            for block in documents.blocks(document):
                if block.language == "sh":
                    with self.subTest(block=str(block)):
                        self.assertNotRegex(block.text, r"\.\.\.", "what is left out cannot be run")


class TextTest(unittest.TestCase):
    def test_links_lead_somewhere(self):
        for document in documents.documents():
            for target in documents.links(document):
                if re.match(r"https?:", target):
                    continue
                path, _, anchor = target.partition("#")
                with self.subTest(document=str(document.relative_to(ROOT)), link=target):
                    there = document.parent / path if path else document
                    self.assertTrue(there.exists())
                    if anchor:
                        self.assertIn(anchor, documents.anchors(there))

    def test_every_page_is_reached(self):
        """From README.md, by one link."""
        reached = {(README.parent / target.partition("#")[0]).resolve() for target in documents.links(README)}
        for page in pages():
            if page != README:
                self.assertIn(page, reached)

    def test_no_wide_lines(self):
        for document in pages():
            for number, line in documents.prose(document):
                if not line.startswith("|") and "](" not in line and not line.startswith("<!-- "):
                    with self.subTest(at=f"{document.relative_to(ROOT)}:{number}"):
                        self.assertLessEqual(len(line), WIDEST)

    def test_what_has_to_be_said(self):
        text = " ".join(README.read_text().split())
        self.assertRegex(text, r"Fedora and RHEL build QEMU with the dtrace backend alone, which writes no log at all")


def paths_of(value, at=""):
    """The fields of a JSON value: `sources[].path`."""
    if isinstance(value, dict):
        for key, item in value.items():
            path = f"{at}.{key}" if at else key
            yield path
            yield from paths_of(item, path)
    elif isinstance(value, list):
        for item in value:
            yield from paths_of(item, at + "[]")


def code(cell):
    """What a cell has in backticks."""
    return re.findall(r"`([^`]+)`", cell)


class ReferenceTest(unittest.TestCase):
    """The tables of docs/reference against the program."""

    @classmethod
    def setUpClass(cls):
        directory = pathlib.Path(cls.enterClassContext(tempfile.TemporaryDirectory(prefix="qte-docs-")))
        (directory / "vm1.log").write_text("pci_cfg_read i440FX 00:00.0 @0x0 -> 0x1\nkvm_run_exit cpu_index 0, reason 2\n")
        config = directory / "config.yaml"
        config.write_text(f"sources: [{{path: '{directory}/*.log', qmp: '{directory}/{{vm}}.qmp'}}]\n")
        cls.daemon = cls.enterClassContext(exporter.Daemon(
            "--config.file=default", f"--config.file={config}", f"--state.path={directory / 'state'}"))
        cls.daemon.wait_ready()
        cls.config_sources = {path.name: path.read_text() for path in (ROOT / "exporter/config").glob("*.cc")}

    def rows(self, name, heading=None):
        text = (REFERENCE / name).read_text()
        headings = [heading] if heading else re.findall(r"^#+ (.*)$", re.sub(r"^```.*?^```$", "", text, flags=re.M | re.S), re.M)
        return [row for each in headings for row in documents.table_rows(text, each)]

    # config.md

    def test_config_keys(self):
        """Every key that the schema has is there with the same meaning, and none else."""
        schema = json.loads(exporter.run("schema").stdout)
        maps = {"Sections": schema}
        for heading, name in (("Sources", "source"), ("QMP", "qmp"), ("Lookups", "lookup"), ("Spans", "span"),
                              ("Metrics", "metric"), ("Labels", "label"), ("Where", "condition"), ("Buckets", "buckets"),
                              ("Limits", "limits")):
            definition = schema["definitions"][name]
            maps[heading] = next(each for each in [definition, *definition.get("anyOf", [])] if "properties" in each)
        for heading, definition in maps.items():
            with self.subTest(heading=heading):
                # The page has links where the schema has their texts.
                documented = {code(row[0])[0]: re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", row[3])
                              for row in self.rows("config.md", heading)}
                self.assertEqual(documented, {key: value["description"] for key, value in definition["properties"].items()})

    def test_web_config_keys(self):
        """Every key that exporter/config takes there is there, and none else."""
        headings = {("web_config.cc", "kSections"): "Web config", ("tls_section.cc", "kKeys"): "TLS",
                    ("web_config.cc", "kHttpKeys"): "HTTP headers", ("web_config.cc", "kRateKeys"): "Rate limit"}
        want = {heading: set() for heading in headings.values()}
        array = re.compile(r"constexpr auto (k\w*(?:Keys|Sections)) =\s*std::to_array<std::string_view>\(\s*\{([^}]*)\}\)")
        for file, source in self.config_sources.items():
            for name, keys in array.findall(source):
                self.assertIn((file, name), headings, "keys that docs/reference/config.md does not know")
                want[headings.pop((file, name))] |= set(re.findall(r'"(\w+)"', keys))
        self.assertFalse(headings, "found no such arrays")
        for heading, keys in want.items():
            with self.subTest(heading=heading):
                self.assertEqual({code(row[0])[0] for row in self.rows("config.md", heading)}, keys)

    def test_config_limits(self):
        header = (ROOT / "exporter/config/config.h").read_text().replace("'", "")
        for key, _, default, _ in self.rows("config.md", "Limits"):
            if default.isdigit():
                self.assertIn(f" {code(key)[0]} = {default};", header)

    def test_derived_events(self):
        """A rule that uses all that is listed is good."""
        rules = ""
        for event, arguments in self.rows("config.md", "Derived events"):
            if not code(event):
                continue  # spans
            labels = ", ".join(f"l_{argument}: {argument}" for argument in code(arguments))
            name = code(event)[0]
            kind = f"{name}_x, type: gauge, value: requests" if name.endswith("in_flight") else f"{name}_x_total, type: counter"
            rules += f"  - {{name: {kind}, event: {name}, labels: {{{labels}}}}}\n"
        with tempfile.NamedTemporaryFile("w", suffix=".yaml") as config:
            config.write("metrics:\n" + rules)
            config.flush()
            done = exporter.run("check", f"--config.file={config.name}")
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_bundled_declarations(self):
        """The number that docs/how-to/own-rules.md gives."""
        lines = (ROOT / "config/trace-events").read_text().splitlines()
        declared = [line for line in lines if line and not line.startswith("#")]
        self.assertIn(f"{len(declared)} declarations of events", (ROOT / "docs/how-to/own-rules.md").read_text())

    def test_ready_files(self):
        """The table of docs/how-to/own-rules.md has every file with all its metrics."""
        text = (ROOT / "docs/how-to/own-rules.md").read_text()
        listed = {re.match(r"\[(.*?)\]", file)[1]: {"qemu_" + name for name in code(names)}
                  for file, names in documents.table_rows(text, "Ready config files")}
        there = {path.name: set(re.findall(r"^  - name: (\S+)$", path.read_text(), re.M))
                 for path in (ROOT / "config").glob("*.yaml") if path.name != "default.yaml"}
        self.assertEqual(listed, there)

    # metrics.md

    def documented_metrics(self):
        """{name: (type, labels, help)}"""
        return {code(row[0])[0]: (row[1], code(row[2]), row[3]) for row in self.rows("metrics.md") if len(row) == 4}

    def test_default_metrics(self):
        text = (ROOT / "config/default.yaml").read_text()
        rules = re.findall(r"^  - name: (\S+)\n    type: (\w+)\n    help: (.*)\n((?:    .*\n)*)", text, re.M)
        self.assertEqual(len(rules), len(re.findall(r"^  - name:", text, re.M)))
        documented = self.documented_metrics()
        for name, kind, help_text, rest in rules:
            with self.subTest(metric=name):
                labels = re.search(r"labels: \{(.*)\}", rest, re.S)
                own = re.sub(r"\[.*?\]", "", labels[1]) if labels else ""
                while "{" in own:
                    own = re.sub(r"\{[^{}]*\}", "", own)  # a label's template and conditions
                names = re.findall(r"(\w+): ", own)
                self.assertEqual(documented.get(name), (kind, names, help_text))

    def test_own_metrics(self):
        text = self.daemon.text()
        told = dict(re.findall(r"^# HELP ((?:qemu_trace|process)_\S+) (.*)$", text, re.M))
        documented = {name: row for name, row in self.documented_metrics().items()
                      if name.startswith(("qemu_trace", "process_"))}
        # There is none before an event has a time, a line is unread or wrapped, or a QEMU is traced by its probes.
        missing = ("last_event_timestamp_seconds", "source_last_event_timestamp_seconds", "source_unparsed_lines_total",
                   "source_envelope_info", "lost_events_total")
        self.assertEqual(documented.keys() - told.keys(), {f"qemu_trace_exporter_{name}" for name in missing})
        self.assertEqual(told.keys() - documented.keys(), set())
        for name, help_text in told.items():
            with self.subTest(metric=name):
                kind, labels, meaning = documented[name]
                self.assertEqual(meaning, help_text)
                self.assertIn(f"# TYPE {name} {kind}\n", text)
                found = re.search(rf"^{name}(?:\{{(.*?)\}})? ", text, re.M)
                if found:
                    self.assertEqual(re.findall(r'(\w+)="', found[1] or ""), labels)

    def test_reasons(self):
        text = self.daemon.text()
        reasons = re.findall(r'unparsed_lines_total\{reason="(\w+)"\}', text)
        self.assertGreater(len(reasons), 4)
        for reason in reasons:
            self.assertIn(f"`{reason}`", (REFERENCE / "metrics.md").read_text())
        for reason in re.findall(r'qmp_failures_total\{reason="(\w+)"\}', text):
            self.assertIn(f"`{reason}`", (ROOT / "docs/how-to/qmp.md").read_text())

    # http.md

    def test_endpoints(self):
        source = (ROOT / "exporter/daemon/routes.cc").read_text()
        routes = set(re.findall(r'\{"(/[\w/-]*)", ', source))
        routes.add("/metrics")  # the default of --web.telemetry-path
        self.assertEqual({code(row[0])[0] for row in self.rows("http.md", "Endpoints")}, routes)
        self.assertEqual(self.daemon.status("/nothing"), 404)
        self.assertEqual(self.daemon.status("/metrics", "DELETE"), 405)
        self.assertEqual(self.daemon.status("/-/reload", "POST"), 403)

    def test_json(self):
        source = "".join((ROOT / "exporter/daemon" / file).read_text() for file in ("routes.cc", "source_metrics.cc"))
        live = [block for block in documents.blocks(REFERENCE / "http.md") if block.mark == "live"]
        self.assertEqual(len(live), 3)
        for block in live:
            with self.subTest(endpoint=block.argument):
                answer = process.wait_until(lambda: self.full_answer(block.argument), "an answer with all in it")
                shown = set(paths_of(json.loads(block.text)))
                self.assertLessEqual(set(paths_of(answer)), shown)
                for path in shown:
                    self.assertIn(f'"{path.split(".")[-1].removesuffix("[]")}"', source)
                # Tables tell of what holds a value.
                leaves = {path for path in shown if not any(other.startswith((path + ".", path + "[].")) for other in shown)}
                documented = {code(row[0])[0] for row in self.rows("http.md", block.argument)}
                self.assertEqual(documented, leaves)

    def full_answer(self, endpoint):
        status, _, body = self.daemon.request(endpoint)
        answer = json.loads(body) if status == 200 else {}
        return answer if answer.get("events") or answer.get("qmp") or answer.get("times") else None

    # command-line.md

    def help(self, *command):
        """What --help prints where the terminal is wide enough for each text to be one line."""
        with unittest.mock.patch.dict(os.environ, {"COLUMNS": "1000"}):
            return exporter.run(*command, "--help").stdout

    def test_flags(self):
        helps = self.help() + "".join(self.help(command) for command in ("check", "backfill", "replay", "explain", "bpftrace", "top"))
        # A flag that is too long has its text on the next line.
        options = re.findall(r"^  (?:-\w, )?(--[\w.-]+)\S*(?: {2,}|\n {20,})(\S.*)$", helps, re.M)
        told = {flag: re.sub(r" \(default: .*\)", "", text) for flag, text in options}
        documented = {re.match(r"--[\w.-]+", code(flag)[0])[0]: re.sub("^of `[^:]*`: ", "", meaning)
                      for flag, _, meaning in self.rows("command-line.md", "Flags")}
        self.assertEqual(documented, told)

    def test_commands(self):
        commands = re.search(r"^Commands:\n((?:  .*\n)+)", self.help(), re.M)[1]
        self.assertEqual({code(name)[0]: does for name, does in self.rows("command-line.md", "Commands")},
                         dict(re.findall(r"^  (\S+) +(.*)$", commands, re.M)))

    def test_exit_codes(self):
        codes = ", ".join(" ".join(row) for row in self.rows("command-line.md", "Exit codes"))
        self.assertIn(f"Exit codes: {codes}.", exporter.run("--help").stdout)


if __name__ == "__main__":
    if not set(sys.argv[1:]) & {"BlocksTest", "TextTest", "ReferenceTest"}:
        parts.need("promtool", "prometheus", "qemu-system-x86_64", "curl", "ip", "nginx", "htpasswd", "openssl")
    unittest.main(verbosity=2)
