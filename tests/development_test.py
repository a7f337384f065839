#!/usr/bin/env python3
"""What docs/development says of the code: each file that it names is there, and each name of the code stands in it.

A name is what looks like `Guest::OnLine`, `OnLine` or `kQuantum`. It has to occur in one of the files that the same table
row, list item or paragraph names, or somewhere in exporter/ if it names none.
"""

import pathlib
import re
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "lib"))
import documents
from documents import ROOT

PAGES = [*sorted((ROOT / "docs/development").glob("*.md")), ROOT / "docs/explanation/glossary.md", ROOT / "CONTRIBUTING.md"]
# What begins the path of a file of this project.
TOP = ("exporter", "tests", "config", "docs", "dashboards", "docker", ".ci")
CODE = re.compile(r"`([^`\n]+(?:\n *[^`\n]+)?)`")
PATH = re.compile(rf"(?:{'|'.join(map(re.escape, TOP))})/[\w./-]+|[A-Z]\w+\.(?:md|txt|json)|\w+\.sh")
NAME = re.compile(r"k?[A-Z]\w*[a-z]\w*(?:::~?\w+)*")
# Names of others.
FOREIGN = {"BlockBackend", "BlockDriverState"}


def blocks(text):
    """Paragraphs, table rows and list items, each with the number of its first line."""
    block, first, inside = [], 0, False
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith("```"):
            inside = not inside
        starts = re.match(r"\||#|(?:\d+\.|[-*]) |\s*$|```", line)
        if (starts or inside) and block:
            yield first, "\n".join(block)
            block = []
        if inside or line.startswith("```") or not line.strip():
            continue
        first = first if block else number
        block.append(line)
    if block:
        yield first, "\n".join(block)


def complaints(page, root):
    """One line for each file or name that is not there."""
    everything = None
    for number, block in blocks(page.read_text()):
        words = [re.sub(r"\s+", " ", word) for word in CODE.findall(block)]
        paths = [word.split()[0] for word in words if PATH.fullmatch(word.split()[0])]
        for path in paths:
            if not any(part in path for part in ("NAME", "*")) and not (root / path).exists():
                yield f"{page.name}:{number}: {path} does not exist"
        texts = [(root / path).read_text() for path in paths if (root / path).is_file()]
        for name in words:
            if not NAME.fullmatch(name) or name in FOREIGN or name in paths:
                continue
            if not texts and everything is None:
                everything = [path.read_text() for path in (root / "exporter").rglob("*") if path.suffix in (".h", ".cc")]
            where = texts or everything
            for part in name.split("::"):
                if not any(re.search(rf"\b{re.escape(part)}\b", text) for text in where):
                    yield f"{page.name}:{number}: {name} is not in {' or '.join(paths) if texts else 'exporter/'}"
                    break


class PagesTest(unittest.TestCase):
    def test_files_and_names_are_there(self):
        self.assertGreater(len(PAGES), 4)
        found = [complaint for page in PAGES for complaint in complaints(page, ROOT)]
        self.assertEqual(found, [], "\n" + "\n".join(found))

    def test_the_way_of_a_line_names_enough(self):
        text = (ROOT / "docs/development/way-of-a-line.md").read_text()
        self.assertGreater(len(set(re.findall(r"`(exporter/[\w/.]+)`", text))), 25)

    def test_every_folder_has_a_row(self):
        """In the table that tests/includes_test.py reads; here only that the page links the picture."""
        page = ROOT / "docs/development/architecture.md"
        self.assertIn("house.svg", documents.links(page))


class ComplaintsTest(unittest.TestCase):
    """What is wrong is found."""

    def complaints(self, text):
        root = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory(prefix="qte-development-")))
        (root / "exporter/guests").mkdir(parents=True)
        (root / "exporter/guests/guest.h").write_text("class Guest { void OnBytes(); };\n")
        (root / "exporter/guests/other.h").write_text("class Other {};\n")
        (root / "page.md").write_text(text)
        return list(complaints(root / "page.md", root))

    def test_all_kinds(self):
        for text, count in [("`exporter/guests/guest.h` has `Guest::OnBytes`, `Guest`, `OnBytes` and `/metrics`.\n", 0),
                            ("`exporter/guests/gone.h`\n", 1),
                            ("| 1 | `exporter/guests/guest.h`: `Guest::Gone` | x |\n", 1),
                            ("| 1 | `exporter/guests/guest.h`: `Other` | x |\n", 1),
                            ("`Other` and `Gone` alone.\n", 1),
                            ("- `exporter/guests/other.h`\n- `exporter/guests/guest.h`: `Other`\n", 1),
                            ("`exporter/guests/NAME.h` and `exporter/guests/`\n", 0),
                            ("```sh\n`Gone`\n```\n", 0)]:
            with self.subTest(text=text):
                self.assertEqual(len(self.complaints(text)), count, self.complaints(text))


if __name__ == "__main__":
    unittest.main()
