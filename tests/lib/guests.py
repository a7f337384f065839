"""Invented guests that write trace logs for the daemon to follow, and know what it has to count.

A Session is one log file: what QEMU knows while it writes it (names, open requests, keys that are down) and stories, each
of some lines, that are told by turns. A Guest is one VM, whose log is rotated or truncated. The Tally is what all of them
have written, counted when it is written, by the names of the exposition. Nothing here reads a log.
"""

import collections
import os

CONFIG = """\
lookups:
  image: {event: bdrv_open_common, key: bs, value: filename}
spans:
  element: {start: virtqueue_pop, end: virtqueue_fill, key: [vq, elem], timeout: 3600s}
metrics:
  - {name: pci_reads_total, type: counter, event: pci_cfg_read, labels: {device: dev, address: "{bus}:{slot}.{func}"}}
  - {name: keycodes_total, type: counter, event: ps2_put_keycode}
  - {name: keystrokes_total, type: counter, event: keystroke}
  - {name: dma_started_total, type: counter, event: dma_request_start, labels: {device: device, direction: direction}}
  - {name: dma_bytes, type: histogram, event: dma_request, value: bytes, buckets: [512, 4096, 65536],
     labels: {device: device, direction: direction}}
  - {name: dma_seconds, type: histogram, event: dma_request, value: duration, buckets: [0.1, 1, 10],
     labels: {device: device, direction: direction}}
  - {name: layer_read_bytes_total, type: counter, event: blk_co_preadv, value: bytes,
     labels: {image: {lookup: image, key: bs}}}
  - {name: element_seconds, type: histogram, event: element, value: duration, buckets: [0.1, 1, 10], labels: {queue: vq}}
  - {name: element_bytes_total, type: counter, event: element, value: len, labels: {queue: vq}}
"""

# Durations are multiples of 1/64 s, so that sums are exact in any order.
_TICK = 15_625  # microseconds
_START = 1_795_408_732 * 64  # ticks

_OPEN_STORIES = 6
_STORIES = ("pci", "pci", "dma", "dma", "dma", "element", "element", "key", "key", "layer_read", "reopen", "rubbish")


class Tally(collections.Counter):
    """Values by (sample name, labels as a sorted tuple of pairs)."""

    def add(self, name, amount=1, **labels):
        self[name, tuple(sorted(labels.items()))] += amount

    def observe(self, name, value, **labels):
        self.add(name + "_count", **labels)
        self.add(name + "_sum", value, **labels)

    def differences(self, metrics):
        """What an exposition has otherwise, as text, one line a series."""
        names = {name for name, _ in self}
        found = {key: value for key, value in metrics.samples.items() if key[0] in names and value != 0}
        want = {key: value for key, value in self.items() if value != 0}
        return "".join(f"{name}{dict(labels)}: {found.get((name, labels), 0):.17g}, not {want.get((name, labels), 0):.17g}\n"
                       for name, labels in sorted(found.keys() | want.keys())
                       if found.get((name, labels), 0) != want.get((name, labels), 0))


