// SCSI commands that read, write or flush, by target, unit and tag.
//
//   scsi_req_parsed target T lun L tag G command 40 dir 1 length 4096   a READ(10)
//   scsi_req_continue target T lun L tag G                              goes to the disk, by DMA (dma_blk_io), or:
//   blk_co_preadv blk K bs B offset O bytes N                           without it, in one piece or several; a write
//                                                                       asks the guest for its data, and goes on again
//   scsi_req_build_sense target T lun L tag G key 0x0b asc 0x00 ascq 0x06   fails, if the key is no mere information
//   scsi_req_dequeue target T lun L tag G                               has ended
//
// All of QEMU 5.2 to 11.1 print these. What goes by DMA (virtio-scsi, megasas, mptsas, pvscsi) is left to the join of
// DMA requests, which knows more; here remain the commands of controllers without (lsi53c895a, esp, usb-storage), whose
// bytes are the command's length, the flushes (SYNCHRONIZE CACHE), and WRITE SAME, whose bytes are those that are
// written. QEMU's statistics count an operation for each 128 KiB of such a command, and 512 KiB of a WRITE SAME of
// other than zeroes, where this counts one.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>

#include "decoders/disk/block_request.h"
#include "decoders/disk/front_end_hints.h"
#include "decoders/disk/open_requests.h"

namespace qte::decoders {

class ScsiCommands {
 public:
  explicit ScsiCommands(const DecoderLimits& limits) : open_(limits) {}

  // kData is of a write that goes by DMA now, or else asks for its data.
  static constexpr HintKind kIo{5, Interface::kScsi, HintKind::Announces::kUnitTransfer, true};
  static constexpr HintKind kData{6, Interface::kScsi, HintKind::Announces::kUnitTransfer};

  // With the arguments target, lun, tag, cmd and xfer.
  void OnParsed(const Input& input);
  // With the arguments target, lun and tag: a transfer may follow.
  void OnContinue(const Input& input, FrontEndHints& hints);
  // The command's transfer goes by DMA.
  void OnDma(uint64_t key);
  // What has announced this read or write, as a command's transfer or a piece of it, or null. `known` is what uses its
  // backend.
  Hint* CommandOf(const BlockIo& io, Interface known, FrontEndHints& hints) const;
  // It is of the command that gave `hint`.
  void OnBlockIo(const BlockIo& io, Hint& hint, BlockDevices& devices);
  // With the arguments target, lun, tag and key.
  void OnSense(const Input& input);
  // With the arguments target, lun and tag.
  void OnDequeue(const Input& input, const BlockDevices& devices, FrontEndHints& hints, BlockRequestSink& out);

  void AbandonOld(int64_t now_us);
  void Reset();

  void CountInFlight(BlockRequestsInFlight& in_flight) const;
  size_t open() const { return open_.size(); }
  uint64_t abandoned() const { return open_.abandoned(); }

  // As Decoder has them, but that Restore adds to what is empty, and leaves a part behind when it throws.
  nlohmann::json Save() const;
  void Restore(const nlohmann::json& state);

 private:
  static constexpr uint32_t kNone = FlatIndex::kNone;

  struct Command {
    int64_t start_us = kNoTime;
    FrontEnd unit = 0;
    uint64_t backend = 0;  // of a transfer without DMA; 0 before the first piece
    uint64_t bytes = 0;
    int64_t next_offset = 0;  // behind the last piece
    BlockOperation operation = BlockOperation::kRead;
    bool is_write_same = false;
    bool failed = false;
    bool has_data = false;  // of a write
  };

  // Whether this can be the command's transfer, or a piece of it.
  bool Fits(uint64_t key, const BlockIo& io) const;

  OpenRequests<Command> open_;
};

}  // namespace qte::decoders
