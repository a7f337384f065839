#!/usr/bin/env python3
"""A match rule gives the same with a catalog that declares the event, without one, and beside rules that use the event."""

import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "lib"))
from field import DIR, HERE, QTE, done, total

MATCH = r"""metrics:
  - name: xen_bugchecks_total
    type: counter
    match: 'xen platform: XEN\|BUGCHECK: (?P<kind>[A-Z_]+):'
    labels: {kind: kind}
"""
USE = "  - {name: xen_lines_total, type: counter, event: xen_platform_log}\n"
CATALOG = f"trace_events: [{DIR}/events]\n"
(DIR / "events").write_text('xen_platform_log(char *s) "xen platform: %s"\n')
wrong = []
for name, config, lines in (("alone", MATCH, 0), ("declared", CATALOG + MATCH, 0), ("used", CATALOG + MATCH + USE, 3)):
    (DIR / "config.yaml").write_text(config)
    replayed = subprocess.run([QTE, "replay", f"--config.file={DIR}/config.yaml", HERE / "trace.log"],
                              capture_output=True, text=True).stdout
    found = (total(replayed, "xen_bugchecks_total", 'kind="SYSTEM_SERVICE_EXCEPTION"'),
             total(replayed, "xen_bugchecks_total"), total(replayed, "xen_lines_total"))
    if found != (1, 1, lines):
        wrong.append(f"{name}: {found}")
done(not wrong, "; ".join(wrong) or "1 each time")
