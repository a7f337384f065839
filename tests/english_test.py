#!/usr/bin/env python3
"""Sentences that have to be read twice: patterns that a script can find, in documents, comments, messages and configs.

It cannot tell whether a sentence is good. It finds wording that has been misread before, and names the word to use instead.
`tests/english_test.py FILE...` checks files of your choice.
"""

import dataclasses
import pathlib
import re
import subprocess
import sys
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[1]

# (what, regex, what to write instead). A match counts wherever it stands in a sentence.
PATTERNS = [
    ("`who` as a bare subject", r"(?:^|(?<=[.;:] ))[Ww]ho (?!else\b)(?![^.]*\?)\w+", "name the actor: the client, the user, the caller"),
    ("whom, whoever", r"\b[Ww]hom(?:ever)?\b|\b[Ww]hoever\b", "name the actor, or `anyone who`"),
    ("nobody, somebody, everybody", r"\b(?:[Nn]o|[Ss]ome|[Ee]very)body\b", "name the actor, or use no/some/any one, or the passive"),
    ("`is no X`", r"(?<![Tt]here )\b(?:is|are|was|were) no (?!longer\b|more\b|matter\b)\w+", "`is not a X`, or the field's word: invalid, unknown, missing"),
    ("go on", r"\b(?:go|goes|went|gone|going) on(?= (?:with|as|at|from|in|by|where|over|till|until|for)\b|[,.;:)]|$)", "continue, resume"),
    ("of late", r"\bof late\b", "recently, in the last N seconds"),
    ("for good", r"\bfor good\b", "forever, permanently"),
    ("processor", r"\b[Pp]rocessors?\b(?! time)", "CPU, core"),
    ("give away", r"\bgiv(?:e|es|en|ing) away\b", "drop, discard"),
    ("a few", r"\b[Aa] few\b(?! hundred| thousand)", "the number with its unit, or `several`"),
    ("a part of a second in words", r"\ba (?:tenth|twentieth|hundredth|thousandth) of a (?:second|millisecond)", "digits with a unit: 50 ms"),
    ("a sentence that begins with `Of`", r"(?:^|(?<=[.:;] ))Of (?!course\b)[a-z]\w*", "begin with the subject"),
    ("be it", r"\bbe it\b", "even if, whether"),
    ("once more", r"\bonce more\b", "again"),
]
PATTERNS = [(what, re.compile(regex), instead) for what, regex, instead in PATTERNS]

# Folders that still have such sentences. Remove a line once its folder has none.
NOT_YET = ("exporter/guests/", "exporter/metrics/")

# Text of others, and what tests read as data.
SKIPPED = re.compile(r"LICENSE|config/debian/copyright|config/trace-events|tests/fuzz/corpus/.*|tests/(?:golden|field|data)/.*"
                     r"\.(?:log|prom|json|gz)|dashboards/.*\.json|.*package-lock\.json|.*\.(?:png|svg|gz|zst|om)"
                     r"|tests/english_test\.py")
HASH_COMMENTS = {".py", ".sh", ".bash", ".yaml", ".yml", ".cmake", ".txt", ".toml", ".service", ".socket", ".conf", ""}
SLASH_COMMENTS = {".cc", ".h", ".in", ".js", ".mjs", ".css"}
STRING = re.compile(r'"((?:[^"\\\n]|\\.)*)"')


@dataclasses.dataclass(frozen=True)
class Finding:
    where: str
    what: str
    words: str
    instead: str

    def __str__(self):
        return f"{self.where}: {self.what}: {self.words!r}; write {self.instead}"


def apart(number, texts, more=False):
    """Texts that are no part of the sentence before them; nor do they continue in the next line, unless there is `more`."""
    for text in texts:
        yield 0, ""
        yield number, text.strip()
    if not more:
        yield 0, ""


def markdown(text):
    """Prose without code, each table cell for itself."""
    inside = False
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith("```"):
            inside = not inside
        elif not inside:
            line = re.sub(r"`[^`]*`", "CODE", line)
            if line.startswith("|"):
                yield from apart(number, line.strip("| ").split("|"))
            elif marker := re.match(r" *(?:#+|[-*]|\d+\.) +", line):
                yield from apart(number, [line[marker.end():]], more=True)
            else:
                yield number, line.strip()
        else:
            yield number, ""


def hash_comments(text):
    """Comments that a # begins, and Python's docstrings; help texts of YAML."""
    quoted = False
    for number, line in enumerate(text.splitlines(), 1):
        comment = re.search(r"(?:^|\s)#(?!!) ?(.*)$", line)
        if line.count('"""') % 2:
            quoted = not quoted
            yield number, line.split('"""')[1 if quoted else 0].strip()
        elif line.count('"""') == 2:
            yield number, line.split('"""')[1]
        elif quoted:
            yield number, line.strip()
        elif help_text := re.match(r"\s+(?:help|summary|description): (.*)", line):
            yield number, help_text[1]
        else:
            yield number, comment[1] if comment else ""


