#!/usr/bin/env python3
"""Lines that end in CR LF."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "lib"))
from field import HERE
from lines import KEY_CODES, READS, check, end, event, unparsed

end(check(HERE / "trace.log", {READS: 1, KEY_CODES: 1, event("pci_nvme_rw_cb"): 1,
                              event("virtio_net_send"): 1, unparsed("not_an_event"): 0, unparsed("format_mismatch"): 0}, ["0x12378086\\r"]),
    "4 lines")
