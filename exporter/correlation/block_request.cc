#include "correlation/block_request.h"

#include <array>

namespace qte::correlation {
namespace {

using trace::Value;

// Indices into the outputs of BlockRequestDecoderKind.
enum OutputEvent : size_t { kRequest, kInFlight };

std::string_view NameOf(BlockOperation operation) {
  switch (operation) {
    case BlockOperation::kRead:
      return "read";
    case BlockOperation::kWrite:
      return "write";
    case BlockOperation::kFlush:
      break;
  }
  return "flush";
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
  std::string_view device = request.backend != 0 ? devices_.NameOf(request.backend) : std::string_view();
  std::array<Value, 7> args = {Value::Text(correlation::NameOf(request.interface)),
                               Value::Text(device.empty() ? request.name : device),
                               Value::Text(NameOf(request.operation)),
                               request.bytes,
                               request.duration,
                               Value::Text(NameOf(request.status)),
                               Value::Unsigned(request.status == BlockStatus::kError ? 1 : 0)};
  sink_.Emit(kRequest, args);
}

void BlockRequestSink::EmitInFlight(Interface interface, std::string_view name, uint64_t count) {
  std::array<Value, 3> args = {Value::Text(correlation::NameOf(interface)), Value::Text(name), Value::Unsigned(count)};
  sink_.Emit(kInFlight, args);
}

void BlockRequestSink::Begin(uint64_t backend, uint64_t& in_flight_on) {
  if (backend == 0) return;  // no backend of QEMU's
  in_flight_on = backend;
  uint64_t count = devices_.AddInFlight(backend);
  EmitInFlight(devices_.InterfaceOf(backend), devices_.NameOf(backend), count);
}

void BlockRequestSink::End(uint64_t& in_flight_on) {
  if (in_flight_on == 0) return;
  uint64_t count = devices_.RemoveInFlight(in_flight_on);
  // After a detach the disk was told to have none.
  Interface interface = devices_.InterfaceOf(in_flight_on);
  if (interface != Interface::kNone) EmitInFlight(interface, devices_.NameOf(in_flight_on), count);
  in_flight_on = 0;
}

void BlockRequestSink::Leave(uint64_t backend) {
  Interface interface = devices_.InterfaceOf(backend);
  if (interface != Interface::kNone && devices_.InFlight(backend) > 0) {
    EmitInFlight(interface, devices_.NameOf(backend), 0);
  }
}

void BlockRequestSink::EmitGone() {
  for (const BlockDevices::Gone& disk : devices_.TakeGone()) EmitInFlight(disk.interface, disk.name, 0);
}

}  // namespace qte::correlation
