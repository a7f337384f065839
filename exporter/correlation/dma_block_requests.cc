#include "correlation/dma_block_requests.h"

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

BlockStatus StatusOf(int64_t ret) {
  if (ret >= 0) return BlockStatus::kOk;
  return ret == kCancelled ? BlockStatus::kCancelled : BlockStatus::kError;
}

}  // namespace

void DmaBlockRequests::OnIo(const Input& input, Context context) {
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
void DmaBlockRequests::Announce(const Input& input, DmaRequest& request, Context context) {
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
Hint* DmaBlockRequests::HintFor(const Input& input, const DmaRequest& request, Context context) {
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
void DmaBlockRequests::Start(DmaRequest& request, Context context) {
  uint64_t backend = BackendOf(request);
  request.started = true;
  if (request.interface == Interface::kNone) request.interface = context.devices.InterfaceOf(backend);
  if (request.interface == Interface::kNone) return;
  context.devices.Learn(request.front_end, {backend, request.name.view()}, request.interface);
}

void DmaBlockRequests::OnComplete(const Input& input, Context context) {
  uint32_t id = dma_.Find(input.args[0].bits);
  if (id == DmaRequests::kNone) return;
  ended_ = {true, input.args[0].bits, SignedOf(input.args[1]), input.time_us, input.thread};
  bool name_may_come = dma_[id].interface == Interface::kNvme && !context.devices.HasName(BackendOf(dma_[id]));
  if (!name_may_come) Finish(context);
}

void DmaBlockRequests::OnNextLine(NextLine kind, const Input& input, Context context) {
  uint32_t id = dma_.Find(ended_.dbs);
  bool names_it = id != DmaRequests::kNone && kind == NextLine::kNamesDisk && SameThread(ended_.thread, input.thread);
  if (names_it) context.devices.Name(BackendOf(dma_[id]), input.args[1].text());
  Finish(context);
}

void DmaBlockRequests::Finish(Context context) {
  ended_.waits = false;
  uint32_t id = dma_.Find(ended_.dbs);
  if (id == DmaRequests::kNone) return;
  DmaRequest& request = dma_[id];
  if (request.started && request.interface != Interface::kNone) {
    // QEMU's own statistics count no bytes of a request that failed or was cancelled.
    bool has_bytes = request.backend != 0 && ended_.ret >= 0;
    context.out.Emit({.interface = request.interface,
                      .backend = BackendOf(request),
                      .name = request.name.view(),
                      .operation = OperationOf(request.direction),
                      .bytes = has_bytes ? Value::Unsigned(request.bytes) : Value(),
                      .duration = DurationOf(request.start_us, ended_.time_us),
                      .status = StatusOf(ended_.ret)});
  }
  dma_.Close(id);
}

bool DmaBlockRequests::OnBlockIo(const BlockIo& io, Context context) {
  uint32_t id = dma_.AddPart(io, context.devices.names());
  if (id == DmaRequests::kNone) return false;
  context.devices.Use(io);
  Start(dma_[id], context);
  return true;
}

void DmaBlockRequests::AbandonOld(int64_t now_us) {
  dma_.AbandonOld(now_us, [this](uint32_t id) { dma_.Abandon(id); });
}

void DmaBlockRequests::CountInFlight(BlockRequestsInFlight& in_flight) const {
  for (uint32_t id = dma_.oldest(); id != DmaRequests::kNone; id = dma_.newer(id)) {
    const DmaRequest& request = dma_[id];
    bool has_ended = ended_.waits && dma_.Find(ended_.dbs) == id;
    if (!request.started || request.interface == Interface::kNone || has_ended) continue;
    in_flight.Add(request.interface, BackendOf(request), request.name.view());
  }
}

void DmaBlockRequests::Reset() {
  while (dma_.open() > 0) dma_.Abandon(dma_.oldest());
  ended_ = Ended();
  block_layer_seen_ = false;
}

// {"dma", "block_layer_seen", "ended": [waits, dbs, ret, time_us, thread]}
json DmaBlockRequests::Save() const {
  return {{"dma", dma_.Save()},
          {"block_layer_seen", block_layer_seen_},
          {"ended", {ended_.waits, ended_.dbs, ended_.ret, ended_.time_us, ended_.thread}}};
}

void DmaBlockRequests::Restore(const json& state) {
  dma_.Restore(state.at("dma"));
  block_layer_seen_ = SavedFlag(state.at("block_layer_seen"));
  const json::array_t& ended = SavedRow(state.at("ended"), 5);
  ended_ = {SavedFlag(ended[0]), SavedUnsigned(ended[1]), SavedSigned(ended[2]), SavedSigned(ended[3]),
            SavedUnsigned(ended[4])};
}

}  // namespace qte::correlation
