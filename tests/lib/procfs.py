"""What the kernel knows of a process: memory, processor time, descriptors, threads."""

import os
import pathlib

_TICKS = os.sysconf("SC_CLK_TCK")


def peak_memory(pid):
    """The largest resident set so far, in bytes."""
    return _status(pid, "VmHWM") << 10


def memory(pid):
    """The resident set now, in bytes."""
    return _status(pid, "VmRSS") << 10


def _status(pid, field):
    return _field(pathlib.Path(f"/proc/{pid}/status"), field)


def _field(path, field):
    for line in path.read_text().splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1])
    raise AssertionError(f"no {field} in {path}; has the process ended?")


def processor_seconds(pid):
    """User and system time of all threads."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def started(pid):
    """When the process began, in seconds of CLOCK_BOOTTIME, to a hundredth."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[19]) / _TICKS


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def wakeups(pid):
    """How often threads that are still there have slept and woken up."""
    return sum(_field(task / "status", "voluntary_ctxt_switches") for task in pathlib.Path(f"/proc/{pid}/task").iterdir())


def threads(pid):
    return len(os.listdir(f"/proc/{pid}/task"))
