#!/usr/bin/env python3
"""Golden cases: a trace, a config, and the exposition that must come of them.

    run.py                       all cases
    run.py NAME...               some
    run.py --regenerate [NAME...]   write expected.prom anew; read the diff before you commit it

A case is a folder beside this file:
    trace.log       the trace; or a file `trace` that holds the name of one in tests/data/traces
    config.yaml     the config; or a file `config` that holds the names of some in config/, a line each; the built-in
                    default one where there is neither
    expected.prom   what `replay` prints, without the families that differ from run to run
"""

import argparse
import difflib
import pathlib
import re
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "lib"))
import exporter
import exposition
import prometheus

TRACES = HERE.parent / "data/traces"

# About the process and the moment, not about the trace.
VOLATILE = re.compile(r"process_|qemu_trace_exporter_(build_info|config_last_reload_success_timestamp_seconds)$")


def trace_of(case):
    """The trace's path, or an error that says what a case needs."""
    for candidate in (case / "trace.log", case / "trace.log.gz"):
        if candidate.exists():
            return candidate
    pointer = case / "trace"
    if pointer.exists():
        return TRACES / pointer.read_text().strip()
    raise FileNotFoundError(f"{case.name} has neither trace.log nor a file `trace` that names one")


def configs_of(case):
    """The paths of the case's configs; none for the built-in one."""
    if (case / "config.yaml").exists():
        return [case / "config.yaml"]
    pointer = case / "config"
    return [exporter.ROOT / "config" / name for name in pointer.read_text().split()] if pointer.exists() else []


def stable(text):
    """The exposition without volatile families and without the place of this checkout."""
    families = exposition.parse(text)
    kept = []
    for line in text.splitlines():
        words = line.split(" ")
        name = words[2] if line.startswith("#") else re.split(r"[{ ]", line, maxsplit=1)[0]
        if not VOLATILE.match(families.family_of(name)):
            kept.append(line.replace(f"{exporter.ROOT}/", "") + "\n")
    return kept


def run(case, regenerate):
    """The case's complaint, empty when all is well."""
    flags = [f"--config.file={config}" for config in configs_of(case)]
    done = exporter.run("replay", *flags, trace_of(case))
    if done.returncode != 0:
        return f"replay ended with {done.returncode}: {done.stderr}"
    complaint = prometheus.check_metrics(done.stdout)
    if complaint:
        return f"promtool check metrics:\n{complaint}"
    found = stable(done.stdout)
    expected = case / "expected.prom"
    if regenerate:
        expected.write_text("".join(found))
        return ""
    wanted = expected.read_text().splitlines(keepends=True) if expected.exists() else []
    return "".join(difflib.unified_diff(wanted, found, str(expected), "found"))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--regenerate", action="store_true", help="write expected.prom anew")
    parser.add_argument("case", nargs="*", help="names of cases; all when none is given")
    arguments = parser.parse_args()
    cases = [HERE / name for name in arguments.case] or sorted(
        path for path in HERE.iterdir() if path.is_dir() and path.name != "__pycache__")
    failed = 0
    for case in cases:
        try:
            complaint = run(case, arguments.regenerate)
        except (OSError, ValueError) as error:
            complaint = str(error)
        print(f"{'FAILED' if complaint else 'regenerated' if arguments.regenerate else 'ok'}: {case.name}")
        if complaint:
            print(complaint)
            failed += 1
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
