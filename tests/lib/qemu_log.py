"""A second reader of QEMU's log, to check the exporter by. It shares nothing with it: regular expressions over the whole
text, for the one prefix that the QEMU under test writes (7.2 with -msg timestamp=on, or 10.1 and later)."""

import collections
import re

_LINE = re.compile(r"^(?:(?P<thread>\d+)@\d+\.\d+:|\d{4}-[^ ]+Z )(?P<event>\w+)(?: (?P<text>.*))?$", re.MULTILINE)


class Log:
    """What the log says, counted."""

    def __init__(self, text):
        self.line_count = text.count("\n")
        self._lines = [(match["thread"], match["event"], match["text"] or "") for match in _LINE.finditer(text)]

    def events(self):
        """Lines by event name."""
        return collections.Counter(event for _, event, _ in self._lines)

    def pci(self, event):
        """Accesses to configuration space by (device, address)."""
        return collections.Counter(re.match(r"(.*) (\w+:\w+\.\w) @0x", text).groups()
                                   for _, name, text in self._lines if name == event)

    def keys_down(self):
        return sum(" down 1 " in text for _, event, text in self._lines if event == "ps2_keyboard_event")

    def keys_up(self):
        return sum(" down 0 " in text for _, event, text in self._lines if event == "ps2_keyboard_event")

    def nvme_flushes(self):
        return sum(" opc 0x0 " in text for _, event, text in self._lines if event == "pci_nvme_io_cmd")

    def merged(self, way):
        """Requests that virtio-blk did away with by merging them with others."""
        flag = {"read": "is_write 0", "write": "is_write 1"}[way]
        return sum(int(re.search(r"num_reqs (\d+)", text)[1]) - 1 for _, event, text in self._lines
                   if event == "virtio_blk_submit_multireq" and flag in text)

    def requests_of(self, image, way):
        """Reads or writes of a backend that stands on the image, once QEMU has probed that: the guest's."""
        images, backends, count = {}, {}, -1 if way == "read" else 0
        for _, name, text in self._lines:
            if name == "bdrv_open_common":
                node, path = re.match(r'bs (\w+) filename "(.*)" flags', text).groups()
                images[node] = path
            elif name == "blk_root_attach":
                backend, node = re.search(r"blk (\w+) bs (\w+)", text).groups()
                backends[backend] = images.get(node)
            elif name == {"read": "blk_co_preadv", "write": "blk_co_pwritev"}[way]:
                count += backends.get(text.split()[1]) == image
        return count

    def programmed_io_bytes(self, event):
        """Bytes by image that went by ide_sector_read or ide_sector_write, that is, not by DMA. The event names no
        disk: it is the backend of the block request that the same thread makes next."""
        images, backends, pending = {}, {}, {}
        result = collections.Counter()
        for thread, name, text in self._lines:
            if name == "bdrv_open_common":
                node, image = re.match(r'bs (\w+) filename "(.*)" flags', text).groups()
                images[node] = image
            elif name == "blk_root_attach":
                backend, node = re.search(r"blk (\w+) bs (\w+)", text).groups()
                backends[backend] = images.get(node)
            elif name == event:
                pending[thread] = 512 * int(re.search(r"nsectors=(\d+)", text)[1])
            elif name in ("blk_co_preadv", "blk_co_pwritev") and thread in pending:
                backend, count = re.match(r"blk (\w+) .* bytes (\d+)", text).groups()
                if int(count) != pending[thread]:
                    raise AssertionError(f"{event} of {pending[thread]} bytes is followed by {text}")
                result[backends[backend]] += pending.pop(thread)
        return result
