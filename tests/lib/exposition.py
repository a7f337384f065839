"""Reads Prometheus' text format 0.0.4 strictly enough to compare two expositions."""

import re

_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\"n])*)"(,|\})')
_ESCAPE = re.compile(r"\\(.)")


class Exposition:
    """Samples by (name, labels), labels as a sorted tuple of pairs; types and helps by family."""

    def __init__(self):
        self.samples = {}
        self.types = {}
        self.helps = {}

    def value(self, name, **labels):
        """The one sample with exactly these labels, or None."""
        return self.samples.get((name, tuple(sorted(labels.items()))))

    def series(self, name, **labels):
        """[(labels as a dict, value)] of the samples of `name` that have at least these labels."""
        return [(dict(found), value) for (sample, found), value in self.samples.items()
                if sample == name and labels.items() <= dict(found).items()]

    def total(self, name, **labels):
        """The sum over series(); 0 where there is none."""
        return sum(value for _, value in self.series(name, **labels))

    def family_of(self, sample):
        """The family that a sample name belongs to: a histogram's samples carry suffixes."""
        for suffix in ("_bucket", "_sum", "_count"):
            if sample.endswith(suffix) and self.types.get(sample[:-len(suffix)]) in ("histogram", "summary"):
                return sample[:-len(suffix)]
        return sample


def parse(text):
    """An Exposition, or ValueError that names the line."""
    result = Exposition()
    for number, line in enumerate(text.split("\n"), 1):
        try:
            _parse_line(line, result)
        except (AttributeError, ValueError) as error:
            raise ValueError(f"exposition line {number} is malformed ({error}): {line!r}") from error
    return result


def _parse_line(line, result):
    if not line:
        return
    if line.startswith("# TYPE "):
        name, kind = line.split(" ")[2:]
        if name in result.types:
            raise ValueError("second TYPE of a family")
        result.types[name] = kind
    elif line.startswith("# HELP "):
        name, _, text = line[len("# HELP "):].partition(" ")
        result.helps[name] = text
    elif not line.startswith("#"):
        key, value = _parse_sample(line)
        if key in result.samples:
            raise ValueError("second sample of a series")
        result.samples[key] = value


def _parse_sample(line):
    name = _NAME.match(line).group()
    at = len(name)
    labels = {}
    if line[at] == "{":
        at += 1
        while line[at - 1] != "}":
            match = _LABEL.match(line, at)
            if match is None:
                raise ValueError(f"bad label at column {at + 1}")
            labels[match[1]] = _ESCAPE.sub(lambda m: {"n": "\n"}.get(m[1], m[1]), match[2])
            at = match.end()
    return (name, tuple(sorted(labels.items()))), float(line[at:].split()[0])
