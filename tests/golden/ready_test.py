#!/usr/bin/env python3
"""The ready config files in config/: that they fit together and say what they need, and that the expositions of their
golden cases hold what regexes count in the same traces.

What is expected here is found by Python alone, without the exporter's formats, rules and spans; the golden cases then
tell that the exporter says the same. Some numbers are QEMU's own, asked by QMP when the trace was recorded.
"""

import collections
import fnmatch
import json
import pathlib
import re
import sys
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "lib"))
import exporter
import exposition

CONFIGS = sorted(path for path in (exporter.ROOT / "config").glob("*.yaml") if path.name != "default.yaml")

# Names that the configs give to numbers, as far as the traces have them.
PIC = {"pic": {"0": "slave", "1": "master"}}
MODES = {"mode": {"0": "fixed", "1": "lowest_priority", "5": "init", "6": "startup"}}
SOURCES = {"source": {"0": "timer", "3": "lint0", "4": "lint1"}}
EXITS = {"reason": {"2": "io", "6": "mmio", "10": "intr", "24": "system_event", "29": "x86_rdmsr"}}
SIZES = {"size": {"b": "1", "w": "2", "l": "4"}}
SENSES = {"sense_key": {"05": "illegal_request", "06": "unit_attention"}}
CAUSES = {"cause": {"2": "host_qmp_quit"}}
WAKEUPS = {"reason": {"3": "other"}}
OPERATIONS = {"command": {"0": "TEST_UNIT_READY", "3": "REQUEST_SENSE", "18": "INQUIRY", "26": "MODE_SENSE_6",
                          "37": "READ_CAPACITY_10", "40": "READ_10", "42": "WRITE_10", "53": "SYNCHRONIZE_CACHE_10",
                          "90": "MODE_SENSE_10", "158": "SERVICE_ACTION_IN_16", "160": "REPORT_LUNS",
                          "163": "MAINTENANCE_IN"}}

# Cases with virtqueues. lines_of() puts the names of device and queue at the end of their lines.
VIRTQUEUES = ("virtqueue", "virtqueue-restart", "nics-virtio-net")

NICS = ("e1000", "e1000e", "igb", "rtl8139", "virtio-net")

