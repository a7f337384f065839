"""A shell in which commands do what they say and nothing comes of it: with a network of its own, so that printed ports are
free, and /etc, /var and /run on which to write without anybody seeing it. For root alone."""

import os
import pathlib
import signal
import subprocess

import process

# What is there stays readable. `$1` is a directory for the layers.
_ISOLATE = """\
set -e
ip link set lo up
mount -t tmpfs none "$1"
for tree in etc var; do
  mkdir -p "$1/$tree/upper" "$1/$tree/work"
  mount -t overlay none -o "lowerdir=/$tree,upperdir=$1/$tree/upper,workdir=$1/$tree/work" "/$tree"
done
mount -t tmpfs none /run
mkdir -p /var/log/qemu
mount -t tmpfs none /var/log/qemu # no traces of this machine
shift
"""

# Every command comes as a file; what it answered is told on descriptor 3. A group of its own for each, so that what runs
# in the background ends with the shell, whatever it has started.
_SESSION = """\
set -em
trap 'trap - EXIT; for job in $(jobs -p); do kill -- "-$job" 2>/dev/null || true; done; wait' EXIT
"""


class Shell:
    """One bash from beginning to end of a with block, in `directory`; its variables and background jobs stay. `programs`
    (names and what they run) come before those of PATH. Files of its own are in `scratch`."""

    def __init__(self, directory, scratch, programs, environment=()):
        self._directory = directory
        self._scratch = pathlib.Path(scratch)
        self._programs = programs
        self._environment = dict(environment)
        self._count = 0
        self._jobs = []

    def __enter__(self):
        layers, bin_directory = self._scratch / "layers", self._scratch / "bin"
        layers.mkdir()
        bin_directory.mkdir()
        for name, text in self._programs.items():
            (bin_directory / name).write_text(f"#!/bin/bash\n{text}\n")
            (bin_directory / name).chmod(0o755)
        self._log = open(self._scratch / "session.log", "w+b")
        answers, other_end = os.pipe()
        path = f"{bin_directory}:{os.environ['PATH']}:/usr/sbin:/sbin"
        script = f"{_ISOLATE}exec bash --noprofile --norc -s 3>&{other_end}"
        self._process = process.spawn(
            ["unshare", "--net", "--mount", "bash", "-c", script, "isolate", layers], cwd=self._directory, stdin=subprocess.PIPE,
            stdout=self._log, stderr=self._log, pass_fds=[other_end],
            env={**os.environ, **self._environment, "PATH": path, "PS1": ""})
        os.close(other_end)
        self._answers = os.fdopen(answers)
        self._send(_SESSION)
        return self

    def __exit__(self, *_):
        self._process.stdin.close()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            pass
        self._kill_all()  # what has left its job, as a server of `systemctl` does
        self._process.wait()
        self._answers.close()
        self._log.close()

    def _kill_all(self):
        """All of the session, in whatever group."""
        for entry in pathlib.Path("/proc").glob("[0-9]*"):
            try:
                if os.getsid(int(entry.name)) == self._process.pid:
                    os.kill(int(entry.name), signal.SIGKILL)
            except (ProcessLookupError, PermissionError):
                pass

    def _send(self, text):
        try:
            self._process.stdin.write(text.encode())
            self._process.stdin.flush()
        except BrokenPipeError:
            self._fail("the shell has ended")

    def _fail(self, why):
        self._log.flush()
        raise AssertionError(f"{why}:\n{(self._scratch / 'session.log').read_text(errors='replace')[-4000:]}")

    def _new_file(self, text):
        self._count += 1
        file = self._scratch / f"{self._count}.sh"
        file.write_text(text)
        return file

    def _wait(self, timeout):
        """The next answer; AssertionError where the shell ended over it or takes too long."""
        timer = process.deadline(timeout, self._kill_all)
        try:
            answer = self._answers.readline()
        finally:
            timer.cancel()
        if not answer:
            self._fail("a command failed, or took too long")
        return answer.strip()

    def run(self, text, timeout=120):
        """Runs commands to their end; what they printed, errors included. AssertionError where one of them fails."""
        return self._run(text, "", timeout)

    def run_anyway(self, text, timeout=120):
        """The same, and a command may fail."""
        return self._run(text, " || true", timeout)

    def _run(self, text, rest, timeout):
        file = self._new_file(text)
        out = file.with_suffix(".out")
        # There is no terminal: what asks for input finds none.
        self._send(f". {file} </dev/null >{out} 2>&1{rest}; echo done >&3\n")
        try:
            self._wait(timeout)
        except AssertionError as error:
            printed = out.read_text(errors="replace") if out.exists() else ""
            raise AssertionError(f"{text}\n{printed[-4000:]}\n{error}") from None
        return out.read_text(errors="replace")

    def start(self, text, until, timeout=120):
        """Runs commands in the background to the end of this shell, and waits until the command `until` succeeds."""
        file = self._new_file(text)
        out = file.with_suffix(".out")
        self._send(f"( . {file} ) </dev/null >{out} 2>&1 & echo $! >&3\n")
        job = self._wait(timeout)

        def is_there():
            alive = self.answer(f"kill -0 {job}")
            if not alive:
                raise AssertionError(f"ended too early: {text}\n{out.read_text(errors='replace')[-4000:]}")
            return self.answer(until)
        try:
            process.wait_until(is_there, until, timeout, 0.1)
        except TimeoutError as error:
            raise AssertionError(f"{error}\n{text}\n{out.read_text(errors='replace')[-4000:]}") from None
        return job, out

    def answer(self, command, timeout=20):
        """Whether a command succeeds."""
        self._send(f"if ( {command} ) </dev/null >/dev/null 2>&1; then echo yes >&3; else echo no >&3; fi\n")
        return self._wait(timeout) == "yes"
