#include "decoders/disk/block_request.h"

#include <array>

namespace qte::decoders {
namespace {

using trace::Value;

std::string_view NameOf(BlockOperation operation) {
  switch (operation) {
    case BlockOperation::kRead:
      return "read";
    case BlockOperation::kWrite:
      return "write";
    case BlockOperation::kFlush:
      return "flush";
    case BlockOperation::kUnmap:
      break;
  }
  return "unmap";
}

std::string_view NameOf(BlockStatus status) {
  switch (status) {
    case BlockStatus::kOk:
      return "ok";
    case BlockStatus::kError:
      return "error";
    case BlockStatus::kCancelled:
      break;
  }
  return "cancelled";
}

}  // namespace

void BlockRequestSink::Emit(const BlockRequest& request) {
  std::string_view device = request.backend != 0 ? devices_.LabelOf(request.backend) : std::string_view();
  std::array<Value, 7> args = {Value::Text(decoders::NameOf(request.interface)),
                               Value::Text(device.empty() ? request.name : device),
                               Value::Text(NameOf(request.operation)),
                               request.bytes,
                               request.duration,
                               Value::Text(NameOf(request.status)),
                               Value::Unsigned(request.status == BlockStatus::kError ? 1 : 0)};
  sink_.Emit(kBlockRequest, args);
}

void BlockRequestSink::EmitDmaStart(std::string_view device, DmaDirection direction) {
  std::array<Value, 2> args = {Value::Text(device), Value::Text(NameOf(OperationOf(direction)))};
  sink_.Emit(kDmaStart, args);
}

void BlockRequestSink::EmitDma(std::string_view device, DmaDirection direction, Value bytes, Value duration) {
  std::array<Value, 4> args = {Value::Text(device), Value::Text(NameOf(OperationOf(direction))), bytes, duration};
  sink_.Emit(kDmaRequest, args);
}

void EmitDiskInfos(const BlockDevices& devices, Sink& sink) {
  devices.ForEachInfo([&](const BlockDevices::Info& info) {
    std::array<Value, 9> args = {Value::Text(decoders::NameOf(info.interface)),
                                 Value::Text(info.label),
                                 Value::Text(info.image.file),
                                 Value::Text(info.image.format),
                                 Value::Text(info.name),
                                 Value::Text(info.qdev),
                                 Value::Text(info.serial),
                                 Value::Text(info.is_read_only),
                                 Value::Unsigned(1)};
    sink.Emit(kDiskInfo, args);
  });
}

BlockRequestsInFlight::BlockRequestsInFlight(const BlockDevices& devices) : devices_(devices) {
  devices.ForEachDisk([this](Interface interface, uint64_t backend) {
    counts_.try_emplace({interface, std::string(devices_.PeekLabel(backend))}, 0);
  });
}

void BlockRequestsInFlight::Add(Interface interface, uint64_t backend, std::string_view name) {
  std::string_view device = backend != 0 ? devices_.PeekLabel(backend) : std::string_view();
  ++counts_[{interface, std::string(device.empty() ? name : device)}];
}

void BlockRequestsInFlight::EmitAll(Sink& sink) const {
  for (const auto& [disk, count] : counts_) {
    const auto& [interface, device] = disk;
    std::array<Value, 3> args = {Value::Text(decoders::NameOf(interface)), Value::Text(device), Value::Unsigned(count)};
    sink.Emit(kInFlight, args);
  }
}

}  // namespace qte::decoders
