#!/usr/bin/env python3
"""Folders of exporter/ include and link only folders on lower floors, as the table in docs/explanation/code.md says.

The table is the only list of floors, so the page and this test cannot disagree: a folder without a row, or a row without
a folder, is an error, too.
"""

import pathlib
import re
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[1]
TABLE = "docs/explanation/code.md"

ROW = re.compile(r"^\| *(\d+) *\| *`([\w/]+)/` *\|", re.M)
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*(["<])([^">]+)[">]', re.M)
LINKS = re.compile(r"\b(?:qte_library|target_link_libraries)\s*\(\s*([^\s)]+)([^)]*)\)")
# The header of tests/ that unit tests, and what they share, include as well.
TEST_HEADER = "catch.h"


def floors_of(root):
    """{folder: floor}"""
    return {folder: int(floor) for floor, folder in ROW.findall((root / TABLE).read_text())}


def included(source, folders):
    """(name, folder) of each include that is the project's: in quotes, or of one of its folders."""
    for kind, name in INCLUDE.findall(source.read_text()):
        folder = name.partition("/")[0]
        if folder in folders or kind == '"' and name != TEST_HEADER:
            yield name, folder


def linked(cmake):
    """The folders that a CMakeLists.txt links."""
    text = re.sub(r"#.*", "", cmake.read_text())
    for _, links in LINKS.findall(text):
        yield from re.findall(r"\bqte_(\w+)", links)


def complaints(root):
    """One line for each thing that is wrong."""
    floors = floors_of(root)
    folders = {path.name for path in (root / "exporter").iterdir() if path.is_dir()}
    for folder in sorted(folders - floors.keys()):
        yield f"{TABLE}: the table has no row for exporter/{folder}/"
    for folder in sorted(floors.keys() - folders):
        yield f"{TABLE}: the table has a row for {folder}/, but there is no such folder"
    for folder in sorted(folders & floors.keys()):
        def is_below(other, folder=folder):
            return other == folder or floors.get(other, floors[folder]) < floors[folder]

        for path in sorted((root / "exporter" / folder).rglob("*")):
            where = path.relative_to(root)
            if path.name.endswith((".h", ".cc", ".cc.in", ".h.in")):
                for name, other in included(path, folders):
                    if not is_below(other):
                        yield f"{where}: includes {name}, which is not below floor {floors[folder]} of {folder}/"
            elif path.name == "CMakeLists.txt":
                for other in linked(path):
                    if not is_below(other):
                        yield f"{where}: links qte_{other}, which is not below floor {floors[folder]} of {folder}/"


class HouseTest(unittest.TestCase):
    def test_folders_include_and_link_only_lower_floors(self):
        self.assertGreaterEqual(len(floors_of(ROOT)), 10)
        self.assertEqual(list(complaints(ROOT)), [])


class ComplaintsTest(unittest.TestCase):
    """Every kind of mistake is found, in a house of two floors."""

    def complaints(self, files, table="| 0 | `base/` | x |\n| 1 | `trace/` | x |\n| 1 | `source/` | x |\n"):
        root = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory(prefix="qte-includes-")))
        files = {TABLE: table, "exporter/base/a.h": "", "exporter/trace/b.h": '#include "base/a.h"\n#include <string>\n',
                 "exporter/source/CMakeLists.txt": "qte_library(source qte_base)", **files}
        for name, text in files.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text)
        return list(complaints(root))

    def test_all_kinds(self):
        for files, words in [
            ({}, []),
            ({"exporter/trace/d/c_test.cc": '#include "catch.h"\n#include "trace/b.h"\n'}, []),
            ({"exporter/trace/CMakeLists.txt": "qte_library(trace qte_base\n  Threads::Threads)\n# qte_library(x qte_trace)"}, []),
            ({"exporter/base/a.h": '#include "trace/b.h"\n'}, ["base/a.h: includes trace/b.h"]),
            ({"exporter/base/a.h": "  #  include <trace/b.h>\n"}, ["base/a.h: includes trace/b.h"]),
            ({"exporter/base/deep/a.cc.in": '#include "trace/b.h"\n'}, ["deep/a.cc.in: includes trace/b.h"]),
            ({"exporter/trace/b.h": '#include "source/s.h"\n'}, ["trace/b.h: includes source/s.h"]),
            ({"exporter/trace/b.h": '#include "../base/a.h"\n'}, ["trace/b.h: includes ../base/a.h"]),
            ({"exporter/trace/b.h": '#include "b2.h"\n'}, ["trace/b.h: includes b2.h"]),
            ({"exporter/base/CMakeLists.txt": "qte_library(base qte_trace)"}, ["links qte_trace"]),
            ({"exporter/base/CMakeLists.txt": "target_link_libraries(qte_base\n PRIVATE qte_source)"}, ["links qte_source"]),
            ({"exporter/attic/a.h": ""}, ["no row for exporter/attic/"]),
        ]:
            with self.subTest(files=files):
                found = self.complaints(files)
                self.assertEqual(len(found), len(words), found)
                for word, line in zip(words, found):
                    self.assertIn(word, line)
        found = self.complaints({}, "| 0 | `base/` | x |\n| 1 | `trace/` | x |\n| 1 | `source/` | x |\n| 2 | `roof/` | x |\n")
        self.assertEqual(found, [f"{TABLE}: the table has a row for roof/, but there is no such folder"])


if __name__ == "__main__":
    unittest.main()
