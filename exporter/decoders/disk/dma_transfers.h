// Transfers by DMA, and the block requests that go by them: of IDE, AHCI, NVMe, and of SCSI controllers that use it.
//
//   dma_blk_io dbs=D bs=... offset=O to_dev=0         request D starts
//   dma_blk_cb dbs=D ret=0                            D submits a part ...
//   blk_co_preadv blk K bs B offset O bytes N         ... of N bytes, on backend K
//   dma_blk_cb dbs=D ret=0                            the part is done; another may follow
//   dma_complete dbs=D ret=0                          D ends
//
// One that waits for memory to map (dma_map_wait) and is cancelled ends with dma_aio_cancel; of others, dma_complete
// tells.
//
// When is a dma_blk_io a transfer? Its `bs` is a backend for IDE, AHCI and NVMe: then it is. For SCSI it is a
// SCSIDiskReq, for TRIM an IDEState, and nothing on the line tells them apart: TRIM mostly has offset -512, but another
// one when the guest sets the LBA bit. What tells is a part that is read or written, so the start waits for the first
// one. If the source shows no event of the block layer at all, that would be for ever: then every request counts.
//
// What the front end said right before (front_end_hints.h) tells the interface of a transfer's backend, which all later
// ones of that backend share. One that no front end announced, of a backend whose front end is not known, is a transfer
// but no block request.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "decoders/disk/block_request.h"
#include "decoders/disk/dma_requests.h"
#include "decoders/disk/front_end_hints.h"
#include "decoders/disk/scsi_commands.h"

namespace qte::decoders {

class DmaTransfers {
 public:
  explicit DmaTransfers(const DecoderLimits& limits) : dma_(limits) {}

  // What the events are told apart by beside their names, and may change.
  struct Context {
    BlockDevices& devices;
    FrontEndHints& hints;
    ScsiCommands& scsi;
    BlockRequestSink& out;
  };

  // An event of the block layer was seen: what is a transfer shows by its parts from here on.
  void OnBlockLayer() { block_layer_seen_ = true; }
  // With the arguments dbs, bs, offset and to_dev.
  void OnIo(const Input& input, Context context);
  void OnCallback(const Input& input, FrontEndHints& hints) { dma_.OnCallback(input, hints.NextOrder()); }
  void OnMapWait(const Input& input) { dma_.OnMapWait(input.args[0].bits); }
  // Those whose next part a read or write may be.
  DmaRequests::Claimants ClaimantsOf(const BlockIo& io, const BlockDevices& devices) const;
  // When its part was announced; see FrontEndHints::NextOrder.
  uint64_t OrderOf(uint32_t id) const { return dma_[id].order; }
  void AddPart(uint32_t id, const BlockIo& io, DmaRequests::Claim claim, Context context);
  // With the arguments dbs and ret.
  void OnComplete(const Input& input, Context context);
  // With the argument dbs.
  void OnCancel(const Input& input, Context context);

  // A request has ended, but the line after may name its disk: pci_nvme_rw_cb with its arguments cid and blkname. Any
  // other line ends the wait.
  bool waits() const { return ended_.waits; }
  enum class NextLine { kNamesDisk, kOther };
  void OnNextLine(NextLine kind, const Input& input, Context context);

  // Whether it is an open request of this interface.
  bool IsOf(Interface interface, uint64_t dbs) const;

  // "an open read of /a.img, 4096 bytes so far"; empty if there is none.
  std::string Explain(uint64_t dbs, const BlockDevices& devices) const;

  void AbandonOld(int64_t now_us);
  void Reset();

  void CountInFlight(BlockRequestsInFlight& in_flight) const;
  size_t open() const { return dma_.open(); }
  uint64_t abandoned() const { return dma_.abandoned(); }

  // As Decoder has them, but that Restore adds to what is empty, and leaves a part behind when it throws.
  nlohmann::json Save() const;
  void Restore(const nlohmann::json& state);

 private:
  static bool IsTrim(const Input& input, const DmaRequest& request, FrontEndHints& hints);
  static void EmitTrim(const Input& input, Context context);
  static void Announce(const Input& input, DmaRequest& request, Context context);
  static Hint* HintFor(const Input& input, const DmaRequest& request, Context context);
  static void Start(DmaRequest& request, Context context);
  void End(uint32_t id, int64_t ret, const Input& input, Context context);
  void Finish(Context context);

  DmaRequests dma_;
  bool block_layer_seen_ = false;
  struct Ended {
    bool waits = false;
    uint64_t dbs = 0;
    int64_t ret = 0;
    int64_t time_us = kNoTime;
    uint64_t thread = kNoThread;
  };
  Ended ended_;
};

}  // namespace qte::decoders
