// When is a dma_blk_io a transfer? Its `bs` is a backend for IDE, AHCI and NVMe: then it is. For SCSI it is a
// SCSIDiskReq, for TRIM an IDEState, and nothing on the line tells them apart: TRIM mostly has offset -512, but another
// one when the guest sets the LBA bit. What tells is a part that is read or written, so the start waits for the first
// one. If the source shows no event of the block layer at all, that would be for ever: then every request counts.
#include "correlation/dma_decoder.h"

#include <array>
#include <memory>
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

Value DirectionOf(const DmaRequest& request) {
  return Value::Text(request.direction == DmaDirection::kRead ? "read" : "write");
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
  const BlockNames* names() const override { return &names_; }

 private:
  void OnBlockLayer(const Input& input, Sink& sink);
  void OnIo(const Input& input, Sink& sink);
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
  requests_.AbandonOld(input.time_us, [this](uint32_t id) { requests_.Abandon(id); });
  switch (input.which) {
    case kIo:
      return OnIo(input, sink);
    case kCallback:
      return requests_.OnCallback(input);
    case kMapWait:
      return requests_.OnMapWait(input.args[0].bits);
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
  for (uint32_t id = requests_.InTheWay(input); id != DmaRequests::kNone; id = requests_.InTheWay(input)) {
    requests_.Abandon(id);
  }
  uint32_t id = requests_.Open(input);
  if (id == DmaRequests::kNone) return;
  if (!block_layer_seen_ || names_.IsAttached(input.args[1].bits)) EmitStart(requests_[id], sink);
}

void DmaDecoder::OnBlockIo(const Input& input, Sink& sink) {
  BlockIo io(input, input.which == kRead ? DmaDirection::kRead : DmaDirection::kWrite);
  if (io.is_probe()) return;
  uint32_t id = requests_.AddPart(io, names_);
  if (id != DmaRequests::kNone && !requests_[id].started) EmitStart(requests_[id], sink);
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
  while (requests_.open() > 0) requests_.Abandon(requests_.oldest());
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
                     {"dma_blk_io", {"dbs", "bs", "offset", "to_dev"}, true},
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
