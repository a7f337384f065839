// Requests of virtio-blk, by the request's pointer.
//
//   virtqueue_pop vq Q elem R in_num 1 out_num 1           header and status alone: a flush, if it is virtio-blk's
//   virtio_blk_handle_read vdev V req R sector S nsectors N
//   blk_co_preadv blk K bs B offset 512*S bytes M          V's disk is K; of merged requests, the first one's offset
//   virtio_blk_req_complete vdev V req R status 0          R ends, for any kind of request
//
//   virtqueue_pop vq Q elem R in_num 1 out_num 2           without a virtio_blk_handle_write, but followed by ...
//   blk_co_pwritev blk K bs B offset O bytes N flags 0x2   ... this, in the same thread: R writes zeroes
//
// QEMU 5.2 to 11.1 print these lines. Each request counts separately, even if it is merged, as in QEMU's own
// statistics. A request whose error stops the guest (werror=stop) is handled again under the same pointer, and
// continues. A request with a payload that neither writes data nor zeroes is a discard of one range. A request for the
// serial number does not look like a flush, because it has room for the answer. Writes of zeroes count once K is known
// to be a virtio-blk disk, which the first read or ordinary write shows.
//
// A request waits for its read or write only while V's disk is unknown. Without thread ids (QEMU 10.1 and later), two
// devices that wait at the same offset cannot be distinguished. Nothing is learned then; a later request shows the
// disk.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>

#include "decoders/disk/block_request.h"
#include "decoders/disk/front_end_hints.h"
#include "decoders/disk/open_requests.h"

namespace qte::decoders {

class VirtioBlkRequests {
 public:
  // Records that a virtio device has taken an element from its guest. The element can be a range to zero.
  static constexpr HintKind kPayload{8, Interface::kVirtioBlk, HintKind::Announces::kOther, true};

  explicit VirtioBlkRequests(const DecoderLimits& limits);

  // Takes the arguments vq, elem, in_num and out_num.
  void OnPop(const Input& input, FrontEndHints& hints);
  // Takes the arguments vdev, req, sector and nsectors.
  void OnHandle(const Input& input, DmaDirection direction, const BlockDevices& devices, FrontEndHints& hints);
  // The order of the latest request that can wait for this read or write, from the same thread if that is known; 0 if
  // there is none. See FrontEndHints::NextOrder.
  uint64_t WaitingFor(const BlockIo& io, const BlockDevices& devices) const;
  // Takes a read or write that no other front end has claimed. Returns false if it is not known to be virtio-blk's.
  bool OnBlockIo(const BlockIo& io, BlockDevices& devices);
  // Takes a read or write of a backend that is known to be virtio-blk's.
  void OnOwnBlockIo(const BlockIo& io, FrontEndHints& hints);
  // Takes the arguments vdev, req and status.
  void OnComplete(const Input& input, const BlockDevices& devices, FrontEndHints& hints, BlockRequestSink& out);

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
  // Limit for unused pops of all virtio devices that can be flushes or discards. A virtqueue has up to 1,024 elements.
  static constexpr size_t kMaxPops = 4096;

  struct Pop {
    int64_t time_us = kNoTime;
    bool has_payload = false;
  };

  struct Request {
    int64_t start_us = kNoTime;
    uint64_t device = 0;   // V
    uint64_t backend = 0;  // 0 while the request waits for it
    int64_t offset = 0;
    uint64_t bytes = 0;
    uint64_t thread = kNoThread;
    uint64_t order = 0;
    DmaDirection direction = DmaDirection::kRead;
    joins::PointerText device_text;

    bool IsRetriedAs(const Request& later) const {
      return device == later.device && offset == later.offset && bytes == later.bytes && direction == later.direction;
    }
  };

  // Calls visit(request) for requests that can wait for `io`, latest first, until it returns false.
  template <class Visit>
  void ForEachWaiting(const BlockIo& io, Visit&& visit) const;
  void Abandon(uint32_t id);
  // The device that made the request `io`; 0 if unknown.
  uint64_t DeviceOf(const BlockIo& io, const BlockDevices& devices) const;
  void CompleteOther(const Input& input, const BlockDevices& devices, BlockRequestSink& out);

  OpenRequests<Request> open_;
  size_t waiting_ = 0;                 // open requests that wait for a backend
  joins::PointerTable<Pop> pops_;      // by element
};

}  // namespace qte::decoders