class Session:
    """One file, from its making to its last late line."""

    def __init__(self, guest, path):
        self._guest = guest
        self._random = guest.random
        self.file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o644)
        self.begin()

    def begin(self):
        """What QEMU opens at its start; all it knew before is forgotten."""
        self._rest = b""
        self._stories = []
        self._glued = None  # the story whose next line has to come next
        self._typing = False
        self._busy = set()  # pointers in use by requests
        self._images = {}   # names by node
        self.nodes = {0x7f0000000100: 0x7f0000000200, 0x7f0000000300: 0x7f0000000400}  # backends by node
        self._lines = []
        for node, backend in self.nodes.items():
            self._lines.append(self._open(node))
            self._lines.append(self._line("blk_root_attach", f"child 0x1 blk {backend:#x} bs {node:#x}"))
        self._write(len(self._lines))

    def step(self):
        """Writes some more: whole lines, or one of them in two pieces."""
        if self._rest:
            rest, self._rest = self._rest, b""
            os.write(self.file, rest)
            return
        for _ in range(self._random.choice((1, 1, 2, 5, 40))):
            self._tell()
        self._write(len(self._lines))

    def finish(self):
        """Ends the line that is unfinished, and most stories."""
        if self._rest:
            os.write(self.file, self._rest)
            self._rest = b""

    def finish_stories(self):
        """All that is open comes to its end, without anything new."""
        self.finish()
        for story in self._stories:
            self._lines.extend(line for line, _ in story)
        self._stories = []
        self._write(len(self._lines), torn=False)

    def close(self):
        self.finish()
        os.close(self.file)

    def _write(self, count, torn=True):
        data = "".join(self._lines[:count]).encode()
        del self._lines[:count]
        tally = self._guest.tally
        tally.add("qemu_trace_exporter_lines_total", data.count(b"\n"))
        tally.add("qemu_trace_exporter_read_bytes_total", len(data))
        cut = len(data)
        if torn and data and self._random.random() < 0.1:
            cut = self._random.randrange(len(data))
        os.write(self.file, data[:cut])
        self._rest = data[cut:]

    def _tell(self):
        """One line more of some story."""
        story = self._glued
        if story is None:
            if len(self._stories) < _OPEN_STORIES:
                self._stories.append(getattr(self, "_" + self._random.choice(_STORIES))())
            story = self._random.choice(self._stories)
        line, glued = next(story, (None, False))
        if line is None:
            self._stories.remove(story)
            self._glued = None
            return
        self._lines.append(line)
        self._glued = story if glued else None

    def _line(self, event, arguments):
        ticks = self._guest.tick()
        self._count("qemu_trace_events_total", event=event)
        return f"7@{ticks // 64}.{ticks % 64 * _TICK:06d}:{event} {arguments}\n"

    def _count(self, name, amount=1, **labels):
        self._guest.tally.add(name, amount, vm=self._guest.vm, **labels)

    def _observe(self, name, value, **labels):
        self._guest.tally.observe(name, value, vm=self._guest.vm, **labels)

    def _open(self, node):
        self._images[node] = f"/images/{self._guest.vm}-{self._random.randrange(4)}.img"
        return self._line("bdrv_open_common",
                          f'bs {node:#x} filename "{self._images[node]}" flags 0x2000 format_name "raw"')

    def _take(self, first):
        pointer = next(p for p in range(first, first + 0x10000, 0x10) if p not in self._busy)
        self._busy.add(pointer)
        return pointer

    # Stories: generators of (line, whether the next line has to follow at once).

    def _pci(self):
        device, address = self._random.choice((("i440FX", "00:00.0"), ("e1000", "00:03.0"), ("nvme", "01:1f.7")))
        self._count("pci_reads_total", device=device, address=address)
        yield self._line("pci_cfg_read", f"{device} {address} @0x4 -> 0x100007"), False

    def _dma(self):
        node = self._random.choice(list(self.nodes))
        backend, request = self.nodes[node], self._take(0x7f0000010000)
        to_dev, offset = self._random.randrange(2), self._random.randrange(1 << 20) * 512
        direction, event = (("read", "blk_co_preadv"), ("write", "blk_co_pwritev"))[to_dev]
        self._count("dma_started_total", device=self._images[node], direction=direction)
        start = self._line("dma_blk_io", f"dbs={request:#x} bs={backend:#x} offset={offset} to_dev={to_dev}")
        began = self._guest.ticks
        yield start, False
        total = 0
        for _ in range(self._random.choice((1, 1, 1, 2, 3))):
            yield self._line("dma_blk_cb", f"dbs={request:#x} ret=0"), True
            size = self._random.choice((512, 4096, 65536))
            if event == "blk_co_preadv":
                self._count("layer_read_bytes_total", size, image=self._images[node])
            yield self._line(event, f"blk {backend:#x} bs {node:#x} offset {offset} bytes {size} flags 0x0"), False
            total, offset = total + size, offset + size
        yield self._line("dma_blk_cb", f"dbs={request:#x} ret=0"), True
        end = self._line("dma_complete", f"dbs={request:#x} ret=0 cb=0x1")
        labels = {"device": self._images[node], "direction": direction}
        self._observe("dma_bytes", total, **labels)
        self._observe("dma_seconds", (self._guest.ticks - began) / 64, **labels)
        self._busy.remove(request)
        yield end, False

    def _element(self):
        queue, element = self._random.choice(("0x55aa0", "0x55bb0")), self._take(0x7f0000020000)
        start = self._line("virtqueue_pop", f"vq {queue} elem {element:#x} in_num 1 out_num 1")
        began = self._guest.ticks
        yield start, False
        size = self._random.randrange(5000)
        end = self._line("virtqueue_fill", f"vq {queue} elem {element:#x} len {size} idx 0")
        self._count("element_bytes_total", size, queue=queue)
        self._observe("element_seconds", (self._guest.ticks - began) / 64, queue=queue)
        self._busy.remove(element)
        yield end, False

    def _key(self):
        if self._typing:  # one keyboard, one key after the other
            return
        self._typing = True
        key = self._random.choice(((0x34,), (0x1c,), (0xe0, 0x75)))
        release = key[:-1] + (0xf0,) + key[-1:]
        for codes, presses in ((key, 1), (release, 0)):
            for i, code in enumerate(codes):
                self._count("keycodes_total")
                if i == len(codes) - 1:
                    self._count("keystrokes_total", presses)
                yield self._line("ps2_put_keycode", f"0x55cc0 keycode 0x{code:02x}"), False
        self._typing = False

    def _layer_read(self):
        """A read that no DMA request claims, since none reads there."""
        node = self._random.choice(list(self.nodes))
        self._count("layer_read_bytes_total", 512, image=self._images[node])
        yield self._line("blk_co_preadv", f"blk 0x1 bs {node:#x} offset 7 bytes 512 flags 0x0"), False

    def _reopen(self):
        yield self._open(self._random.choice(list(self.nodes))), False

    def _rubbish(self):
        kind = self._random.randrange(3)
        self._guest.tally.add("qemu_trace_exporter_unparsed_lines_total",
                              reason="format_mismatch" if kind == 0 else "not_an_event")
        if kind == 0:
            yield self._line("pci_cfg_read", "i440FX 00:"), False
        else:
            yield ("", "qemu-system-x86_64: warning: nothing of interest")[kind - 1] + "\n", False


class Guest:
    """A VM with its log at DIRECTORY/VM.log."""

    def __init__(self, vm, directory, random, tally):
        self.vm, self.random, self.tally = vm, random, tally
        self.path = directory / f"{vm}.log"
        self.ticks = _START
        self.session = Session(self, self.path)

    def tick(self):
        self.ticks += 1
        return self.ticks

    def rename(self, path):
        """Rotation by rename and recreate. Returns the old session, which may write late lines."""
        old = self.session
        self.path.rename(path)
        self.session = Session(self, self.path)
        return old

    def truncate(self):
        """copytruncate; all there was must have been read."""
        self.session.finish()
        os.truncate(self.path, 0)
        self.session.begin()
