#!/usr/bin/env python3
"""`cmake --install` and the Debian package, by the commands of README.md: what a user gets works, in a root where nothing
else is."""

import glob
import os
import pathlib
import platform
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
import documents
import exporter
import exposition
import process

BUILD = pathlib.Path(exporter.BINARY).parents[2]
LINE = b"pci_cfg_read i440FX 00:00.0 @0x0 -> 0x12378086\n"
MAN = exporter.ROOT / "config/man/qemu-trace-exporter.1"
COMPLETION = exporter.ROOT / "config/completions/qemu-trace-exporter.bash"
README = exporter.ROOT / "README.md"
# What links of the pages lead to and no installation has.
SOURCE_ALONE = {"docker", "tests", "dashboards/pictures", "config/debian", "config/systemd", "config/nginx-tls.conf",
                "config/web.yml", "LICENSE", "CONTRIBUTING.md", "SECURITY.md", "docs/development"}


def run(*command, **options):
    """The output of what has to succeed."""
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=280, **options)
    if done.returncode != 0:
        raise AssertionError(f"{command} ended with {done.returncode}: {(done.stdout + done.stderr)[-3000:]}")
    return done.stdout


def commands_of_readme(mark, substitutions):
    """The block of README.md with that mark, with other paths. AssertionError where there is nothing to replace."""
    (text,) = documents.marked(README, mark)
    for old, new in substitutions.items():
        if old not in text:
            raise AssertionError(f"{old!r} is not in {text!r}")
        text = text.replace(old, str(new))
    return text


def flags_of_help():
    """All flags that --help names, those of the commands included."""
    texts = [exporter.run("--help").stdout]
    commands = ("check", "replay", "backfill", "explain", "bpftrace", "top")
    texts += [exporter.run(command, "--help").stdout for command in commands]
    return set(re.findall(r"--[a-z][a-z.-]+", "".join(texts)))


class ManualTest(unittest.TestCase):
    def test_the_manual_knows_every_flag_and_command(self):
        text = MAN.read_text().replace("\\-", "-")
        flags = flags_of_help()
        self.assertGreater(len(flags), 9)
        for word in flags | self.COMMANDS:
            self.assertIn(word, text)

    def test_groff_has_no_complaint(self):
        if not shutil.which("groff"):
            self.skipTest("no groff")
        done = subprocess.run(["groff", "-man", "-ww", "-z", str(MAN)], capture_output=True, text=True)
        self.assertEqual((done.returncode, done.stderr), (0, ""))

    def complete(self, *words, at=-1):
        """What bash offers for the word at that index, the last one unless told."""
        line = ["qemu-trace-exporter", *words]
        script = ('. "$0"; COMP_CWORD=$1; shift; COMP_WORDS=("$@"); _qemu_trace_exporter; '
                  'printf "%s\\n" "${COMPREPLY[@]}"')
        out = run("bash", "-c", script, COMPLETION, range(len(line))[at], *line, cwd=exporter.ROOT)
        return set(out.split())

    COMMANDS = {"serve", "check", "replay", "backfill", "explain", "qemu-args", "bpftrace", "schema", "top", "help", "version"}

    def test_completion(self):
        self.assertEqual(self.complete("--"), flags_of_help())
        self.assertEqual(self.complete(""), self.COMMANDS)
        self.assertEqual(self.complete("ba"), {"backfill"})
        self.assertEqual(self.complete("--log.format", "=", "j"), {"json"})
        self.assertEqual(self.complete("serve", "--log.level", ""), {"debug", "info", "warn", "error"})
        self.assertIn("README.md", self.complete("replay", "README"))
        self.assertIn("config/default.yaml", self.complete("--config.file", "=", "config/def"))

    def test_completion_anywhere_in_the_line(self):
        """The command counts wherever it stands, and a flag's value is none."""
        self.assertEqual(self.complete("--log.level", "=", "info", ""), self.COMMANDS)
        self.assertEqual(self.complete("--log.level", "info", "rep"), {"replay"})
        self.assertEqual(self.complete("--state.path", "replay", "rep"), {"replay"})
        self.assertIn("README.md", self.complete("--log.level=info", "replay", "--strict", "README"))
        self.assertIn("README.md", self.complete("--step", "5s", "backfill", "a.log", "README"))
        self.assertIn("config/default.yaml", self.complete("--log.level", "=", "info", "check", "config/def"))
        self.assertEqual(self.complete("serve", "RE"), set())
        self.assertEqual(self.complete("help", "b"), {"backfill", "bpftrace"})
        # What follows the cursor counts as well.
        self.assertEqual(self.complete("--st", "replay", "a.log", at=1), {"--state.path", "--strict"})
        self.assertNotIn("--step", self.complete("replay", "--"))
        self.assertIn("--step", self.complete("backfill", "--"))
        self.assertEqual(self.complete("check", "--format", "=", "j"), {"json"})


