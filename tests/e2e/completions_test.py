#!/usr/bin/env python3
"""Completions of zsh and fish, as these shells offer them. Those of bash are tested with the package."""

import os
import pathlib
import pty
import re
import select
import shutil
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
import exporter
import parts

COMPLETIONS = exporter.ROOT / "config/completions"
COMMANDS = {"serve", "check", "replay", "backfill", "explain", "qemu-args", "bpftrace", "schema", "top", "help", "version"}

# What is typed, and what is offered for it, anywhere in the line.
CASES = (
    ("", COMMANDS),
    ("ba", {"backfill"}),
    ("--log.level=info rep", {"replay"}),
    ("--st", {"--state.path", "--step", "--strict"}),
    ("replay --st", {"--state.path", "--strict"}),
    ("backfill --st", {"--state.path", "--step"}),
    ("check --format=", {"text", "json"}),
    ("serve --log.level ", {"debug", "info", "warn", "error"}),
    ("--strict replay READ", {"README.md"}),
    ("check config/default.y", {"config/default.yaml"}),
    ("serve READ", set()),
    ("help b", {"backfill", "bpftrace"}),
    ("top --so", {"--sort"}),
    ("top --sort=", {"requests", "bytes", "latency", "events", "errors", "name"}),
    ("top READ", {"README.md"}),
)


class FishTest(unittest.TestCase):
    def offered(self, line):
        script = f'source {COMPLETIONS}/qemu-trace-exporter.fish; complete -C "$argv[1]"'
        done = subprocess.run(["fish", "--no-config", "-c", script, f"qemu-trace-exporter {line}"], cwd=exporter.ROOT,
                              capture_output=True, text=True, timeout=60)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        # A flag's value comes with its flag.
        return {each.split("\t")[0].split("=")[-1] for each in done.stdout.splitlines()}

    def test_offers(self):
        for line, want in CASES:
            with self.subTest(line):
                self.assertEqual(self.offered(line), want)

    def test_every_flag_is_there(self):
        self.assertEqual(self.offered("--"), flags_of_help())


class ZshTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        directory = pathlib.Path(cls.enterClassContext(tempfile.TemporaryDirectory(prefix="qte-zsh-")))
        shutil.copy(COMPLETIONS / "qemu-trace-exporter.zsh", directory / "_qemu-trace-exporter")
        pid, cls.terminal = pty.fork()
        if pid == 0:
            os.chdir(exporter.ROOT)
            os.environ.update(TERM="dumb", COLUMNS="200", LINES="200", PS1="")
            os.execvp("zsh", ["zsh", "-f", "-i"])
        cls.addClassCleanup(cls.end, pid)
        cls.type(f"setopt no_prompt_sp; PS1='as''k> '; fpath=({directory} $fpath); autoload -Uz compinit && compinit -D -u; LISTMAX=1000; bindkey '^T' list-choices\n")
        cls.read_until("ask> ")

    @classmethod
    def end(cls, pid):
        os.close(cls.terminal)
        os.waitpid(pid, 0)

    @classmethod
    def type(cls, text):
        os.write(cls.terminal, text.encode())

    @classmethod
    def read_until(cls, pattern):
        """Up to the prompt, say: what is typed before it is not zsh's yet but the terminal's, which obeys control keys."""
        out, end = b"", time.monotonic() + 10
        while not re.search(pattern.encode(), out):
            if not select.select([cls.terminal], [], [], max(0, end - time.monotonic()))[0]:
                raise AssertionError(f"no {pattern!r} in {out!r}")
            out += os.read(cls.terminal, 65536)
        return out.decode()

    def offered(self, line):
        """The first words of what zsh lists, and of values all."""
        self.type(f"qemu-trace-exporter {line}\x14\x15echo do''ne\n")
        out = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]|\r", "", self.read_until(r"done\r+\n[^\n]*ask> "))
        listed = [each for each in out.splitlines() if not re.search("qemu-trace-exporter|do.*ne|ask>", each)]
        words = set()
        for each in listed:
            words |= set(each.split()[:1] if " -- " in each else each.split())
        return words

    def test_offers(self):
        for line, want in CASES:
            with self.subTest(line):
                # zsh lists the last part of a path.
                self.assertEqual(self.offered(line), {pathlib.PurePath(word).name for word in want})

    def test_every_flag_is_there(self):
        self.assertEqual({word for word in self.offered("--") if word.startswith("--")}, flags_of_help())


def flags_of_help():
    """All flags that --help names, those of the commands included."""
    texts = [exporter.run("--help").stdout] + [exporter.run("help", command).stdout for command in COMMANDS - {"help", "version"}]
    return set(re.findall(r"--[a-z][a-z.-]+", "".join(texts)))


if __name__ == "__main__":
    parts.need("fish", "zsh")
    unittest.main(verbosity=2)
