"""A stand-in for a QEMU with the dtrace backend: a program with QEMU's probes (provider `qemu`, a semaphore each), made
from declarations in the grammar of trace-events-all. It fires its probes as it is told on standard input."""

import os
import pathlib
import re
import shutil
import subprocess
import sys

import process

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUNDLED = ROOT / "config/trace-events"
MOST_ARGUMENTS = 6  # that bpftrace before 0.24 has
MOST_TEXTS = 2
ROUNDS = 3

HEAD = r"""
#define _SDT_HAS_SEMAPHORES 1
#define _GNU_SOURCE 1
#include <sys/sdt.h>
#include <inttypes.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>
#define TARGET_FMT_plx "%016" PRIx64
#define NUMBER(round, i) ((round) == 0 ? 0 : (round) == 1 ? 42 + (i) : -1)
#define POINTER(round, i) ((void *)(uintptr_t)((round) == 0 ? 0 : (round) == 1 ? 0x55e759f09cf0 + (i) : -16))
static const char *text(int round, int i) {
  static char texts[3][10][64];
  char *t = texts[round][i];
  if (round > 0) snprintf(t, 64, round == 1 ? "text-%d" : "a \"quoted\" %%d \\n of %d", i);
  return t;
}
"""

MAIN = r"""
int main(void) {
  char line[256], verb[16], name[128];
  setvbuf(stdout, NULL, _IOLBF, 0);
  while (fgets(line, sizeof line, stdin)) {
    long a = 0, b = 0, c = 0;
    if (sscanf(line, "%15s %127s %ld %ld %ld", verb, name, &a, &b, &c) < 2) continue;
    const struct event *e = events;
    while (e->name && strcmp(e->name, name)) ++e;
    if (!strcmp(verb, "cpu")) {  /* cpu NUMBER */
      cpu_set_t set;
      CPU_ZERO(&set);
      CPU_SET(atoi(name), &set);
      printf("%d\n", sched_setaffinity(0, sizeof set, &set));
    } else if (!strcmp(verb, "crash")) {  /* crash NOW */
      abort();
    } else if (!e->name) {
      printf("unknown %s\n", name);
    } else if (!strcmp(verb, "await")) {  /* await EVENT */
      while (!*e->semaphore) usleep(10000);
      printf("ready\n");
    } else if (!strcmp(verb, "watched")) {  /* watched EVENT */
      printf("%d\n", *e->semaphore);
    } else if (!strcmp(verb, "fire")) {  /* fire EVENT COUNT BATCH PAUSE_US */
      long sent = 0;
      for (long i = 1; i <= a; ++i) {
        sent += e->fire(1);
        if (b && i % b == 0) usleep(c);
      }
      printf("%ld\n", sent);
    } else if (!strcmp(verb, "show")) {  /* show EVENT ROUND: what C's printf makes of it */
      e->show(a);
      e->fire(a);
    }
  }
  return 0;
}
"""


def why_not():
    """Why bpftrace cannot trace here; None if it can."""
    for program in ("bpftrace", "cc"):
        if not shutil.which(program):
            return f"{program} is not installed"
    header = subprocess.run(["cc", "-E", "-x", "c", "-"], input="#include <sys/sdt.h>\n", capture_output=True, text=True)
    if header.returncode != 0:
        return "sys/sdt.h (of systemtap-sdt-dev) is not installed"
    if os.geteuid() != 0:
        return "only root can trace"
    tried = subprocess.run(["bpftrace", "-q", "-e", 'BEGIN { printf("fine\\n"); exit(); }'], capture_output=True, text=True,
                           timeout=60)
    if "fine" not in tried.stdout:
        return f"bpftrace cannot trace here: {tried.stderr.strip()}"
    return None


def why_skip():
    """The same where that is not a failure: with QTE_REQUIRE_ALL in the environment, a missing program is one, and a kernel
    that forbids to trace is not."""
    reason = why_not()
    return reason if reason and ("QTE_REQUIRE_ALL" not in os.environ or not reason.endswith("is not installed")) else None