# (case, counter, regex over a line; names of labels). The regex's groups are labels, but for `value`, which is added
# instead of 1.
COUNTERS = [
    ("interrupts", "qemu_pic_irq_raises_total", r"pic_set_irq master (?P<pic>\d) irq (?P<irq>\d+) level 1$", PIC),
    ("interrupts", "qemu_pic_interrupts_total", r"pic_interrupt irq (?P<irq>\d+) ", {}),
    ("interrupts", "qemu_ioapic_irq_raises_total", r"ioapic_set_irq vector: (?P<pin>\d+) level: 1$", {}),
    ("interrupts", "qemu_apic_deliveries_total",
     r"apic_deliver_irq .* delivery_mode (?P<mode>\d+) vector (?P<vector>\d+) ", MODES),
    ("interrupts", "qemu_apic_local_deliveries_total", r"apic_local_deliver vector (?P<source>\d+) ", SOURCES),
    ("kvm_exits", "qemu_kvm_exits_total", r"kvm_run_exit .* reason (?P<reason>\d+)$", EXITS),
    ("memory_regions", "qemu_memory_region_reads_total", r"ops_read .* size (?P<size>\d) name '(?P<region>[^']*)'", {}),
    ("memory_regions", "qemu_memory_region_writes_total",
     r"ops_write .* size (?P<size>\d) name '(?P<region>[^']*)'", {}),
    ("memory_regions", "qemu_port_reads_total", r"cpu_in addr (?P<port>\w+)\((?P<size>\w)\)", SIZES),
    ("memory_regions", "qemu_port_writes_total", r"cpu_out addr (?P<port>\w+)\((?P<size>\w)\)", SIZES),
    ("migration", "qemu_migration_state_changes_total", r"migrate_set_state new state (?P<state>.*)$", {}),
    ("migration", "qemu_migration_transferred_bytes_total", r"migrate_transferred transferred (?P<value>\d+)", {}),
    ("migration", "qemu_migration_dirty_syncs_total", r"migration_bitmap_sync_end ", {}),
    ("migration", "qemu_migration_dirty_pages_total", r"migration_bitmap_sync_end dirty_pages (?P<value>\d+)", {}),
    ("migration", "qemu_migration_sections_total", r"savevm_section_end (?P<section>[^,]*),", {}),
    ("runstate", "qemu_run_state_changes_total",
     r"runstate_set current_run_state \d+ \((?P<from>.*)\) new_state \d+ \((?P<to>.*)\)", {}),
    ("runstate", "qemu_shutdown_requests_total", r"qemu_system_shutdown_request reason=(?P<cause>\d+)", CAUSES),
    ("runstate", "qemu_wakeup_requests_total", r"system_wakeup_request reason=(?P<reason>\d+)", WAKEUPS),
    ("scsi", "qemu_scsi_senses_total",
     r"scsi_req_build_sense target (?P<target>\d+) lun (?P<lun>\d+) .* key 0x(?P<sense_key>\w+) ", SENSES),
    ("scsi", "qemu_scsi_command_size_bytes_count", r"scsi_req_parsed .* command (?P<command>\d+) ", OPERATIONS),
    ("scsi", "qemu_scsi_command_size_bytes_sum",
     r"scsi_req_parsed .* command (?P<command>\d+) .* length (?P<value>\d+)$", OPERATIONS),
    ("qcow2", "qemu_qcow2_write_size_bytes_count", r"qcow2_writev_start_req ", {}),
    ("qcow2", "qemu_qcow2_write_size_bytes_sum", r"qcow2_writev_start_req .* bytes (?P<value>\d+)$", {}),
    ("usb", "qemu_usb_packets_total",
     r"usb_packet_state_change bus (?P<bus>\d+), port (?P<port>\S+), ep (?P<endpoint>\d+), .* -> "
     r"(?P<state>complete|canceled)$", {}),
    ("usb", "qemu_usb_attaches_total", r"usb_port_attach bus (?P<bus>\d+), port (?P<port>\S+),", {}),
    ("usb", "qemu_usb_storage_command_size_bytes_sum", r"usb_msd_cmd_submit .* data-len (?P<value>\d+)$", {}),
    *((case, name, pattern, {}) for case in VIRTQUEUES for name, pattern in (
        ("qemu_virtqueue_written_bytes_total",
         r"virtqueue_fill .* len (?P<value>\d+) .* device (?P<device>\S+) queue (?P<queue>\S+)"),
        ("qemu_virtqueue_notifications_total", r"virtio_queue_notify .* queue (?P<queue>\S+) type (?P<type>\S+)"))),
    *((case, name, pattern, {}) for case in ("nics-virtio-net", "virtqueue-restart") for name, pattern in (
        ("qemu_virtqueue_interrupts_total", r"virtio_notify(_irqfd)? .* queue (?P<queue>\S+) type (?P<type>\S+)"),
        ("qemu_virtio_device_resets_total", r"enter_begin obj=(?P<device>\w+)\((?P<type>virtio-\w+-device)\)"))),
]

# (case, what the metrics begin with, regex of a start, regex of an end, names of labels). Groups called key* join the two;
# the others of the start are labels.
SPANS = [
    *((case, "qemu_virtqueue_element",
       r"virtqueue_pop vq (?P<key1>\S+) elem (?P<key2>\S+) .* device (?P<device>\S+) queue (?P<queue>\S+)",
       r"virtqueue_fill vq (?P<key1>\S+) elem (?P<key2>\S+)", {}) for case in VIRTQUEUES),
    ("thread_pool", "qemu_thread_pool_request", r"thread_pool_submit pool (?P<pool>\S+) req (?P<key>\S+)",
     r"thread_pool_complete pool \S+ req (?P<key>\S+)", {}),
    ("qcow2", "qemu_qcow2_write", r"qcow2_writev_start_req co (?P<key>\S+)",
     r"qcow2_writev_done_req co (?P<key>\S+)", {}),
    ("scsi", "qemu_scsi_command", r"scsi_req_parsed (?P<key>target \d+ lun \d+ tag -?\d+) command (?P<command>\d+) ",
     r"scsi_req_dequeue (?P<key>target \d+ lun \d+ tag -?\d+)", OPERATIONS),
    ("usb", "qemu_usb_xhci_transfer", r"xfer_start (?P<key>\S+): slotid (?P<slot>\d+), epid (?P<endpoint>\d+),",
     r"xfer_(success|error) (?P<key>\S+):", {}),
    ("usb", "qemu_usb_storage_command", r"usb_msd_cmd_submit .* tag (?P<key>\w+),",
     r"usb_msd_cmd_complete .* tag (?P<key>\w+)", {}),
]


def lines_of(case):
    """[(time in seconds, text after the prefix)]"""
    lines = (HERE / f"ready-{case}/trace.log").read_text().splitlines()
    found = [(float(time), text) for time, text in (re.match(r"\d+@([\d.]+):(.*)", line).groups() for line in lines)]
    return with_queue_names(found) if case in VIRTQUEUES else found


