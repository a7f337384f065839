// Requests of NVMe.
//
//   pci_nvme_io_cmd cid 7 nsid 0x1 sqid 1 opc 0x2 ...    a read: a transfer by DMA comes next
//   pci_nvme_rw_cb cid 7 blk 'drive0'                    names the backend of the transfer that ended in the line
//   before
//   pci_nvme_io_cmd cid 9 nsid 0x1 sqid 1 opc 0x0 ...    a flush
//   pci_nvme_misc_cb cid 9                               it ends (QEMU 6.0 and later)
//   pci_nvme_err_req_status cid 9 nsid 1 status 0x400b opc 0x0    or is refused
//   pci_nvme_io_cmd cid 8 nsid 0x1 sqid 1 opc 0x5 ...    a Compare or Verify: the blk_co_preadv that comes next is it
//   pci_nvme_io_cmd cid 6 nsid 0x1 sqid 1 opc 0x19 ...   a Copy: blk_co_preadv and blk_co_pwritev follow in turn, each
//                                                        when the other is done
//
// A log in which no flush has ended so far may lack these lines. A flush then counts when the next line comes. QEMU
// does not log the end of Compare, Verify and Copy, so they count when they begin. QEMU counts the parts of a Copy as
// reads and writes.
//
// QEMU 5.2 to 11.1 print the lines that begin a request, and the join of DMA uses them to count reads and writes. If a
// log has no DMA events, the following lines count them instead. QEMU 6.0 and later print them. The exporter does not
// switch them on:
//
//   pci_nvme_read cid 7 nsid 1 nlb 8 count 4096 lba 0x0  a read begins
//   blk_co_preadv blk K bs B offset 0 bytes 4096         it goes to backend K, if the log has such lines
//   pci_nvme_rw_complete_cb cid 7 blk 'drive0'           it ends
//   pci_nvme_enqueue_req_completion cid 7 cqid 1 ... status 0x0    tells whether it failed, if the log has such lines
//
// No request counts twice. It begins with pci_nvme_read. If the join of DMA recognizes the following dma_blk_io as
// NVMe's, this class drops the request and leaves all later ones to the join. Requests that were open before still end
// here.
//
// A cid is not a unique key, because several queues and drives can use the same one at once. The newest request of a
// cid ends first. If the log lacks the end of a request, later requests with its cid therefore still have the right
// durations. If two drives use a cid at once, each may get the other's size and duration, but the sums are right.
//
// The join of DMA does not count requests without DMA (controller memory buffer, end-to-end protection).
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string_view>

#include "decoders/disk/block_request.h"
#include "decoders/disk/front_end_hints.h"
#include "decoders/disk/open_requests.h"
#include "decoders/disk/tag_index.h"

namespace qte::decoders {

class NvmeRequests {
 public:
  static constexpr HintKind kIo{4, Interface::kNvme, HintKind::Announces::kTransfer};
  static constexpr HintKind kCheck{9, Interface::kNvme, HintKind::Announces::kOther};
  static constexpr HintKind kCopy{10, Interface::kNvme, HintKind::Announces::kOther, true};

  explicit NvmeRequests(const DecoderLimits& limits) : open_(limits), by_cid_(limits.max_open), flushes_(limits) {}

  // The state that handlers of events read and change.
  struct Context {
    BlockDevices& devices;
    FrontEndHints& hints;
    BlockRequestSink& out;
  };

  // pci_nvme_io_cmd with the arguments cid, nsid and opcode.
  void OnCommand(const Input& input, Context context);
  // The hint that announced this read or write as one without DMA; null if none. `known` is the interface of its
  // backend.
  static Hint* HintOf(const BlockIo& io, Interface known, FrontEndHints& hints);
  // Counts a read or write of the command that gave `hint`.
  static void OnOwnBlockIo(const BlockIo& io, Hint& hint, BlockDevices& devices, BlockRequestSink& out);
  // pci_nvme_misc_cb with its argument cid.
  void OnMiscEnd(const Input& input, Context context);
  // pci_nvme_err_req_status with the arguments cid, nsid, status and opc.
  void OnError(const Input& input, Context context);
  // pci_nvme_read or pci_nvme_write with the arguments cid, nsid, nlb, count and lba, and verb of the latter.
  void OnBegin(const Input& input, DmaDirection direction, Context context);
  // pci_nvme_rw_complete_cb with the arguments cid and blkname.
  void OnEnd(const Input& input, Context context);
  // pci_nvme_enqueue_req_completion with the arguments cid, cqid and status.
  void OnCompletion(const Input& input, Context context);

