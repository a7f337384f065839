"""Invented guests that write trace logs for the daemon to follow, and know what it has to count.

A Qemu is one process: what it knows (names, open requests, keys that are down) and stories, each of some lines, that are
told by turns. A Session is one log file that a process writes. A Guest is one VM: its log is rotated or truncated while
the process continues, or the process ends and another one begins. The Tally is what all of them have written, counted when
it is written, by the names of the exposition. Nothing here reads a log.
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
# Late lines reach an old file while others reach the new one. The order in which the daemon reads these is open, so the
# stories with late lines share nothing with others: neither thread nor disk nor pointers.
_LATE_STORIES = ("pci", "pci", "dma", "dma", "element", "rubbish")
_RUBBISH = ("pci_cfg_read i440FX 00:\n", "\n", "qemu-system-x86_64: warning: nothing of interest\n")
_LATE_NODE, _LATE_BACKEND = 0x7f0000000500, 0x7f0000000600


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

    def __init__(self, guest, path, teller):
        self._guest = guest
        self._random = guest.random
        self._teller = teller
        self.file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o644)
        self._rest = b""
        self.is_open = True

    def step(self):
        """Writes more: whole lines, or one of them in two pieces."""
        if self._rest:
            self.finish()
        elif self._teller is not None:
            self.write([line for _ in range(self._random.choice((1, 1, 2, 5, 40))) for line in self._teller.tell()])

    def write(self, lines, torn=True):
        data = "".join(lines).encode()
        self._guest.tally.add("qemu_trace_exporter_lines_total", data.count(b"\n"))
        self._guest.tally.add("qemu_trace_exporter_read_bytes_total", len(data))
        cut = len(data)
        if torn and data and self._random.random() < 0.1:
            cut = self._random.randrange(len(data))
        self._put(data[:cut])
        self._rest = data[cut:]

    def finish(self):
        """Ends the line that is unfinished."""
        rest, self._rest = self._rest, b""
        self._put(rest)

    def leave(self):
        """The process continues in another file. The rest of the unfinished line, if that file is to have it."""
        self._teller = None
        end = self._rest[:self._rest.find(b"\n") + 1]
        # The daemon joins the halves of an event, unless the second one could be an event of its own.
        is_joined = end.strip() and b"@" not in end and not any(end in rubbish.encode() for rubbish in _RUBBISH)
        if not is_joined or self._random.random() < 0.5:
            self.finish()
        rest, self._rest = self._rest, b""
        return rest

    def begin_with(self, rest):
        self._put(rest)

    def take(self, teller):
        self._teller = teller

    def finish_stories(self):
        """All that is open comes to its end, without anything new."""
        self.finish()
        if self._teller is not None:
            self.write(self._teller.tell_ends(), torn=False)

    def fall_silent(self):
        self.finish()
        self._teller = None

    def close(self):
        self.finish()
        os.close(self.file)
        self.is_open = False

    def _put(self, data):
        if data:
            os.write(self.file, data)


class Teller:
    """Tells the stories of one thread of QEMU, line by line."""

    def __init__(self, guest, qemu, thread, stories, nodes, pointers):
        self._guest = guest
        self._random = guest.random
        self._images = qemu.images  # names by node
        self._thread = thread
        self._kinds = stories
        self._nodes = nodes  # backends by node
        self._pointers = pointers
        self._stories = []
        self._glued = None  # the story whose next line has to come next
        self._typing = False
        self._busy = set()  # pointers in use by requests

    def tell(self):
        """One line more of some story, or none."""
        story = self._glued
        if story is None:
            if len(self._stories) < _OPEN_STORIES:
                self._stories.append(getattr(self, "_" + self._random.choice(self._kinds))())
            story = self._random.choice(self._stories)
        line, glued = next(story, (None, False))
        if line is None:
            self._stories.remove(story)
            self._glued = None
            return []
        self._glued = story if glued else None
        return [line]

    def tell_ends(self):
        stories, self._stories, self._glued = self._stories, [], None
        return [line for story in stories for line, _ in story]

    def open(self, node, image=None):
        self._images[node] = image or self._random.choice(self._free_images())
        return self._line("bdrv_open_common",
                          f'bs {node:#x} filename "{self._images[node]}" flags 0x2000 format_name "raw"')

    def _free_images(self):
        """Two disks of one image would have a label each."""
        return [image for image in (f"/images/{self._guest.vm}-{i}.img" for i in range(4))
                if image not in self._images.values()]

    def attach(self, node, backend):
        return self._line("blk_root_attach", f"child 0x1 blk {backend:#x} bs {node:#x}")

    def detach(self, node, backend):
        return self._line("blk_root_detach", f"child 0x1 blk {backend:#x} bs {node:#x}")

    def _line(self, event, arguments):
        ticks = self._guest.tick()
        self._count("qemu_trace_events_total", event=event)
        return f"{self._thread}@{ticks // 64}.{ticks % 64 * _TICK:06d}:{event} {arguments}\n"

    def _count(self, name, amount=1, **labels):
        self._guest.tally.add(name, amount, vm=self._guest.vm, **labels)

    def _observe(self, name, value, **labels):
        self._guest.tally.observe(name, value, vm=self._guest.vm, **labels)

    def _take(self, first):
        first += self._pointers
        pointer = next(p for p in range(first, first + 0x10000, 0x10) if p not in self._busy)
        self._busy.add(pointer)
        return pointer

    # Stories: generators of (line, whether the next line has to follow at once).

    def _pci(self):
        device, address = self._random.choice((("i440FX", "00:00.0"), ("e1000", "00:03.0"), ("nvme", "01:1f.7")))
        self._count("pci_reads_total", device=device, address=address)
        yield self._line("pci_cfg_read", f"{device} {address} @0x4 -> 0x100007"), False

    def _dma(self):
        node = self._random.choice(list(self._nodes))
        backend, request = self._nodes[node], self._take(0x7f0000010000)
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
        node = self._random.choice(list(self._nodes))
        self._count("layer_read_bytes_total", 512, image=self._images[node])
        yield self._line("blk_co_preadv", f"blk 0x1 bs {node:#x} offset 7 bytes 512 flags 0x0"), False

    def _reopen(self):
        """Another disk at the pointers of one that is gone."""
        node = self._random.choice(list(self._nodes))
        backend = self._nodes[node]
        yield self.detach(node, backend), True
        yield self.open(node), True
        yield self.attach(node, backend), False

    def _rubbish(self):
        kind = self._random.randrange(3)
        self._guest.tally.add("qemu_trace_exporter_unparsed_lines_total",
                              reason="format_mismatch" if kind == 0 else "not_an_event")
        if kind == 0:
            yield self._line(*_RUBBISH[0].strip().split(" ", 1)), False
        else:
            yield _RUBBISH[kind], False


class Qemu:
    """One process. `lines` are those of its start."""

    _NODES = {0x7f0000000100: 0x7f0000000200, 0x7f0000000300: 0x7f0000000400}

    def __init__(self, guest, thread):
        self.images = {}
        self._guest = guest
        self._thread = thread
        self._late_tellers = 0
        self.teller = Teller(guest, self, thread, _STORIES, self._NODES, 0)
        self.lines = [line for node, backend in self._NODES.items()
                      for line in (self.teller.open(node), self.teller.attach(node, backend))]
        self.lines += [self.teller.open(_LATE_NODE, f"/images/{guest.vm}-late.img"),
                       self.teller.attach(_LATE_NODE, _LATE_BACKEND)]

    def late_teller(self):
        self._late_tellers += 1
        number = self._late_tellers
        return Teller(self._guest, self, self._thread + number, _LATE_STORIES, {_LATE_NODE: _LATE_BACKEND}, number << 24)


class Guest:
    """A VM with its log at DIRECTORY/VM.log."""

    def __init__(self, vm, directory, random, tally):
        self.vm, self.random, self.tally = vm, random, tally
        self.path = directory / f"{vm}.log"
        self.ticks = _START
        self._thread = 0
        self._late = []
        self.session = self._start()

    def tick(self):
        self.ticks += 1
        return self.ticks

    def _new_qemu(self):
        self._thread += 1000
        self._qemu = Qemu(self, self._thread)

    def _start(self):
        self._new_qemu()
        session = Session(self, self.path, self._qemu.teller)
        session.write(self._qemu.lines)
        return session

    def _may_restart(self):
        """What an older file still gets may be read after the new process's first lines."""
        self._late = [session for session in self._late if session.is_open]
        return not self._late and self.random.random() < 0.3

    def rename(self, path):
        """Rotation by rename and recreate. Returns the old session, which may write late lines."""
        old = self.session
        self.path.rename(path)
        if self._may_restart():
            old.fall_silent()
            self.session = self._start()
            return old
        rest = old.leave()
        self.session = Session(self, self.path, self._qemu.teller)
        self.session.begin_with(rest)
        if not rest:
            old.take(self._qemu.late_teller())
            self._late.append(old)
        return old

    def truncate(self):
        """copytruncate; all there was must have been read."""
        self.session.finish()
        os.truncate(self.path, 0)
        if self._may_restart():
            self._new_qemu()
            self.session.take(self._qemu.teller)
            self.session.write(self._qemu.lines)