def slash_comments(text, has_messages):
    """Comments that // begins, and string literals."""
    for number, line in enumerate(text.splitlines(), 1):
        at = re.search(r"(?:^|\s)//+ ?(.*)$", line)
        yield number, at[1] if at else ""
        if has_messages and not line.lstrip().startswith("#include"):
            if literals := STRING.findall(line[:at.start()] if at else line):
                yield from apart(number, literals)


def pieces(path, text):
    """(line, text) of what people read in a file. Nothing is between pieces of other kinds."""
    if path.suffix == ".md":
        return markdown(text)
    if path.suffix in SLASH_COMMENTS:
        return slash_comments(text, path.suffix in (".cc", ".h") and "test" not in path.name and "tests/" not in str(path))
    if path.suffix == ".1":
        return enumerate((line for line in text.splitlines()), 1)
    return hash_comments(text)


def sentences(found):
    """Pieces of consecutive lines joined, since a pattern may cross the end of a line: (lines, text)."""
    joined, numbers = "", []
    for number, piece in [*found, (0, "")]:
        if piece and numbers and number == numbers[-1][1] + 1:
            numbers.append((len(joined) + 1, number))
            joined += " " + piece
            continue
        if joined:
            yield numbers, joined
        joined, numbers = piece, [(0, number)] if piece else []


def findings(path, text):
    for numbers, joined in sentences(pieces(path, text)):
        for what, regex, instead in PATTERNS:
            for match in regex.finditer(joined):
                line = max(number for at, number in numbers if at <= match.start())
                yield Finding(f"{path}:{line}", what, match[0], instead)


def files():
    done = subprocess.run(["git", "ls-files", "--cached", "--others", "--exclude-standard"], cwd=ROOT, capture_output=True,
                          text=True)
    if done.returncode == 0:
        names = done.stdout.splitlines()
    else:  # a copy of the sources without their history
        names = [str(path.relative_to(ROOT)) for path in ROOT.rglob("*") if "build" not in path.parts]
    for name in sorted(names):
        if not SKIPPED.fullmatch(name) and (ROOT / name).is_file():
            yield pathlib.Path(name)


def all_findings(paths):
    for path in paths:
        try:
            text = (ROOT / path).read_text()
        except UnicodeDecodeError:
            continue
        yield from findings(path, text)


class EnglishTest(unittest.TestCase):
    def test_no_sentence_has_to_be_read_twice(self):
        found = list(all_findings(path for path in files() if not str(path).startswith(NOT_YET)))
        self.assertEqual(found, [], "\n" + "\n".join(map(str, found)))

    def test_folders_that_are_clean_are_checked(self):
        for folder in NOT_YET:
            self.assertTrue(list(all_findings(path for path in files() if str(path).startswith(folder))),
                            f"{folder} has no such sentence left: take it out of NOT_YET")


class PatternsTest(unittest.TestCase):
    """What is found, and what is not."""

    def found(self, name, text):
        return [finding.what for finding in findings(pathlib.Path(name), text)]

    def test_patterns(self):
        for text, count in [("Who asks, waits.", 1), ("Who reads logs?", 0), ("People who look see it.", 0),
                            ("a client, who asks", 0), ("It rests; who asks waits.", 1), ("by whomever", 1), ("Nobody asks.", 1), ('"x" is no port', 1),
                            ("there is no file", 0), ("it is no longer a file", 0), ("It goes on from the offset.", 1), ("going on now", 0),
                            ("busy of late", 1), ("kept for good", 1), ("a processor", 1), ("processor time", 0),
                            ("is given away", 1), ("a few lines", 1), ("a twentieth of a second", 1), ("Of the thread.", 1),
                            ("Of course.", 0), ("be it that", 1), ("read once more", 1), ("A plain sentence.", 0)]:
            with self.subTest(text=text):
                self.assertEqual(len(self.found("x.md", text)), count)

    def test_kinds_of_files(self):
        for name, text, count in [("x.cc", "// it is read once\n// more\n", 1), ("x.cc", 'Error{"it is no port"}', 1),
                                  ("x.cc", "int once; // more", 0), ("x_test.cc", '"it is no port"', 0),
                                  ("x.py", "# it is no port\n", 1), ("x.py", '"""It is no port."""\n', 1),
                                  ("x.py", 'say("is no port")\n', 0), ("x.yaml", "    help: Of the disk.\n", 1),
                                  ("x.md", "```text\nis no port\n```\n", 0), ("x.md", "`is no port`", 0),
                                  ("x.md", "| a | Of the disk |\n", 1), ("x.sh", "# a few\n\n# words", 1)]:
            with self.subTest(name=name, text=text):
                self.assertEqual(len(self.found(name, text)), count)


if __name__ == "__main__":
    if len(sys.argv) > 1 and not sys.argv[1].startswith("-") and pathlib.Path(sys.argv[1]).exists():
        bad = list(all_findings(pathlib.Path(name).resolve().relative_to(ROOT) for name in sys.argv[1:]))
        print("\n".join(map(str, bad)) or "fine")
        sys.exit(1 if bad else 0)
    unittest.main()
