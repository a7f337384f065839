// What the classes of the front ends make for the decoder of block requests: a request that has ended, and the way out.
#pragma once

#include <cstdint>
#include <string_view>

#include "correlation/block_devices.h"
#include "correlation/decoder.h"
#include "correlation/dma_requests.h"
#include "correlation/interface.h"

namespace qte::correlation {

enum class BlockOperation : uint8_t { kRead, kWrite, kFlush, kLast = kFlush };
enum class BlockStatus : uint8_t { kOk, kError, kCancelled };

inline BlockOperation OperationOf(DmaDirection direction) {
  return direction == DmaDirection::kRead ? BlockOperation::kRead : BlockOperation::kWrite;
}

struct BlockRequest {
  Interface interface = Interface::kNone;
  uint64_t backend = 0;   // 0 if it is not known
  std::string_view name;  // of the device, where the backend has none
  BlockOperation operation = BlockOperation::kRead;
  trace::Value bytes;     // missing if they are not known
  trace::Value duration;  // missing if it is not known
  BlockStatus status = BlockStatus::kOk;
};

// Emits requests, and the number in flight on a disk whenever it changes.
class BlockRequestSink {
 public:
  BlockRequestSink(BlockDevices& devices, Sink& sink) : devices_(devices), sink_(sink) {}

  void Emit(const BlockRequest& request);

  // A request is in flight on the backend from here on; `in_flight_on` is its own note of that, 0 before.
  void Begin(uint64_t backend, uint64_t& in_flight_on);
  // It has ended or was given up.
  void End(uint64_t& in_flight_on);
  // The backend's disk is another one from here on, if any.
  void Leave(uint64_t backend);
  // Disks that a QEMU which is gone had in flight.
  void EmitGone();

 private:
  void EmitInFlight(Interface interface, std::string_view name, uint64_t count);

  BlockDevices& devices_;
  Sink& sink_;
};

}  // namespace qte::correlation
