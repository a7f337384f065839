// When is a dma_blk_io a transfer? Its `bs` is a backend for IDE, AHCI and NVMe: then it is. For SCSI it is a
// SCSIDiskReq, for TRIM an IDEState, and nothing on the line tells them apart: TRIM mostly has offset -512, but another
// one when the guest sets the LBA bit. What tells is a part that is read or written, so the start waits for the first
// one. If the source shows no event of the block layer at all, that would be for ever: then every request counts.
#include "correlation/dma_decoder.h"

#include <array>
#include <memory>
#include <tuple>
#include <utility>

#include "correlation/block_names.h"
#include "correlation/dma_requests.h"
#include "correlation/elapsed.h"
#include "correlation/saved.h"

namespace qte::correlation {
namespace {

using trace::Value;

// Indices into the inputs and outputs of DmaDecoderKind.
enum InputEvent : size_t { kOpen, kAttach, kDetach, kIo, kCallback, kMapWait, kRead, kWrite, kComplete };
enum OutputEvent : size_t { kStart, kRequest };

int64_t SignedOf(const Value& value) {
  return static_cast<int64_t>(value.bits);
}

Value DirectionOf(const DmaRequest& request) {
  return Value::Text(request.direction == DmaDirection::kRead ? "read" : "write");
}

// Missing without timestamps, or if the clock was set back in between.
Value DurationOf(int64_t start_us, int64_t end_us) {
  if (start_us == kNoTime || end_us == kNoTime || end_us < start_us) return {};
  return Value::Real(static_cast<double>(ElapsedMicroseconds(start_us, end_us)) / 1e6);
}

class DmaDecoder final : public Decoder {
 public:
  explicit DmaDecoder(const DecoderLimits& limits) : limits_(limits), names_(limits.max_names), requests_(limits) {}

  void OnEvent(const Input& input, Sink& sink) override;
  void Reset() override;
  nlohmann::json Save() const override;
  void Restore(const nlohmann::json& state) override;
  size_t open() const override { return requests_.open(); }
  uint64_t abandoned() const override { return requests_.abandoned(); }
  uint64_t forgotten() const override { return names_.forgotten(); }

 private:
  void OnBlockLayer(const Input& input, Sink& sink);
  void OnIo(const Input& input, Sink& sink);
  void OnCallback(const Input& input);
  void OnMapWait(const Input& input);
  void OnBlockIo(const Input& input, Sink& sink);
  void OnComplete(const Input& input, Sink& sink);

  void EmitStart(DmaRequest& request, Sink& sink);
  Value DeviceOf(DmaRequest& request);

