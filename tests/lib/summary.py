#!/usr/bin/env python3
"""summary.py JUNIT...: what failed in ctest's JUnit reports, with its output; what was skipped, with the reason, also parts
of tests that passed; and `N passed, N failed` as the last line. Ends with 1 when anything failed, or when a report is missing
or empty."""

import pathlib
import re
import sys
import xml.etree.ElementTree as xml

# A failure's reason stands near the end of what a test printed.
TAIL = 60


def outcome(case):
    """passed, skipped or failed. A test whose program could not be started is `notrun`, as a skipped one is, but without
    the code for it."""
    if case.get("status") == "run":
        return "passed"
    skipped = case.find("skipped")
    if skipped is not None and "SKIP" in skipped.get("message", ""):
        return "skipped"
    return "failed"


def skipped_within(output):
    """(name, reason) of each part of a test that says it was skipped, as unittest and our C++ tests do."""
    name = ""
    for line in output.splitlines():
        # A part that has a description is told in two lines: its name first.
        name = (re.match(r"(\w+) \([\w.]+\)", line) or [None, name])[1]
        if found := re.search(r"(?:^|\.\.\. )skipped (['\"])(.+)\1$", line):
            yield name, found[2]
        elif found := re.match(r" *skipped: (.+)", line):
            yield "", found[1]


def main():
    counts = {"passed": 0, "failed": 0, "skipped": 0}
    for name in map(pathlib.Path, sys.argv[1:]):
        try:
            cases = list(xml.parse(name).getroot().iter("testcase"))
        except (OSError, xml.ParseError) as error:
            print(f"FAILED {name.stem}: no report of the tests ({error})")
            counts["failed"] += 1
            continue
        if not cases:
            print(f"FAILED {name.stem}: no tests were found")
            counts["failed"] += 1
        for case in cases:
            result = outcome(case)
            counts[result] += 1
            if result == "skipped":
                # Why is the last line of what it printed.
                reason = (case.findtext("system-out") or "").strip().splitlines()
                print(f"skipped {name.stem}: {case.get('name')}", *reason[-1:], sep="\n    ")
            elif result == "passed":
                for part, reason in skipped_within(case.findtext("system-out") or ""):
                    print(f"skipped {name.stem}: {case.get('name')} {part}".rstrip(), reason, sep="\n    ")
            elif result == "failed":
                output = (case.findtext("system-out") or "").strip().splitlines()
                print(f"\nFAILED {name.stem}: {case.get('name')} (after {float(case.get('time')):.1f} s)", *output[-TAIL:], sep="\n    ")
    if counts["skipped"]:
        print(f"{counts['skipped']} skipped")
    print(f"{counts['passed']} passed, {counts['failed']} failed")
    return 1 if counts["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