  // True if a flush waits for the next line, which may show its end. Call ReleaseFlush() if the line does not.
  bool holds_flush() const { return held_ != kNone; }
  void ReleaseFlush(Context context) { EndFlush(held_, BlockStatus::kOk, kNoTime, context); }

  // True if a request has just begun, so that the next line may show its backend.
  bool has_just_begun() const { return latest_ != kNone; }
  // Call this when a DMA transfer of an NVMe drive begins: the join counts this request and all later ones.
  void OnDma(DmaDirection direction, uint64_t thread);
  // The order of the request that this read or write may belong to, or 0; see FrontEndHints::NextOrder.
  uint64_t OrderOf(const BlockIo& io) const;
  // Assigns the read or write to that request.
  void OnBlockIo(const BlockIo& io, BlockDevices& devices);

  void AbandonOld(int64_t now_us);
  void Reset();

  void CountInFlight(BlockRequestsInFlight& in_flight) const;
  size_t open() const { return open_.size() + flushes_.size(); }
  uint64_t abandoned() const { return open_.abandoned() + flushes_.abandoned(); }

  // As Decoder has them, but that Restore adds to what is empty, and leaves a part behind when it throws.
  nlohmann::json Save() const;
  void Restore(const nlohmann::json& state);

 private:
  static constexpr uint32_t kNone = FlatIndex::kNone;

  // Keyed by the number from FrontEndHints::NextOrder.
  struct Request {
    int64_t start_us = kNoTime;
    uint64_t tag = 0;  // the cid
    FrontEnd space = 0;
    uint64_t backend = 0;          // 0 if unknown
    bool is_backend_told = false;  // its own read or write showed the backend; else it is the namespace's
    int64_t offset = -1;
    uint64_t bytes = 0;
    uint64_t thread = kNoThread;
    DmaDirection direction = DmaDirection::kRead;
    uint32_t older = kNone;  // see TagIndex
    uint32_t newer = kNone;
  };
  // A request that has ended, but whose status the next line may show.
  struct Ended {
    bool waits = false;
    uint64_t cid = 0;
    FrontEnd space = 0;
    uint64_t backend = 0;
    uint64_t bytes = 0;
    int64_t start_us = kNoTime;
    int64_t end_us = kNoTime;
    DmaDirection direction = DmaDirection::kRead;
  };

  static uint64_t BackendOf(const Request& request, std::string_view drive, BlockDevices& devices);
  void FinishEnded(BlockStatus status, BlockRequestSink& out);
  void Close(uint32_t id);
  void Abandon(uint32_t id);

  // The same as in Request.
  struct Flush {
    int64_t start_us = kNoTime;
    uint64_t cid = 0;
    FrontEnd space = 0;
  };
  static constexpr int kMaxLooks = 1024;  // bounds the cost of one line

  // A flush or an unmap.
  static void EmitWithoutData(FrontEnd space, BlockOperation operation, const trace::Value& duration, BlockStatus status,
                              Context context);
  void BeginFlush(const Input& input, Context context);
  // The newest request of this cid, or kNone.
  uint32_t FlushOf(uint64_t cid) const;
  void AbandonFlush(uint32_t id);
  void EndFlush(uint32_t id, BlockStatus status, int64_t time_us, Context context);

  OpenRequests<Request> open_;
  TagIndex<Request> by_cid_;
  uint32_t latest_ = kNone;  // a request that has just begun
  Ended ended_;
  bool is_by_dma_ = false;          // the join of DMA counts
  bool tells_completions_ = false;  // pci_nvme_enqueue_req_completion is traced
  OpenRequests<Flush> flushes_;
  uint32_t held_ = kNone;  // a flush that waits for the next line
  bool tells_flush_ends_ = false;
};

}  // namespace qte::decoders