class InstallTest(unittest.TestCase):
    def setUp(self):
        self.directory = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory(prefix="qte-install-")))

    def test_below_a_prefix_of_ones_own(self):
        prefix = self.directory / "own"
        install = commands_of_readme("install", {"sudo ": "", "build/release": BUILD, "/usr/local": prefix})
        run("bash", "-ec", install, cwd=exporter.ROOT)
        self.assertIn("fine", run(prefix / "bin/qemu-trace-exporter", "check",
                                  f"--config.file={prefix}/etc/qemu-trace-exporter/config.yaml"))
        unit = (prefix / "lib/systemd/system/qemu-trace-exporter.service").read_text()
        self.assertIn(f"ExecStart={prefix}/bin/qemu-trace-exporter --config.file={prefix}/etc/", unit)
        self.assertNotIn("=/usr/bin/qemu", unit)
        drop_in = (prefix / "share/doc/qemu-trace-exporter/examples/socket.conf").read_text()
        self.assertIn(f"ExecStart={prefix}/bin/qemu-trace-exporter --config.file={prefix}/etc/", drop_in)
        self.assertNotIn("=/usr/bin/qemu", drop_in)
        socket_unit = (prefix / "lib/systemd/system/qemu-trace-exporter.socket").read_text()
        self.assertIn(f"Documentation=file://{prefix}/share/doc/", socket_unit)
        schema = f"{prefix}/share/qemu-trace-exporter/config/config.schema.json"
        self.assertTrue(pathlib.Path(schema).exists())
        self.assertTrue((prefix / "share/zsh/site-functions/_qemu-trace-exporter").exists())
        self.assertTrue((prefix / "etc/qemu-trace-exporter/config.yaml").read_text().startswith(
            f"# yaml-language-server: $schema={schema}\n"))
        for ready in (exporter.ROOT / "config").glob("*.yaml"):
            self.assertTrue((prefix / "share/qemu-trace-exporter/config" / ready.name).exists(), ready)
        # An upgrade leaves what the administrator wrote.
        config = prefix / "etc/qemu-trace-exporter/config.yaml"
        config.write_text("# mine\n")
        run("bash", "-ec", install, cwd=exporter.ROOT)
        self.assertEqual(config.read_text(), "# mine\n")
        self.check_pages(prefix / "share/doc/qemu-trace-exporter")

    def check_pages(self, folder):
        """Their links work there, but to what is in the source alone."""
        pages = set(folder.glob("docs/**/*.md")) | {folder / "README.md"}
        self.assertGreater(len(pages), 9)
        for page in pages:
            for target in documents.links(page):
                path = os.path.relpath(page.parent / target.partition("#")[0], folder)
                if target.startswith("http") or any(path == left or path.startswith(left + "/") for left in SOURCE_ALONE):
                    continue
                self.assertTrue((folder / path).exists(), f"{page}: {target}")


@unittest.skipUnless(os.geteuid() == 0 and (shutil.which("mmdebstrap") or "QTE_REQUIRE_ALL" in os.environ),
                     "needs root and mmdebstrap")
