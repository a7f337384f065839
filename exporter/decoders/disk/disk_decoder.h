// The decoder of disks emits transfers by DMA, and block requests, which are the guest's requests as the front end sees
// them. Both need the join of DMA with the block layer, so they are one decoder. A config that uses only transfers does
// not need the events of front ends.
//
// The names of images come from these events (see block_names.h):
//
//   bdrv_open_common bs B filename "disk.img"   node B has this file open
//   blk_root_attach blk K bs B                  backend K stands on node B, until blk_root_detach
//
// Transfers come from dma_* and blk_co_*; see dma_transfers.h. These events of front ends are read, by interface.
// Versions in parentheses are the QEMU versions that print the event. Without one, QEMU 5.2 to 11.1 print it.
//
//   virtio-blk  virtio_blk_handle_read, virtio_blk_handle_write, virtio_blk_req_complete, virtqueue_pop; see
//               virtio_blk_requests.h
//   scsi        scsi_req_parsed, scsi_req_continue, scsi_req_build_sense, scsi_req_dequeue; see scsi_commands.h
//   ide         ide_dma_cb (READ, WRITE), process_ncq_command (op 0x60, 0x61; QEMU 7.2 logs writes, too, as
//               execute_ncq_command_read) before dma_blk_io: a request by DMA
//               ide_sector_read, ide_sector_write before blk_co_*: one by programmed I/O; QEMU does not log its end, so
//               it counts when it begins and has no duration
//               ide_exec_cmd (up to 7.2), ide_bus_exec_cmd (10.0 on) with command 0xe7 or 0xea: a flush; its end is not
//               logged either
//               ahci_pio_transfer after an IDENTIFY: which IDEState is which port, since NCQ names the port only
//   nvme        pci_nvme_io_cmd before dma_blk_io, pci_nvme_rw_cb; if a log has no dma_blk_io, pci_nvme_read,
//               pci_nvme_write, pci_nvme_rw_complete_cb and pci_nvme_enqueue_req_completion; see nvme_requests.h
//
// See dma_transfers.h for requests by DMA, ide_commands.h for other IDE commands. Each of the four tables of open
// requests (DMA, virtio-blk, SCSI, NVMe) has its own limits.
//
// Requests that no front end announced are ignored. QEMU makes them itself, for example to probe an image.
//
// The decoder emits these events:
//
// - dma_request_start(device, direction) once for each transfer, as soon as it is known to be one.
// - dma_request(device, direction, bytes, duration) at the end of a transfer. `device` is the disk's label if that is
// an
//   image, otherwise a pointer as printed, that of the backend if possible. `direction` is "read" or "write" from the
//   guest's point of view. `bytes` is the sum of the parts; it is missing if no part was seen or the request failed.
//   `duration` is in seconds; it is missing without timestamps.
// - block_request(interface, device, direction, bytes, duration, status, failed) at the end of a request. `interface`
// is
//   "virtio-blk", "nvme", "scsi" or "ide". `device` is the disk's label (block_devices.h). For a flush of a drive whose
//   number several controllers use, it is "nsid 1" or "target 0 lun 0". `direction` is "read", "write", "flush" or
//   "unmap". `bytes` is missing for the latter two, and if the request failed. `duration` is in seconds; it is missing
//   without timestamps or if QEMU does not log the end. `status` is "ok", "error" or "cancelled". `failed` is 1 for an
//   error and otherwise 0, so that a counter of errors exists before the first error.
// - block_requests_in_flight(interface, device, requests) for each disk at each scrape: the reads and writes that have
//   begun and not ended. Programmed I/O is not included.
// - block_device(interface, device, image, format, drive, qdev, serial, read_only, present) for each disk at each
// scrape:
//   its current image and format, and what QEMU reports by QMP. `present` is 1.
#pragma once

#include "decoders/decoder.h"

namespace qte::decoders {

DecoderKind DiskDecoderKind();

}  // namespace qte::decoders
