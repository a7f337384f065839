"""The house: the folders of exporter/ on their floors, what each includes, and a picture of it.

The table of docs/development/architecture.md says which folder stands on which floor. Includes and links are read from
the sources. drawing() makes docs/development/house.svg out of both.
"""

import html
import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parents[2]
TABLE = "docs/development/architecture.md"
PICTURE = "docs/development/house.svg"

_ROW = re.compile(r"^\| *(\d+) *\| *`([\w/]+)/` *\|", re.M)
_INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*(["<])([^">]+)[">]', re.M)
_LINKS = re.compile(r"\b(?:qte_library|target_link_libraries)\s*\(\s*([^\s)]+)([^)]*)\)")
_SOURCES = (".h", ".cc", ".cc.in", ".h.in")
# The header of tests/ that unit tests, and what they share, include as well.
_TEST_HEADER = "catch.h"


def floors_of(root):
    """{folder: floor}"""
    return {folder: int(floor) for floor, folder in _ROW.findall((root / TABLE).read_text())}


def sources_of(root, folder):
    """The C++ files of a folder, its subfolders included."""
    return [path for path in sorted((root / "exporter" / folder).rglob("*")) if path.name.endswith(_SOURCES)]


def included(source, folders):
    """(name, folder) of each include that is the project's: in quotes, or of one of its folders."""
    for kind, name in _INCLUDE.findall(source.read_text()):
        folder = name.partition("/")[0]
        if folder in folders or kind == '"' and name != _TEST_HEADER:
            yield name, folder


def linked(cmake):
    """The folders that a CMakeLists.txt links."""
    text = re.sub(r"#.*", "", cmake.read_text())
    for _, links in _LINKS.findall(text):
        yield from re.findall(r"\bqte_(\w+)", links)


def includes_of(root):
    """{folder: the other folders that its sources include}, without tests and what only tests use."""
    folders = floors_of(root).keys()
    return {folder: {other for path in sources_of(root, folder) if "test" not in path.name
                     for _, other in included(path, folders) if other in folders} - {folder}
            for folder in folders}


def _arrows(includes):
    """The includes that no way over other folders implies: a picture of all would be a web."""
    def below(folder):
        return includes[folder].union(*(below(other) for other in includes[folder]))

    return {folder: {other for other in includes[folder] if not any(other in below(third) for third in includes[folder])}
            for folder in includes}


BOX_WIDTH, BOX_HEIGHT, FLOOR_HEIGHT, GAP, MARGIN = 184, 58, 98, 20, 24


class _Layout:
    """Where boxes stand. An arrow over several floors passes each of them at a point of its own, between the boxes."""

    def __init__(self, floors, arrows):
        self.rows = {floor: [] for floor in set(floors.values())}
        self.ways = []  # of each arrow: its nodes from the top to the bottom
        for folder, floor in floors.items():
            self.rows[floor].append(folder)
        for folder in floors:
            for other in sorted(arrows[folder]):
                way = [folder]
                for floor in range(floors[folder] - 1, floors[other], -1):
                    way.append((folder, other, floor))
                    self.rows[floor].append(way[-1])
                self.ways.append([*way, other])
        self._neighbours = {node: [] for row in self.rows.values() for node in row}
        for way in self.ways:
            for upper, lower in zip(way, way[1:]):
                self._neighbours[upper].append(lower)
                self._neighbours[lower].append(upper)
        self.x = {}
        for row in self.rows.values():
            self._spread(row, {node: float(i) for i, node in enumerate(row)})
        for _ in range(24):
            for floor in [*sorted(self.rows), *sorted(self.rows, reverse=True)]:
                self._settle(self.rows[floor])
        left = min(self.x[node] - self.width(node) / 2 for node in self.x)
        self.x = {node: round(x - left + MARGIN) for node, x in self.x.items()}
        self.size = max(self.x[node] + self.width(node) / 2 for node in self.x) + MARGIN

    @staticmethod
    def width(node):
        return BOX_WIDTH if isinstance(node, str) else 0

    def _settle(self, row):
        wanted = {node: sum(self.x[other] for other in self._neighbours[node]) / len(self._neighbours[node])
                  if self._neighbours[node] else self.x[node] for node in row}
        row.sort(key=lambda node: (wanted[node], str(node)))
        self._spread(row, wanted)

    def _spread(self, row, wanted):
        """As near to where each node wants to be as the others in the row allow."""
        def room(a, b):
            return (self.width(a) + self.width(b)) / 2 + GAP

        to_the_right, to_the_left = {}, {}
        for i, node in enumerate(row):
            least = to_the_right[row[i - 1]] + room(row[i - 1], node) if i else wanted[node]
            to_the_right[node] = max(wanted[node], least)
        for i in range(len(row) - 1, -1, -1):
            most = to_the_left[row[i + 1]] - room(row[i], row[i + 1]) if i + 1 < len(row) else wanted[row[i]]
            to_the_left[row[i]] = min(wanted[row[i]], most)
        for node in row:
            self.x[node] = (to_the_right[node] + to_the_left[node]) / 2


def _also(folders):
    """At most two lines of small print."""
    if not folders:
        return []
    text = "also " + ", ".join(folders)
    if len(text) <= 32:
        return [text]
    cut = min((at for at, char in enumerate(text) if char == " " and at > 4), key=lambda at: max(at, len(text) - at))
    return [text[:cut], text[cut + 1:]]


def drawing(root):
    """The picture as SVG: a row of boxes for each floor, arrows to what a folder includes directly."""
    floors, includes = floors_of(root), includes_of(root)
    ground = [folder for folder in floors if all(folder in includes[other] for other in floors if other != folder)]
    upper = {folder: includes[folder] - set(ground) for folder in floors if folder not in ground}
    arrows = _arrows(upper)
    layout = _Layout({folder: floor for folder, floor in floors.items() if folder not in ground}, arrows)
    top = max(floors.values())

    def y_of(floor):
        return MARGIN + (top - floor) * FLOOR_HEIGHT

    height = y_of(0) + BOX_HEIGHT + MARGIN
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {layout.size:g} {height}" width="{layout.size:g}" '
           f'height="{height}" font-family="sans-serif">',
           "<title>The folders of exporter/ on their floors, and what each includes</title>",
           f'<rect width="{layout.size:g}" height="{height}" fill="#ffffff"/>',
           '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" orient="auto">'
           '<path d="M0 0L8 4L0 8z" fill="#5a6b7b"/></marker></defs>']
    for way in layout.ways:
        points = []
        for node in way:
            floor = floors[node] if isinstance(node, str) else node[2]
            if node == way[0]:
                points.append((layout.x[node], y_of(floor) + BOX_HEIGHT))
            elif node == way[-1]:
                points.append((layout.x[node], y_of(floor) - 2))
            else:
                points += [(layout.x[node], y_of(floor)), (layout.x[node], y_of(floor) + BOX_HEIGHT)]
        path = f"M{points[0][0]} {points[0][1]}"
        for (x, y), (to_x, to_y) in zip(points, points[1:]):
            middle = (y + to_y) // 2
            path += f"L{to_x} {to_y}" if x == to_x else f"C{x} {middle} {to_x} {middle} {to_x} {to_y}"
        out.append(f'<path d="{path}" fill="none" stroke="#5a6b7b" stroke-width="1.4" marker-end="url(#tip)"/>')

    def box(folder, left, width, small):
        y, middle = y_of(floors[folder]), left + width / 2
        out.append(f'<rect x="{left:g}" y="{y}" width="{width:g}" height="{BOX_HEIGHT}" rx="5" fill="#eaf1f8" stroke="#35536f"/>')
        texts = [(folder + "/", 15, "#14283a"), *((line, 10, "#56697a") for line in small)]
        at = y + BOX_HEIGHT / 2 + 5 - 7 * len(small)
        for text, size, colour in texts:
            out.append(f'<text x="{middle:g}" y="{at:g}" text-anchor="middle" font-size="{size}" fill="{colour}">'
                       f"{html.escape(text)}</text>")
            at += 16 if size == 15 else 13

    for folder in arrows:
        box(folder, layout.x[folder] - BOX_WIDTH / 2, BOX_WIDTH, _also(sorted(upper[folder] - arrows[folder])))
    for folder in ground:
        box(folder, MARGIN, layout.size - 2 * MARGIN, ["every other folder includes it"])
    return "\n".join(out) + "\n</svg>\n"
