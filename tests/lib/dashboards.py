"""The bundled dashboards, as their JSON files have them."""

import json
import pathlib
import re

DIRECTORY = pathlib.Path(__file__).resolve().parents[2] / "dashboards"
RULES = DIRECTORY / "rules/qemu-trace-exporter.yaml"


def load():
    """All, by the names of their files."""
    return {path.stem: json.loads(path.read_text()) for path in sorted(DIRECTORY.glob("*.json"))}


def panels_of(dashboard, rows=False):
    """Those of collapsed rows as well; the rows themselves if asked for."""
    for panel in dashboard["panels"]:
        if panel["type"] != "row" or rows:
            yield panel
        yield from panel.get("panels", [])


def fill_in(expression, rate_interval, time_range, **chosen):
    """As Grafana does before it asks: intervals, and variables, which are at "All" unless `chosen` has a value. A value is
    escaped for the regular expression and again for the string that it stands in."""
    expression = expression.replace("$__rate_interval", rate_interval).replace("$__range", time_range)
    for name in ("job", "instance", "vm", "device"):
        value = re.escape(chosen[name]).replace("\\", "\\\\") if name in chosen else ".+"
        expression = expression.replace(f"${name}", value)
    return expression
