// Types that the front ends' classes share with the decoder of disks: a request that has ended, and its outputs.
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
  uint64_t backend = 0;   // 0 if unknown
  std::string_view name;  // the device's name if the backend has none
  BlockOperation operation = BlockOperation::kRead;
  trace::Value bytes;     // missing if unknown
  trace::Value duration;  // missing if unknown
  BlockStatus status = BlockStatus::kOk;
};

// Indices into the outputs of DiskDecoderKind.
enum DiskOutput : size_t { kDmaStart, kDmaRequest, kBlockRequest, kInFlight, kDiskInfo };

class BlockRequestSink {
 public:
  BlockRequestSink(BlockDevices& devices, Sink& sink) : devices_(devices), sink_(sink) {}

  void Emit(const BlockRequest& request);
  // A transfer by DMA from any front end.
  void EmitDmaStart(std::string_view device, DmaDirection direction);
  void EmitDma(std::string_view device, DmaDirection direction, trace::Value bytes, trace::Value duration);

 private:
  BlockDevices& devices_;
  Sink& sink_;
};

// What is currently known about each disk.
void EmitDiskInfos(const BlockDevices& devices, Sink& sink);

// Number of reads and writes in flight for each disk, including disks that have none.
class BlockRequestsInFlight {
 public:
  explicit BlockRequestsInFlight(const BlockDevices& devices);

  // Counts a request. `name` is the device's name, used if the backend has none.
  void Add(Interface interface, uint64_t backend, std::string_view name);
  void EmitAll(Sink& sink) const;

 private:
  const BlockDevices& devices_;
  std::map<std::pair<Interface, std::string>, uint64_t> counts_;
};

}  // namespace qte::decoders