class PackageTest(unittest.TestCase):
    """In a Debian of nothing but its least parts, of the release that the package was built on."""

    @classmethod
    def setUpClass(cls):
        cls.directory = pathlib.Path(cls.enterClassContext(tempfile.TemporaryDirectory(prefix="qte-package-")))
        cls.directory.chmod(0o755)
        for old in glob.glob(f"{BUILD}/*.deb"):
            os.unlink(old)
        run("bash", "-ec", commands_of_readme("package", {"build/release": BUILD}), cwd=exporter.ROOT)
        (cls.package,) = glob.glob(f"{BUILD}/*.deb")
        # There is no one to say yes.
        install = commands_of_readme("package-install", {"sudo apt-get": "apt-get -qq", "./build/release/": "/var/tmp/"})
        cls.root = cls.directory / "root"
        run("mmdebstrap", "--variant=minbase", "--mode=root", '--aptopt=APT::Install-Recommends "false"',
            f"--customize-hook=copy-in {cls.package} /var/tmp",
            f'--customize-hook=chroot "$1" sh -ec {shlex.quote(install)}',
            platform.freedesktop_os_release()["VERSION_CODENAME"], cls.root)

    def inside(self, *command, **options):
        return run("chroot", self.root, *command, **options)

    def test_it_has_what_it_should(self):
        files = set(self.inside("dpkg", "-L", "qemu-trace-exporter").split())
        for path in ("/usr/bin/qemu-trace-exporter", "/usr/lib/systemd/system/qemu-trace-exporter.service",
                     "/usr/lib/systemd/system/qemu-trace-exporter.socket",
                     "/usr/share/doc/qemu-trace-exporter/examples/socket.conf",
                     "/etc/qemu-trace-exporter/config.yaml", "/usr/share/man/man1/qemu-trace-exporter.1",
                     "/usr/share/bash-completion/completions/qemu-trace-exporter",
                     "/usr/share/fish/vendor_completions.d/qemu-trace-exporter.fish",
                     "/usr/share/zsh/vendor-completions/_qemu-trace-exporter",
                     "/usr/share/doc/qemu-trace-exporter/copyright",
                     "/usr/share/doc/qemu-trace-exporter/docs/reference/config.md",
                     "/usr/share/qemu-trace-exporter/config/default.yaml",
                     "/usr/share/qemu-trace-exporter/dashboards/overview.json",
                     "/usr/share/qemu-trace-exporter/dashboards/provisioning/dashboards/qemu.yaml",
                     "/usr/share/qemu-trace-exporter/dashboards/rules/qemu-trace-exporter.yaml"):
            self.assertIn(path, files)
        self.assertIn(" /etc/qemu-trace-exporter/config.yaml",
                      self.inside("dpkg-query", "-W", "-f=${Conffiles}", "qemu-trace-exporter"))
        version = self.inside("qemu-trace-exporter", "--version").split()[-1]
        self.assertEqual(self.inside("dpkg-query", "-W", "-f=${Version}", "qemu-trace-exporter"), version)

    def test_it_names_whose_work_is_in_it(self):
        text = (self.root / "usr/share/doc/qemu-trace-exporter/copyright").read_text()
        for name in ("Apache-2.0", "dygraphs", "Dan Vanderkam", "CLI11", "nlohmann-json", "QEMU authors"):
            self.assertIn(name, text)
        # Every licence that a stanza names is there in full, or by its file in every Debian.
        named = set(re.findall(r"^License: (\S+)$", text, re.M))
        self.assertEqual(named, set(re.findall(r"^License: (\S+)\n ", text, re.M)))
        for file in re.findall(r"/usr/share/common-licenses/([\w.-]*\w)", text):
            self.assertTrue((self.root / "usr/share/common-licenses" / file).exists(), file)

    def test_it_serves(self):
        """Without /proc as well, which is not mounted there."""
        (self.root / "var/log/qemu").mkdir(exist_ok=True)
        (self.root / "var/log/qemu/vm1.log").write_bytes(LINE * 3)
        port = process.free_port()
        daemon = process.spawn(["chroot", str(self.root), "qemu-trace-exporter",
                                "--config.file=/etc/qemu-trace-exporter/config.yaml",
                                f"--web.listen-address=127.0.0.1:{port}"], stdin=subprocess.DEVNULL)
        try:
            def reads():
                try:
                    status, _, body = exporter.request(f"http://127.0.0.1:{port}/metrics")
                except OSError:
                    return 0
                return 0 if status != 200 else exposition.parse(body.decode()).total("qemu_pci_config_reads_total", vm="vm1")
            process.wait_until(lambda: reads() == 3, "three reads")
        finally:
            process.end(daemon)

    def test_the_service_is_enabled_and_the_socket_is_not(self):
        link = self.root / "etc/systemd/system/multi-user.target.wants/qemu-trace-exporter.service"
        self.assertTrue(link.is_symlink())
        self.assertFalse((self.root / "etc/systemd/system/sockets.target.wants/qemu-trace-exporter.socket").is_symlink())

    def test_removing_leaves_the_config_and_purging_nothing(self):
        root = self.directory / "another"
        shutil.copytree(self.root, root, symlinks=True, ignore=shutil.ignore_patterns("proc", "sys", "dev", "locale"))
        for name in ("proc", "sys", "dev", "usr/share/locale"):
            (root / name).mkdir(exist_ok=True)
        config = root / "etc/qemu-trace-exporter/config.yaml"
        run("chroot", root, "dpkg", "--remove", "qemu-trace-exporter")
        self.assertTrue(config.exists())
        self.assertFalse((root / "usr/bin/qemu-trace-exporter").exists())
        run("chroot", root, "dpkg", "--purge", "qemu-trace-exporter")
        self.assertFalse(config.parent.exists())


if __name__ == "__main__":
    unittest.main(verbosity=2)
