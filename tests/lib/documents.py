"""The Markdown files of this project: their fenced blocks with what they are to a test, their links and anchors.

A block may say on the line before its fence how it is run, where that is not at once and in place:

    <!-- test: MARK ARGUMENT -->

MARKS has all marks, and which test in tests/e2e executes the blocks that carry them.
"""

import dataclasses
import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parents[2]

# The test that executes the blocks of a mark, and the document whose blocks they are where it takes those of one alone.
MARKS = {
    # In the page's own order, in its own shell.
    "background": ("docs_test.py", None),  # goes on to the page's end; `until COMMAND` is when the next block may come
    "file": ("docs_test.py", None),        # what a reader saves under that name
    "live": ("docs_test.py", None),        # what an endpoint answers: its keys, not its values
    # Elsewhere, by marked().
    "build": ("docs_test.py", "README.md"),  # in the checkout, which is built already
    "run": ("docs_test.py", "README.md"),    # ./run.sh, in the checkout
    "tests": ("docs_test.py", "README.md"),  # ./test.sh, which cannot run within itself
    "checkout": ("docs_test.py", "docs/development/testing.md"),  # in the checkout, which is built already
    "install": ("package_test.py", "README.md"),
    "package": ("package_test.py", "README.md"),
    "package-install": ("package_test.py", "README.md"),
    "docker": ("docker_test.py", "docker/README.md"),
}

_MARK = re.compile(r"<!-- test: ([\w-]+)(?: (.*?))? -->")
_FENCE = re.compile(r"(\s*)(```+)\s*(.*)")
_LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")


@dataclasses.dataclass(frozen=True)
class Block:
    """A fenced block. `mark` and `argument` are empty where no comment stands before it."""
    document: pathlib.Path
    line: int
    language: str
    mark: str
    argument: str
    text: str

    def __str__(self):
        return f"{self.document.relative_to(ROOT)}:{self.line}"


def documents():
    """All Markdown files of the checkout."""
    paths = [*ROOT.glob("*.md"), *(path for folder in ("config", "dashboards", "docker", "docs", "exporter", "tests")
                                   for path in (ROOT / folder).rglob("*.md"))]
    return sorted(path for path in paths if "node_modules" not in path.parts)


def blocks(document):
    """The fenced blocks of a document, in its order. ValueError over a fence or mark that this does not understand."""
    found, mark, block = [], ("", ""), None
    for number, line in enumerate(document.read_text().splitlines(), 1):
        at = f"{document.relative_to(ROOT)}:{number}"
        fence = _FENCE.fullmatch(line)
        if block is None and fence:
            if fence[1] or fence[2] != "```":
                raise ValueError(f"{at}: a fence is three backticks at the beginning of a line")
            block = Block(document, number, fence[3], *mark, "")
        elif block is not None and line == "```":
            found.append(block)
            block, mark = None, ("", "")
        elif block is not None:
            block = dataclasses.replace(block, text=f"{block.text}{line}\n")
        else:
            if mark[0]:
                raise ValueError(f"{at}: the mark before it is followed by no fence")
            mark = _mark_of(line, at)
    if block is not None:
        raise ValueError(f"{block}: this fence is never closed")
    return found


def _mark_of(line, at):
    if "<!-- test" not in line:
        return "", ""
    mark = _MARK.fullmatch(line)
    if not mark or mark[1] not in MARKS:
        raise ValueError(f"{at}: no mark that a test knows: {line}")
    return mark[1], mark[2] or ""


def marked(document, mark):
    """The texts of a document's blocks with a mark. AssertionError if it has none: the caller executes them."""
    texts = [block.text for block in blocks(document) if block.mark == mark]
    if not texts:
        raise AssertionError(f"{document} has no block with <!-- test: {mark} -->")
    return texts


def prose(document):
    """The lines outside of fences, with their numbers."""
    inside = False
    for number, line in enumerate(document.read_text().splitlines(), 1):
        if line.startswith("```"):
            inside = not inside
        elif not inside:
            yield number, line


def links(document):
    """The targets of links and pictures."""
    return [target for _, line in prose(document) for target in _LINK.findall(re.sub(r"`[^`]*`", "", line))]


def anchors(document):
    """What may stand behind "#" in a link to the document: its headings, as GitHub and others make anchors of them."""
    return {re.sub(r"[^\w -]", "", heading[1]).lower().replace(" ", "-")
            for _, line in prose(document) if (heading := re.fullmatch(r"#+ (.*)", line))}


def table_rows(text, heading):
    """The rows of all tables between a heading and the next one of any level, as lists of cells; without their heads."""
    section = re.search(rf"^#+ {re.escape(heading)}\n(.*?)(?=^#|\Z)", text, re.M | re.S)
    if not section:
        raise AssertionError(f"no heading {heading!r}")
    rows = [[cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
            for line in section[1].splitlines() if line.startswith("|")]
    rules = [i for i, row in enumerate(rows) if all(re.fullmatch(r":?-+:?", cell) for cell in row)]
    return [row for i, row in enumerate(rows) if i not in rules and i + 1 not in rules]
