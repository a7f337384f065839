"""The bundled dashboards, as their JSON files have them."""

import json
import pathlib

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
