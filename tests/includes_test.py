#!/usr/bin/env python3
"""Folders of exporter/ include and link only folders on lower floors, as the table in docs/development/architecture.md says.

The table is the only list of floors, so the page and this test cannot disagree: a folder without a row, or a row without
a folder, is an error, too. The picture beside the table has to be the one that the includes give;
`tests/includes_test.py --draw` draws it again.
"""

import pathlib
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "lib"))
import house
from house import ROOT, TABLE, floors_of, included, linked, sources_of


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

        for path in sources_of(root, folder):
            for name, other in included(path, folders):
                if not is_below(other):
                    yield f"{path.relative_to(root)}: includes {name}, which is not below floor {floors[folder]} of {folder}/"
        for path in sorted((root / "exporter" / folder).rglob("CMakeLists.txt")):
            for other in linked(path):
                if not is_below(other):
                    yield f"{path.relative_to(root)}: links qte_{other}, which is not below floor {floors[folder]} of {folder}/"


class HouseTest(unittest.TestCase):
    def test_folders_include_and_link_only_lower_floors(self):
        self.assertGreaterEqual(len(floors_of(ROOT)), 10)
        self.assertEqual(list(complaints(ROOT)), [])

    def test_the_picture_shows_these_includes(self):
        self.assertEqual((ROOT / house.PICTURE).read_text(), house.drawing(ROOT),
                         "the includes have changed; run tests/includes_test.py --draw and look at the picture")


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


class DrawingTest(unittest.TestCase):
    """What the picture shows of a house of three floors."""

    def drawing(self, files):
        root = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory(prefix="qte-includes-")))
        table = "| 0 | `base/` | x |\n| 1 | `trace/` | x |\n| 2 | `rules/` | x |\n| 3 | `daemon/` | x |\n"
        files = {TABLE: table, "exporter/trace/b.cc": '#include "base/a.h"\n', **files}
        for name, text in files.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text)
        return house.drawing(root)

    def test_one_include_more_is_another_picture(self):
        base = '#include "base/a.h"\n'
        files = {"exporter/rules/c.cc": base + '#include "trace/b.h"\n',
                 "exporter/daemon/d.cc": base + '#include "rules/c.h"\n'}
        drawn = self.drawing(files)
        self.assertEqual(drawn.count("marker-end"), 2)
        self.assertNotIn("also", drawn)
        files["exporter/daemon/d.cc"] += '#include "trace/b.h"\n'
        self.assertIn("also trace", self.drawing(files))
        files["exporter/daemon/d_test.cc"] = '#include "base/a.h"\n'
        self.assertEqual(self.drawing(files), self.drawing(dict(list(files.items())[:2])))


if __name__ == "__main__":
    if sys.argv[1:] == ["--draw"]:
        (ROOT / house.PICTURE).write_text(house.drawing(ROOT))
    else:
        unittest.main()
