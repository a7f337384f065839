// The decoder of disks: transfers by DMA, and block requests: what the guest asks of its disks, seen at the front end
// that it speaks to. Both hang on one join of DMA with the block layer, so they are one decoder; but a config that uses
// transfers alone needs no event of a front end.
//
// The images' names come of these (see block_names.h):
//
//   bdrv_open_common bs B filename "disk.img"   node B has this file open
//   blk_root_attach blk K bs B                  backend K stands on node B, until blk_root_detach
//
// Transfers come of dma_* and blk_co_*; see dma_transfers.h. By interface, the events that are read of the front ends
// (the versions of QEMU are those that print them; all of 5.2 to 11.1 if none is given):
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
// See dma_transfers.h for what goes by DMA, ide_commands.h for the rest of IDE. Each of the four tables of open
// requests (DMA, virtio-blk, SCSI, NVMe) is bounded by itself.
//
// What no front end announced is left out: reads that QEMU does itself, such as the probe of an image.
//
// Out: dma_request_start(device, direction) once for each transfer, as soon as it is known to be one, and
// dma_request(device, direction, bytes, duration) when it has ended. `device` is the disk's label where that is an image,
// else a pointer as printed, of the backend if possible; `direction` is "read" or "write", seen from the guest; `bytes`
// is the sum of the parts, missing if none was seen or the request failed; `duration` is in seconds, missing without
// timestamps.
//
// And block_request(interface, device, direction, bytes, duration, status, failed) when a request has ended.
// `interface` is "virtio-blk", "nvme", "scsi" or "ide"; `device` the disk's label (block_devices.h), or for a flush of a drive that several controllers
// number alike "nsid 1" or "target 0 lun 0"; `direction` is "read", "write", "flush" or "unmap"; `bytes` is missing for
// the latter two, or if the request failed; `duration` is in seconds, missing without timestamps or where the end is not logged;
// `status` is "ok", "error" or "cancelled"; `failed` is 1 for an error, else 0, so that a counter of errors exists
// before the first. And block_requests_in_flight(interface, device, requests), when somebody looks, for each disk: its
// reads and writes that have begun and not ended. Programmed I/O is not in it. And block_device(interface, device, image,
// format, drive, qdev, serial, read_only, present), when somebody looks, for each disk: the image and format that it has
// now, and what QEMU tells by QMP; `present` is 1.
#pragma once

#include "decoders/decoder.h"

namespace qte::decoders {

DecoderKind DiskDecoderKind();

}  // namespace qte::decoders
