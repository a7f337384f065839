"""Child processes that do not outlive their parent, free ports, and waiting with a deadline."""

import ctypes
import signal
import socket
import subprocess
import threading
import time

_PR_SET_PDEATHSIG = 1
# Found here and not in the child: if another thread held the loader's lock at the fork, it would wait for ever.
_prctl = ctypes.CDLL(None).prctl


def _die_with_parent():
    _prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def spawn(command, **options):
    """Popen in a session of its own, so that Ctrl-C in the terminal reaches the parent alone, which then ends its
    children in order. A parent that is killed (ctest does so at a timeout) takes them along."""
    return subprocess.Popen([str(part) for part in command], start_new_session=True, preexec_fn=_die_with_parent,
                            **options)


def end(process, timeout=60):
    """SIGTERM, then SIGKILL for one that does not listen; a busy disk may hold up its last words. Returns the exit code."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(timeout)
        except subprocess.TimeoutExpired:
            process.kill()
    return process.wait()


def free_port():
    """A loopback port on which nothing listens at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until(condition, what, timeout=30.0, interval=0.05):
    """Polls until condition() is true, and returns what it returned. `what` names it in the error."""
    deadline = time.monotonic() + timeout
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {timeout:g} s in vain for {what}")
        time.sleep(interval)


def deadline(seconds, action):
    """Calls action() after that time, unless the timer that this returns is cancelled before."""
    timer = threading.Timer(seconds, action)
    timer.daemon = True
    timer.start()
    return timer