  DecoderLimits limits_;
  BlockNames names_;
  DmaRequests requests_;
  bool block_layer_seen_ = false;
};

void DmaDecoder::OnEvent(const Input& input, Sink& sink) {
  // The first argument is the pointer that all else hangs on.
  if (!input.args[0].has_value()) return;
  if (input.time_us != kNoTime) requests_.AbandonOlderThan(input.time_us);
  switch (input.which) {
    case kIo:
      return OnIo(input, sink);
    case kCallback:
      return OnCallback(input);
    case kMapWait:
      return OnMapWait(input);
    case kComplete:
      return OnComplete(input, sink);
    default:
      return OnBlockLayer(input, sink);
  }
}

void DmaDecoder::OnBlockLayer(const Input& input, Sink& sink) {
  block_layer_seen_ = true;
  switch (input.which) {
    case kOpen:
      return names_.Open(input.args[0].bits, input.args[1].text());
    case kAttach:
      return names_.Attach(input.args[0].bits, input.args[1].bits);
    case kDetach:
      return names_.Detach(input.args[0].bits);
    default:
      return OnBlockIo(input, sink);
  }
}

void DmaDecoder::OnIo(const Input& input, Sink& sink) {
  const auto& [dbs, target, offset, to_dev] = std::tie(input.args[0], input.args[1], input.args[2], input.args[3]);
  uint32_t replaced = requests_.Find(dbs.bits);
  if (replaced != DmaRequests::kNone) requests_.Abandon(replaced);
  if (SignedOf(offset) < 0) return;  // TRIM
  DmaRequest& request = requests_[requests_.Open(dbs.bits)];
  request.target = target.bits;
  request.name.Assign(target.text());
  request.next_offset = SignedOf(offset);
  request.direction = to_dev.bits == 0 ? DmaDirection::kRead : DmaDirection::kWrite;
  request.start_us = input.time_us;
  if (!block_layer_seen_ || names_.IsAttached(target.bits)) EmitStart(request, sink);
}

void DmaDecoder::OnCallback(const Input& input) {
  uint32_t id = requests_.Find(input.args[0].bits);
  if (id == DmaRequests::kNone) return;
  if (SignedOf(input.args[1]) >= 0) {
    requests_.Await(id, input.thread);
  } else {
    requests_.StopAwaiting(id);
  }
}

// No memory to map: the part is submitted later, after another dma_blk_cb.
void DmaDecoder::OnMapWait(const Input& input) {
  uint32_t id = requests_.Find(input.args[0].bits);
  if (id != DmaRequests::kNone) requests_.StopAwaiting(id);
}

void DmaDecoder::OnBlockIo(const Input& input, Sink& sink) {
  const auto& [backend, node, offset, bytes] = std::tie(input.args[0], input.args[1], input.args[2], input.args[3]);
  uint32_t id = requests_.Claim({.backend = backend.bits,
                                 .offset = SignedOf(offset),
                                 .thread = input.thread,
                                 .direction = input.which == kRead ? DmaDirection::kRead : DmaDirection::kWrite},
                                names_);
  if (id == DmaRequests::kNone || SignedOf(bytes) < 0) return;
  requests_.StopAwaiting(id);
  DmaRequest& request = requests_[id];
  request.backend = backend.bits;
  request.node = node.bits;
  request.name.Assign(backend.text());
  request.bytes += bytes.bits;
  // Unsigned, since a hostile line may hold any number.
  request.next_offset = static_cast<int64_t>(offset.bits + bytes.bits);
  if (!request.started) EmitStart(request, sink);
}

void DmaDecoder::OnComplete(const Input& input, Sink& sink) {
  uint32_t id = requests_.Find(input.args[0].bits);
  if (id == DmaRequests::kNone) return;
  DmaRequest& request = requests_[id];
  if (request.started) {
    // QEMU's own statistics count no bytes of a request that failed or was cancelled.
    bool counts = request.backend != 0 && SignedOf(input.args[1]) >= 0;
    std::array<Value, 4> args = {DeviceOf(request), DirectionOf(request),
                                 counts ? Value::Unsigned(request.bytes) : Value{},
                                 DurationOf(request.start_us, input.time_us)};
    sink.Emit(kRequest, args);
  }
  requests_.Close(id);
}

void DmaDecoder::EmitStart(DmaRequest& request, Sink& sink) {
  request.started = true;
  std::array<Value, 2> args = {DeviceOf(request), DirectionOf(request)};
  sink.Emit(kStart, args);
}

// The file under the backend. An unplug may detach the backend before its requests end, so the node is remembered.
Value DmaDecoder::DeviceOf(DmaRequest& request) {
  uint64_t node = names_.NodeOf(request.backend != 0 ? request.backend : request.target);
  if (node != 0) request.node = node;
  std::string_view file = request.node != 0 ? names_.FileOf(request.node) : std::string_view();
  return Value::Text(file.empty() ? request.name.view() : file);
}

void DmaDecoder::Reset() {
  requests_.AbandonAll();
  names_.Clear();
  block_layer_seen_ = false;
}

nlohmann::json DmaDecoder::Save() const {
  return {{"names", names_.Save()}, {"requests", requests_.Save()}, {"block_layer_seen", block_layer_seen_}};
}

void DmaDecoder::Restore(const nlohmann::json& state) {
  Reset();
  DmaDecoder restored(limits_);
  restored.names_.Restore(state.at("names"));
  restored.requests_.Restore(state.at("requests"));
  restored.block_layer_seen_ = SavedFlag(state.at("block_layer_seen"));
  *this = std::move(restored);
}

std::unique_ptr<Decoder> Make(const DecoderLimits& limits) {
  return std::make_unique<DmaDecoder>(limits);
}

}  // namespace

DecoderKind DmaDecoderKind() {
  return {.name = "dma_request",
          .span = "dma_request",
          .inputs = {{"bdrv_open_common", {"bs", "filename"}},
                     {"blk_root_attach", {"blk", "bs"}},
                     {"blk_root_detach", {"blk", "bs"}},
                     {"dma_blk_io", {"dbs", "bs", "offset", "to_dev"}},
                     {"dma_blk_cb", {"dbs", "ret"}},
                     {"dma_map_wait", {"dbs"}},
                     {"blk_co_preadv", {"blk", "bs", "offset", "bytes"}},
                     {"blk_co_pwritev", {"blk", "bs", "offset", "bytes"}},
                     {"dma_complete", {"dbs", "ret"}}},
          .outputs = {{"dma_request_start", {"device", "direction"}},
                      {"dma_request", {"device", "direction", "bytes", "duration"}}},
          .make = Make};
}

}  // namespace qte::correlation
