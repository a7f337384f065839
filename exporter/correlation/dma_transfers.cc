#include "correlation/dma_transfers.h"

#include <nlohmann/json.hpp>

#include "correlation/elapsed.h"
#include "correlation/saved.h"

namespace qte::correlation {
namespace {

using nlohmann::json;
using trace::Value;

constexpr int64_t kCancelled = -125;  // ECANCELED

// Of its latest part, else the one it started with.
uint64_t BackendOf(const DmaRequest& request) {
  return request.backend != 0 ? request.backend : request.target;
}

// The file under the backend. An unplug may detach the backend before its requests end, so the node is remembered.
std::string_view DeviceOf(DmaRequest& request, BlockDevices& devices) {
  uint64_t node = devices.NodeOf(BackendOf(request));
  if (node != 0) request.node = node;
  std::string_view file = request.node != 0 ? devices.FileOf(request.node) : std::string_view();
  return file.empty() ? request.name.view() : file;
}

// QEMU's own statistics count no bytes of a request that failed or was cancelled.
Value BytesOf(const DmaRequest& request, int64_t ret) {
  return request.backend != 0 && ret >= 0 ? Value::Unsigned(request.bytes) : Value();
}

BlockStatus StatusOf(int64_t ret) {
  if (ret >= 0) return BlockStatus::kOk;
  return ret == kCancelled ? BlockStatus::kCancelled : BlockStatus::kError;
}

}  // namespace

void DmaTransfers::OnIo(const Input& input, Context context) {
  for (uint32_t id = dma_.InTheWay(input); id != DmaRequests::kNone; id = dma_.InTheWay(input)) {
    dma_.Abandon(id);
  }
  uint32_t id = dma_.Open(input);
  if (id == DmaRequests::kNone) return;
  DmaRequest& request = dma_[id];
  bool is_backend = context.devices.names().IsAttached(request.target);
  Announce(input, request, context);
  if (is_backend || !block_layer_seen_) Start(request, context);
}

// Finds out which front end asks.
void DmaTransfers::Announce(const Input& input, DmaRequest& request, Context context) {
  Hint* hint = HintFor(input, request, context);
  if (hint == nullptr) {
    bool is_scsi = context.devices.names().knows_attachments() && !context.devices.names().IsAttached(request.target);
    request.interface = is_scsi ? Interface::kScsi : context.devices.InterfaceOf(request.target);
    return;
  }
  request.front_end = hint->front_end;
  request.interface = hint->interface();
  if (hint->of == Hint::Of::kScsi) context.scsi.OnDma(hint->key);
  hint->of = Hint::Of::kNone;
}

// A SCSI request names no backend, the others do; where the log tells no attachments, the announcement decides.
Hint* DmaTransfers::HintFor(const Input& input, const DmaRequest& request, Context context) {
  bool may_be_scsi = !context.devices.names().IsAttached(request.target);
  bool may_be_backend = !may_be_scsi || !context.devices.names().knows_attachments();
  Interface known = context.devices.InterfaceOf(request.target);
  return context.hints.Latest([&](const Hint& hint) {
    bool possible = hint.of == Hint::Of::kScsi ? may_be_scsi : may_be_backend && hint.of != Hint::Of::kIdePio;
    bool of_others = known != Interface::kNone && known != hint.interface();
    return possible && !of_others && hint.Fits(request.direction, request.next_offset, input.thread);
  });
}

// The request is known to be a transfer.
void DmaTransfers::Start(DmaRequest& request, Context context) {
  uint64_t backend = BackendOf(request);
  if (!request.started) context.out.EmitDmaStart(DeviceOf(request, context.devices), request.direction);
  request.started = true;
  if (request.interface == Interface::kNone) request.interface = context.devices.InterfaceOf(backend);
  if (request.interface == Interface::kNone) return;
  context.devices.Learn(request.front_end, {backend, request.name.view()}, request.interface);
}

void DmaTransfers::OnComplete(const Input& input, Context context) {
  uint32_t id = dma_.Find(input.args[0].bits);
  if (id == DmaRequests::kNone) return;
  if (dma_[id].started) EmitDma(dma_[id], input, context);
  ended_ = {true, input.args[0].bits, SignedOf(input.args[1]), input.time_us, input.thread};
  bool name_may_come = dma_[id].interface == Interface::kNvme && !context.devices.HasName(BackendOf(dma_[id]));
  if (!name_may_come) Finish(context);
}

void DmaTransfers::EmitDma(DmaRequest& request, const Input& complete, Context context) {
  context.out.EmitDma(DeviceOf(request, context.devices), request.direction,
                      BytesOf(request, SignedOf(complete.args[1])), DurationOf(request.start_us, complete.time_us));
}

void DmaTransfers::OnNextLine(NextLine kind, const Input& input, Context context) {
  uint32_t id = dma_.Find(ended_.dbs);
  bool names_it = id != DmaRequests::kNone && kind == NextLine::kNamesDisk && SameThread(ended_.thread, input.thread);
  if (names_it) context.devices.Name(BackendOf(dma_[id]), input.args[1].text());
  Finish(context);
}

void DmaTransfers::Finish(Context context) {
  ended_.waits = false;
  uint32_t id = dma_.Find(ended_.dbs);
  if (id == DmaRequests::kNone) return;
  DmaRequest& request = dma_[id];
  if (request.started && request.interface != Interface::kNone) {
    context.out.Emit({.interface = request.interface,
                      .backend = BackendOf(request),
                      .name = request.name.view(),
                      .operation = OperationOf(request.direction),
                      .bytes = BytesOf(request, ended_.ret),
                      .duration = DurationOf(request.start_us, ended_.time_us),
                      .status = StatusOf(ended_.ret)});
  }
  dma_.Close(id);
}

bool DmaTransfers::OnBlockIo(const BlockIo& io, Context context) {
  uint32_t id = dma_.AddPart(io, context.devices.names());
  if (id == DmaRequests::kNone) return false;
  context.devices.Use(io);
  Start(dma_[id], context);
  return true;
}

void DmaTransfers::AbandonOld(int64_t now_us) {
  dma_.AbandonOld(now_us, [this](uint32_t id) { dma_.Abandon(id); });
}

void DmaTransfers::CountInFlight(BlockRequestsInFlight& in_flight) const {
  for (uint32_t id = dma_.oldest(); id != DmaRequests::kNone; id = dma_.newer(id)) {
    const DmaRequest& request = dma_[id];
    bool has_ended = ended_.waits && dma_.Find(ended_.dbs) == id;
    if (!request.started || request.interface == Interface::kNone || has_ended) continue;
    in_flight.Add(request.interface, BackendOf(request), request.name.view());
  }
}

void DmaTransfers::Reset() {
  while (dma_.open() > 0) dma_.Abandon(dma_.oldest());
  ended_ = Ended();
  block_layer_seen_ = false;
}

// {"dma", "block_layer_seen", "ended": [waits, dbs, ret, time_us, thread]}
json DmaTransfers::Save() const {
  return {{"dma", dma_.Save()},
          {"block_layer_seen", block_layer_seen_},
          {"ended", {ended_.waits, ended_.dbs, ended_.ret, ended_.time_us, ended_.thread}}};
}

void DmaTransfers::Restore(const json& state) {
  dma_.Restore(state.at("dma"));
  block_layer_seen_ = SavedFlag(state.at("block_layer_seen"));
  const json::array_t& ended = SavedRow(state.at("ended"), 5);
  ended_ = {SavedFlag(ended[0]), SavedUnsigned(ended[1]), SavedSigned(ended[2]), SavedSigned(ended[3]),
            SavedUnsigned(ended[4])};
}

}  // namespace qte::correlation
