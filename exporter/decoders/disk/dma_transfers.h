// Transfers by DMA, and the block requests that use them: those of IDE, AHCI, NVMe, and of SCSI controllers with DMA.
//
//   dma_blk_io dbs=D bs=... offset=O to_dev=0         request D starts
//   dma_blk_cb dbs=D ret=0                            D submits a part ...
//   blk_co_preadv blk K bs B offset O bytes N         ... of N bytes, on backend K
//   dma_blk_cb dbs=D ret=0                            the part is done; another may follow
//   dma_complete dbs=D ret=0                          D ends
//
// A request that is cancelled while it waits for memory to map (dma_map_wait) ends with dma_aio_cancel. All others end
// with dma_complete.
//
// Not every dma_blk_io is a transfer. For IDE, AHCI and NVMe, `bs` is a backend, and it is one. For SCSI, `bs` is a
// SCSIDiskReq; for TRIM, which is not a transfer, it is an IDEState. The line does not show the difference: TRIM mostly
// has offset -512, but another one if the guest sets the LBA bit. Only a transfer has parts that are read or written,
// so dma_request_start waits for the first part. If the source has no event of the block layer at all, every request
// counts.
//
// The hint of the front end immediately before (front_end_hints.h) shows the interface of a transfer's backend. All
// later transfers of that backend have the same interface. If no front end announced a transfer and the front end of
// its backend is unknown, it counts as a transfer but not as a block request.
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

  // The state that handlers of events read and change.
  struct Context {
    BlockDevices& devices;
    FrontEndHints& hints;
    ScsiCommands& scsi;
    BlockRequestSink& out;
  };

  // Records that the log has events of the block layer. From here on, the parts show whether a request is a transfer.
  void OnBlockLayer() { block_layer_seen_ = true; }
  // Takes the arguments dbs, bs, offset and to_dev.
  void OnIo(const Input& input, Context context);
  void OnCallback(const Input& input, FrontEndHints& hints) { dma_.OnCallback(input, hints.NextOrder()); }
  void OnMapWait(const Input& input) { dma_.OnMapWait(input.args[0].bits); }
  // The requests whose next part this read or write can be.
  DmaRequests::Claimants ClaimantsOf(const BlockIo& io, const BlockDevices& devices) const;
  // The order in which its part was announced; see FrontEndHints::NextOrder.
  uint64_t OrderOf(uint32_t id) const { return dma_[id].order; }
  void AddPart(uint32_t id, const BlockIo& io, DmaRequests::Claim claim, Context context);
  // Takes the arguments dbs and ret.
  void OnComplete(const Input& input, Context context);
  // With the argument dbs.
  void OnCancel(const Input& input, Context context);

  // A request that has ended waits for the next line if that can name its disk: pci_nvme_rw_cb with the arguments cid
  // and blkname. Any other line ends the wait.
  bool waits() const { return ended_.waits; }
  enum class NextLine { kNamesDisk, kOther };
  void OnNextLine(NextLine kind, const Input& input, Context context);

  // True for an open request of this interface.
  bool IsOf(Interface interface, uint64_t dbs) const;

  // Describes an open request: "an open read of /a.img, 4096 bytes so far". Empty if there is none.
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