def need():
    """Ends with 77, ctest's sign for a skipped test, where bpftrace cannot trace; see parts.need()."""
    reason = why_skip()
    if reason:
        print("skipped:", reason)
        sys.exit(77)


def declarations(text):
    """[(name, [(type, argument)], format as in C)]; of events with several, the first."""
    found = {}
    for line in text.splitlines():
        match = re.match(r"((?:disable |vcpu )*)(\w+)\((.*?)\)\s*(.*)$", line)
        if not match or line.startswith("#"):
            continue
        arguments = [] if match[3].strip() in ("", "void") else match[3].split(",")
        arguments = [re.match(r"\s*(.*?)(\w+)\s*$", argument).groups() for argument in arguments]
        if "vcpu" in match[1]:
            arguments.insert(0, ("void *", "cpu"))
            match = (None, None, match[2], None, '"cpu=%p " ' + match[4])
        found.setdefault(match[2], (match[2], [(kind.strip(), name) for kind, name in arguments], match[4]))
    return list(found.values())


def is_text(kind):
    return kind.replace("const ", "").replace(" ", "") == "char*"


def texts_of(arguments):
    """The arguments of which a script can print the text."""
    return [name for kind, name in arguments[:MOST_ARGUMENTS] if is_text(kind)][:MOST_TEXTS]


def _values(arguments):
    """C expressions. What a script does not print is what stands in its place."""
    printed = set(texts_of(arguments))
    for i, (kind, name) in enumerate(arguments):
        if is_text(kind):
            yield f"text(round, {i})" if name in printed else '"-"'
        elif i >= MOST_ARGUMENTS:
            yield f"({kind})0"
        elif "*" in kind:
            yield f"({kind})POINTER(round, {i})"
        elif kind == "char":
            yield "(char)('a' + round)"
        else:
            yield f"({kind})NUMBER(round, {i})"


def source(declared):
    """A C program with a probe for each declaration."""
    parts = [HEAD]
    for name, arguments, text in declared:
        values = ", ".join(_values(arguments))
        comma = ", " if values else ""
        probe = f"DTRACE_PROBE{len(arguments) or ''}(qemu, {name}{comma}{values})"
        parts.append(f"""
__extension__ unsigned short qemu_{name}_semaphore __attribute__((unused)) __attribute__((section(".probes")));
static int fire_{name}(int round) {{
  if (!*(volatile unsigned short *)&qemu_{name}_semaphore) return 0;
  {probe};
  return 1;
}}
static void show_{name}(int round) {{ printf("{name} " {text or '""'} "\\n"{comma}{values}); }}
""")
    parts.append("static const struct event { const char *name; volatile unsigned short *semaphore; int (*fire)(int); "
                 "void (*show)(int); } events[] = {\n")
    parts += [f'  {{"{name}", &qemu_{name}_semaphore, fire_{name}, show_{name}}},\n' for name, _, _ in declared]
    parts.append("  {NULL, NULL, NULL, NULL}};\n" + MAIN)
    return "".join(parts)


def build(path, declared=None):
    """Compiles the stand-in to a path."""
    path = pathlib.Path(path)
    code = source(declared or declarations(BUNDLED.read_text()))
    subprocess.run(["cc", "-w", "-O1", "-x", "c", "-", "-o", path], input=code, text=True, check=True)
    return path


class Stub:
    """A running stand-in, as a context manager. Its arguments are those of a QEMU."""

    def __init__(self, binary, *arguments):
        self.process = process.spawn([binary, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                     errors="replace")
        self.pid = self.process.pid

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()

    def tell(self, *words):
        """A command, and the line that answers it."""
        self.process.stdin.write(" ".join(map(str, words)) + "\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().rstrip("\n")

    def fire(self, event, count=1, batch=0, pause_us=0):
        """How many probes fired."""
        return int(self.tell("fire", event, count, batch, pause_us))