def with_queue_names(lines):
    """The lines, and after those of a virtqueue its device, its number and the device's type, as far as they are known."""
    devices, numbers, types, named = {}, {}, {}, []
    for time, text in lines:
        if match := re.match(r"resettable_phase_enter_begin obj=(\w+)\((.*)\)", text):
            types[match[1]] = match[2]
        elif match := re.match(r"virtio_queue_notify vdev (\w+) n (\d+) vq (\w+)", text):
            devices[match[3]], numbers[match[3]] = match[1], match[2]
        if match := re.search(r"\bvq (\w+)", text):
            device = devices.get(match[1], match[1])
            text += f" device {device} queue {numbers.get(match[1], match[1])} type {types.get(device, device)}"
        named.append((time, text))
    return named


def labels_of(groups, names):
    return tuple(sorted((name, names.get(name, {}).get(text, text)) for name, text in groups.items()
                        if name != "value" and not name.startswith("key")))


def expected(case):
    return exposition.parse((HERE / f"ready-{case}/expected.prom").read_text())


def found(metrics, name):
    """The samples called `name` by their labels, without `vm` and without zeros."""
    return {tuple(label for label in labels if label[0] != "vm"): value
            for (sample, labels), value in metrics.samples.items() if sample == name and value != 0}


class ReadyTest(unittest.TestCase):
    maxDiff = None

    def test_counters_are_what_a_regex_counts(self):
        for case, name, pattern, names in COUNTERS:
            with self.subTest(name):
                want = collections.Counter()
                for _, text in lines_of(case):
                    if match := re.search(pattern, text):
                        groups = match.groupdict()
                        want[labels_of(groups, names)] += int(groups.get("value", 1))
                self.assertTrue(want)
                want = {labels: count for labels, count in want.items() if count}
                self.assertEqual(want, found(expected(case), name))

    def test_spans_are_what_a_dictionary_joins(self):
        for case, name, start, end, names in SPANS:
            with self.subTest(name):
                counts, sums, open_spans = collections.Counter(), collections.Counter(), {}
                for time, text in lines_of(case):
                    began, ended = re.search(start, text), re.search(end, text)
                    key = tuple(value for group, value in sorted((began or ended).groupdict().items())
                                if group.startswith("key")) if began or ended else None
                    if began:
                        self.assertNotIn(key, open_spans)
                        open_spans[key] = time, labels_of(began.groupdict(), names)
                    elif ended and key in open_spans:
                        since, labels = open_spans.pop(key)
                        counts[labels] += 1
                        sums[labels] += time - since
                metrics = expected(case)
                self.assertEqual(dict(counts), found(metrics, name + "_duration_seconds_count"))
                for labels, seconds in found(metrics, name + "_duration_seconds_sum").items():
                    self.assertAlmostEqual(sums[labels], seconds, delta=1e-6 * counts[labels])
                self.assertEqual(len(open_spans), sum(found(metrics, name + "s_in_flight").values()))

    def test_writes_are_those_of_query_blockstats(self):
        # wr_operations and wr_bytes, rd_operations and rd_bytes of the two disks when the guest was done.
        qcow2, scsi = expected("qcow2"), expected("scsi")
        self.assertEqual(67, qcow2.total("qemu_qcow2_write_size_bytes_count"))
        self.assertEqual(2359296, qcow2.total("qemu_qcow2_write_size_bytes_sum"))
        for command, operations, size in (("WRITE_10", 67, 2359296), ("READ_10", 71, 6545920)):
            self.assertEqual(operations, scsi.total("qemu_scsi_command_size_bytes_count", command=command))
            self.assertEqual(size, scsi.total("qemu_scsi_command_size_bytes_sum", command=command))

    def test_migrations_are_those_of_query_migrate(self):
        states = {labels["state"]: value for labels, value in
                  expected("migration").series("qemu_migration_state_changes_total")}
        for state, count in {"failed": 1, "cancelled": 1, "completed": 1}.items():
            self.assertEqual(count, states[state])
        # dirty-sync-count of the one that completed, and the one sync of that which was cancelled.
        self.assertEqual(3 + 1, expected("migration").total("qemu_migration_dirty_syncs_total"))
        self.assertEqual(0, expected("runstate").total("qemu_vm_running"))

    def test_nics_count_what_a_capture_holds(self):
        # The capture stands beside the NIC, and holds all that goes to it. QEMU 10 counts the frame check sequence.
        for case, check_bytes in (("e1000e", 0), ("igb", 4)):
            with self.subTest(case):
                metrics, truth = self.nic(case)
                self.assertEqual(truth["receive"]["packets"], metrics.total("qemu_nic_receive_packets_total"))
                self.assertEqual(truth["receive"]["bytes"], metrics.total("qemu_nic_receive_bytes_total"))
                sent = truth["transmit"]
                self.assertEqual(sent["packets"], metrics.total("qemu_nic_transmit_packets_total"))
                self.assertEqual(sent["bytes"] + check_bytes * sent["packets"],
                                 metrics.total("qemu_nic_transmit_bytes_total"))
                self.assertEqual({}, found(metrics, "qemu_nic_receive_no_buffer_total"))
        for case in ("e1000", "e1000e", "igb"):
            with self.subTest(case):
                metrics, truth = self.nic(case)
                self.assertEqual({(("nic", "52:54:00:12:34:56"),): truth["receive_unicast"]["packets"]},
                                 found(metrics, "qemu_nic_receive_unicast_packets_total"))
                self.assertEqual(truth["too_long"]["packets"], metrics.total("qemu_nic_receive_drops_total"))
        misaddressed, too_long = 5, 3
        for case, filtered in (("e1000", 0), ("e1000e", misaddressed), ("igb", misaddressed + too_long)):
            self.assertEqual(filtered, self.nic(case)[0].total("qemu_nic_receive_filtered_total"))

    def test_a_virtio_nic_counts_what_a_capture_holds(self):
        # It takes long frames, in several buffers, and puts a header of 12 bytes in front of each packet.
        metrics, truth = self.nic("virtio-net")
        received = {what: truth["receive"][what] + truth["too_long"][what] for what in ("packets", "bytes")}
        (((_, device),),) = found(metrics, "qemu_virtio_net_resets_total")

        for name, queue, count in (
                ("receive_packets", "0", received["packets"]),
                ("receive_bytes", "0", received["bytes"] + 12 * received["packets"]),
                ("transmit_packets", "1", truth["transmit"]["packets"])):
            self.assertEqual(count, metrics.total(f"qemu_virtio_net_{name}_total", device=device, queue=queue), name)

    def test_nothing_counts_that_a_nic_does_not_trace(self):
        metrics, truth = self.nic("rtl8139")
        self.assertLess(0, truth["receive"]["packets"])
        for name, _ in metrics.samples:
            if name.startswith(("qemu_nic_", "qemu_virtio_net_")):
                self.assertEqual(0, metrics.total(name), name)

    def test_captures_are_what_guests_say(self):
        for case in NICS:
            with self.subTest(case):
                truth = self.nic(case)[1]
                self.assertEqual(truth["guest"]["transmit"], truth["transmit"])
                received = truth["receive"]["packets"] + (truth["too_long"]["packets"] if case == "virtio-net" else 0)
                self.assertEqual(received, truth["guest"]["receive"]["packets"])

    @staticmethod
    def nic(case):
        return expected(f"nics-{case}"), json.loads((HERE / f"ready-nics-{case}/truth.json").read_text())

    def test_types_and_numbers_of_queues_stay_over_a_restart(self):
        # Two disks in two runs: their pointers are new in the second, and their kicks one series.
        metrics = expected("virtqueue-restart")
        self.assertEqual(4, len(found(metrics, "qemu_virtio_device_resets_total")))
        for name in ("qemu_virtqueue_notifications_total", "qemu_virtqueue_interrupts_total"):
            self.assertEqual([(("queue", "0"), ("type", "virtio-blk-device"))],
                             [tuple(sorted(labels)) for labels in found(metrics, name)])

    def test_every_file_is_a_case(self):
        cases = set()
        for pointer in HERE.glob("*/config"):
            cases.update(pointer.read_text().split())
        self.assertEqual({path.name for path in CONFIGS}, cases)

    def test_all_of_them_fit_together(self):
        done = exporter.run("check", "--config.file=default", *(f"--config.file={path}" for path in CONFIGS))
        self.assertEqual(0, done.returncode, done.stderr)

    def test_the_options_at_the_top_are_those_that_are_needed(self):
        for path in CONFIGS:
            with self.subTest(path.name):
                head = path.read_text().split("qemu-trace-exporter --config.file")[0]
                told = re.findall(r"-trace '?([\w*]+)'?", head)
                needed = re.findall(r"-trace (\w+)", exporter.run("qemu-args", f"--config.file={path}").stdout)
                for event in needed:
                    self.assertTrue(any(fnmatch.fnmatch(event, pattern) for pattern in told), event)
                for pattern in told:
                    self.assertTrue(fnmatch.filter(needed, pattern), pattern)
                durations = "duration" in path.read_text()
                self.assertEqual(durations, "-msg timestamp=on" in head)


if __name__ == "__main__":
    unittest.main()
