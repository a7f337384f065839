"""Writes binary traces of QEMU's `simple` backend, format version 4, and makes them of logs in text.

Its truth is trace/simple.c, scripts/tracetool/backend/simple.py and scripts/simpletrace.py of QEMU. The formats of events
are read here by regular expressions, so that nothing is shared with the program under test."""

import re
import struct

HEADER_ID = 2**64 - 1
DROPPED_ID = 2**64 - 2
MAGIC = 0xF2B177CB0AA429B4
MAPPING, EVENT = 0, 1
LONGEST_STRING = 512  # what QEMU keeps of one
DECLARATION = re.compile(r"^(?:disable )?(?P<vcpu>vcpu )?(?P<name>\w+)\((?P<arguments>[^)]*)\)\s*(?P<format>.*)$")
CONVERSION = re.compile(r"%([-+ #0]*)(\d*)(?:\.(\d+))?(?:hh|h|ll|l|z|j|t)?([a-zA-Z%])")
LINE = re.compile(r"^(\d+)@(\d+)\.(\d{6}):(\w+) ?(.*)$")
PATTERNS = {"d": r"(-?\d+)", "i": r"(-?\d+)", "u": r"(\d+)", "o": "([0-7]+)", "x": r"((?:0x)?[0-9a-f]+)", "X": r"((?:0x)?[0-9A-F]+)",
            "p": r"(0x[0-9a-f]+|\(nil\))", "s": "(.*?)", "c": "(.)"}


def is_string(kind):
    return kind.startswith(("const char*", "char*", "const char *", "char *")) and kind.count("*") == 1


class Declaration:
    """One declaration of trace-events-all; `kinds` are the types of its arguments."""

    def __init__(self, line):
        found = DECLARATION.match(line)
        arguments = found["arguments"].strip()
        parts = [] if arguments in ("", "void") else [part.strip() for part in arguments.split(",")]
        self.name = found["name"]
        self.kinds = ["void *"] * bool(found["vcpu"]) + [re.sub(r"\w+$", "", part).strip() for part in parts]
        text = re.sub(r'PRI([diuxX])(?:8|16|32|64|PTR|MAX)', r'"\1"', found["format"])
        text = "cpu=%p " * bool(found["vcpu"]) + "".join(re.findall(r'"((?:[^"\\]|\\.)*)"', text))
        self.letters, pattern, at = [], "", 0
        for conversion in CONVERSION.finditer(text):
            pattern += re.escape(text[at:conversion.start()])
            at = conversion.end()
            if conversion[4] == "%":
                pattern += "%"
                continue
            self.letters.append(conversion[4])
            pattern += " *" * bool(conversion[2]) + PATTERNS[conversion[4]]
        self.pattern = re.compile(pattern + re.escape(text[at:]))

    def arguments_of(self, text):
        """The arguments that QEMU printed as `text`; None if they are of another declaration."""
        found = self.pattern.fullmatch(text)
        if not found or len(self.letters) != len(self.kinds):
            return None
        return [self.value(letter, value) for letter, value in zip(self.letters, found.groups())]

    @staticmethod
    def value(letter, text):
        if letter == "s":
            return text.encode()
        if letter == "c":
            return ord(text)
        if text == "(nil)":
            return 0
        return int(text, 16 if letter in "xXp" else 8 if letter == "o" else 10)


class Declarations:
    def __init__(self, *paths):
        self.by_name = {}
        for path in paths:
            for line in path.read_text().splitlines():
                if DECLARATION.match(line):
                    declaration = Declaration(line)
                    self.by_name.setdefault(declaration.name, []).append(declaration)

    def arguments_of(self, name, text):
        read = (declaration.arguments_of(text) for declaration in self.by_name.get(name, ()))
        return next((arguments for arguments in read if arguments is not None), None)


class Trace:
    """The bytes of a trace, which grow with each call. `order` is "<" or ">", as the host that ran QEMU."""

    def __init__(self, order="<", version=4):
        self.order = order
        self.ids = {}
        self.bytes = bytearray(struct.pack(order + "QQQ", HEADER_ID, MAGIC, version))

    def name(self, event):
        """The id of an event, which is told to the reader first."""
        if event not in self.ids:
            self.ids[event] = len(self.ids)
            self.bytes += struct.pack(self.order + "QQI", MAPPING, self.ids[event], len(event)) + event.encode()
        return self.ids[event]

    def record(self, event_id, time_ns, payload=b"", pid=4711, length=None):
        length = 24 + len(payload) if length is None else length
        self.bytes += struct.pack(self.order + "QQQII", EVENT, event_id, time_ns, length, pid) + payload

    def event(self, name, time_ns, *arguments, pid=4711):
        """An argument is a number, or bytes for a string."""
        payload = b""
        for argument in arguments:
            if isinstance(argument, bytes):
                argument = argument[:LONGEST_STRING]
                payload += struct.pack(self.order + "I", len(argument)) + argument
            else:
                payload += struct.pack(self.order + "Q", argument % 2**64)
        self.record(self.name(name), time_ns, payload, pid)

    def dropped(self, time_ns, count):
        self.record(DROPPED_ID, time_ns, struct.pack(self.order + "Q", count))


def of_log(lines, declarations, order="<"):
    """(trace, lines that are in it) of a log with thread ids and times."""
    trace, kept = Trace(order), []
    for line in lines:
        found = LINE.match(line)
        arguments = found and declarations.arguments_of(found[4], found[5])
        if arguments is None:
            continue
        trace.event(found[4], (int(found[2]) * 10**6 + int(found[3])) * 1000, *arguments, pid=int(found[1]))
        kept.append(line)
    return trace, kept
