// What the classes of the front ends make for the decoder of disks: a request that has ended, and the way out.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "decoders/decoder.h"
#include "decoders/disk/block_devices.h"
#include "decoders/disk/dma_requests.h"
#include "decoders/disk/interface.h"

namespace qte::decoders {

enum class BlockOperation : uint8_t { kRead, kWrite, kFlush, kUnmap, kLast = kUnmap };
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

// Indices into the outputs of DiskDecoderKind.
enum DiskOutput : size_t { kDmaStart, kDmaRequest, kBlockRequest, kInFlight, kDiskInfo };

class BlockRequestSink {
 public:
  BlockRequestSink(BlockDevices& devices, Sink& sink) : devices_(devices), sink_(sink) {}

  void Emit(const BlockRequest& request);
  // A transfer by DMA, whoever asked for it.
  void EmitDmaStart(std::string_view device, DmaDirection direction);
  void EmitDma(std::string_view device, DmaDirection direction, trace::Value bytes, trace::Value duration);

 private:
  BlockDevices& devices_;
  Sink& sink_;
};

// What is known of each disk now.
void EmitDiskInfos(const BlockDevices& devices, Sink& sink);

// Reads and writes in flight, by disk; one that has none is there as well.
class BlockRequestsInFlight {
 public:
  explicit BlockRequestsInFlight(const BlockDevices& devices);

  // One more. `name` is of the device, where the backend has none.
  void Add(Interface interface, uint64_t backend, std::string_view name);
  void EmitAll(Sink& sink) const;

 private:
  const BlockDevices& devices_;
  std::map<std::pair<Interface, std::string>, uint64_t> counts_;
};

}  // namespace qte::decoders
