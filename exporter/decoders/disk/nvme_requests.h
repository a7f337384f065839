// Requests of NVMe.
//
//   pci_nvme_io_cmd cid 7 nsid 0x1 sqid 1 opc 0x2 ...    a read: a transfer by DMA comes next
//   pci_nvme_io_cmd cid 9 nsid 0x1 sqid 1 opc 0x0 ...    a flush; its end names no drive, so it counts when it begins
//   pci_nvme_rw_cb cid 7 blk 'drive0'                    names the backend of the transfer that ended in the line
//   before
//
// All of QEMU 5.2 to 11.1 print these. A cid is no key: queues and drives share it. Requests that go without DMA
// (controller memory buffer, end-to-end protection) are left out. There is no state but the hint.
#pragma once

#include "decoders/disk/block_request.h"
#include "decoders/disk/front_end_hints.h"

namespace qte::decoders {

class NvmeRequests {
 public:
  static constexpr HintKind kIo{4, Interface::kNvme, HintKind::Announces::kTransfer};

  // pci_nvme_io_cmd with its arguments cid, nsid and opcode.
  static void OnCommand(const Input& input, const BlockDevices& devices, FrontEndHints& hints, BlockRequestSink& out);
};

}  // namespace qte::decoders
