// SCSI commands that read, write or flush, by target, unit and tag.
//
//   scsi_req_parsed target T lun L tag G command 40 dir 1 length 4096   a READ(10)
//   scsi_req_continue target T lun L tag G                              goes to the disk, by DMA (dma_blk_io), or:
//   blk_co_preadv blk K bs B offset O bytes N                           without it, in one piece or several; a write
//                                                                       fetches data from the guest, then continues
//   scsi_req_build_sense target T lun L tag G key 0x0b asc 0x00 ascq 0x06   fails, unless the key is informational
//   scsi_req_dequeue target T lun L tag G                               has ended
//
// Target, unit and tag are unique within a controller only: two USB disks are both target 0, lun 0, and Linux numbers
// the commands of each from the same start. Several open commands can therefore share them, and the progress of each
// shows which one a line belongs to. For virtio-scsi, the line before shows the controller, which takes each command
// from one of its queues:
//
//   virtqueue_pop vq Q elem E in_num 1 out_num 1                        the command that is parsed next is of Q's
//   device
//
// Drivers of USB disks number commands consecutively, so the tag shows which disk a flush belongs to.
//
// QEMU 5.2 to 11.1 print these lines. The join of DMA requests counts commands by DMA (virtio-scsi, megasas, mptsas,
// pvscsi), because it knows more. This class counts commands of controllers without DMA (lsi53c895a, esp, usb-storage),
// flushes (SYNCHRONIZE CACHE), and WRITE SAME. Bytes are the command's length; for WRITE SAME they are the bytes
// written. This class counts each command once. QEMU's statistics count an operation for each 128 KiB of such a
// command, and for each 512 KiB of a WRITE SAME with data other than zeroes.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <vector>

#include "decoders/disk/block_request.h"
#include "decoders/disk/front_end_hints.h"
#include "decoders/disk/open_requests.h"
#include "decoders/disk/tag_index.h"

namespace qte::decoders {

class ScsiCommands {
 public:
  explicit ScsiCommands(const DecoderLimits& limits) : open_(limits), by_tag_(limits.max_open) {}

  // kData is for a write that now uses DMA or otherwise fetches its data. If several open commands share a tag, kMaybe
  // is for the less likely ones.
  static constexpr HintKind kIo{5, Interface::kScsi, HintKind::Announces::kUnitTransfer, true};
  static constexpr HintKind kData{6, Interface::kScsi, HintKind::Announces::kUnitTransfer};
  static constexpr HintKind kMaybe{14, Interface::kScsi, HintKind::Announces::kUnitTransfer, true};

  // virtqueue_pop with its argument vq. Call ForgetPop() for an event that shows that the pop was another device's.
  void OnPop(const Input& input);
  void ForgetPop() { pop_ = Pop(); }
  // Takes the arguments target, lun, tag, cmd and xfer; `order` is for this command.
  void OnParsed(const Input& input, uint64_t order);
  // Takes the arguments target, lun and tag: a transfer may follow.
  void OnContinue(const Input& input, FrontEndHints& hints);
  // Records that the command with this Hint::key uses DMA.
  void OnDma(uint64_t key);
  // The hint that announced this read or write as a command's transfer or a piece of it; null if none. `known` is the
  // interface of its backend.
  Hint* CommandOf(const BlockIo& io, Interface known, FrontEndHints& hints) const;
  // Assigns the read or write to the command that gave `hint`.
  void OnBlockIo(const BlockIo& io, Hint& hint, BlockDevices& devices, FrontEndHints& hints);
  // Takes the arguments target, lun, tag and key.
  void OnSense(const Input& input);
  // Takes the arguments target, lun and tag.
  void OnDequeue(const Input& input, const BlockDevices& devices, FrontEndHints& hints, BlockRequestSink& out);

  void AbandonOld(int64_t now_us);
  void Reset();

  void CountInFlight(BlockRequestsInFlight& in_flight) const;
  size_t open() const { return open_.size() - others_; }
  uint64_t abandoned() const { return open_.abandoned(); }

  // As Decoder has them, but that Restore adds to what is empty, and leaves a part behind when it throws.
  nlohmann::json Save() const;
  void Restore(const nlohmann::json& state);

 private:
  static constexpr uint32_t kNone = FlatIndex::kNone;

  struct Command {
    uint64_t tag = 0;      // combined with target and unit
    uint64_t counted = 0;  // the backend whose next tag this is, or 0
    int64_t start_us = kNoTime;
    FrontEnd unit = 0;
    uint64_t backend = 0;  // for a transfer without DMA; 0 before the first piece
    uint64_t bytes = 0;
    uint64_t submitted = 0;   // bytes submitted so far
    int64_t next_offset = 0;  // end of the last piece
    BlockOperation operation = BlockOperation::kRead;
    bool is_other = false;  // neither reads, writes nor flushes
    bool is_write_same = false;
    bool failed = false;
    bool has_data = false;   // for a write: it has fetched its data
    bool is_ending = false;  // for a read
    uint32_t older = kNone;  // see TagIndex
    uint32_t newer = kNone;

    bool moves_data() const {
      return operation == BlockOperation::kWrite || (operation == BlockOperation::kRead && !is_other);
    }
    bool is_submitted() const { return backend != 0 && (is_write_same || submitted >= bytes); }
  };
  // The latest element that a virtio device took from its guest.
  struct Pop {
    uint64_t queue = 0;
    uint64_t thread = kNoThread;
    int64_t time_us = kNoTime;
  };
  // Consecutive tags of one of several disks with the same number.
  struct Count {
    FrontEnd unit = 0;
    uint64_t backend = 0;
    uint64_t tag = 0;  // the latest tag
    uint32_t run = 0;  // number of consecutive tags
  };
  static constexpr uint32_t kSureRun = 4;
  static constexpr size_t kMaxCounts = 64;       // above this, the oldest is dropped
  static constexpr int kMaxLooks = 64;           // searched commands of one tag
  static constexpr size_t kMaxHints = 4;         // hints of one tag
  static constexpr size_t kMaxControllers = 64;  // above this, the oldest is dropped
  static constexpr uint64_t kQueuesBytes = 65536;
  static constexpr uint64_t kPieceBytes = 131072;
  static constexpr uint64_t kPopToParsedUs = 10'000;

  // The first queue seen of the device that owns this queue.
  uint64_t ControllerOf(uint64_t queue);
  FrontEnd UnitOf(const Input& input);
  // The backend whose next tag this is, or 0.
  uint64_t CountTag(FrontEnd unit, uint64_t tag);
  void FollowTags(const Command& command);
  // True if this can be the command's transfer or a piece of it, or if it is exactly the next piece.
  enum class Fit { kPossible, kExact };
  bool Fits(uint64_t key, const BlockIo& io, Fit fit) const;
  // The command of this tag that ends next, or kNone.
  uint32_t EndingOf(uint64_t tag) const;
  static uint64_t BackendOf(const Command& command, const BlockDevices& devices);
  void DropHint(uint64_t key, FrontEndHints& hints);
  void Close(uint32_t id);
  void Abandon(uint32_t id);

  OpenRequests<Command> open_;  // by their order
  TagIndex<Command> by_tag_;
  size_t others_ = 0;  // open commands with is_other
  Pop pop_;
  std::vector<uint64_t> controllers_;
  std::vector<Count> counts_;
};

}  // namespace qte::decoders
