#include "decoders/disk/dma_transfers.h"

#include <nlohmann/json.hpp>

#include "joins/elapsed.h"
#include "joins/saved.h"

namespace qte::decoders {
using namespace joins;
namespace {

using nlohmann::json;
using trace::Value;

constexpr int64_t kCancelled = -125;  // ECANCELED

// The backend of its latest part, or the one in dma_blk_io. 0 for a SCSI request without parts, which names no backend.
uint64_t BackendOf(const DmaRequest& request) {
  if (request.backend != 0) return request.backend;
  return request.interface == Interface::kScsi ? 0 : request.target;
}

// The label of its disk, if that is an image.
std::string_view DeviceOf(const DmaRequest& request, BlockDevices& devices) {
  std::string_view label = devices.ImageLabelOf(BackendOf(request));
  return label.empty() ? request.name.view() : label;
}

// The name of its device if no backend is known. The pointer of a SCSI request is useless as a name, because the next
// request reuses it.
std::string_view NameOf(const DmaRequest& request, const FrontEndText& unit) {
  bool has_backend = request.backend != 0 || request.interface != Interface::kScsi;
  return has_backend || unit.view().empty() ? request.name.view() : unit.view();
}

// Like QEMU's own statistics, this counts no bytes for requests that failed or were cancelled.
Value BytesOf(const DmaRequest& request, int64_t ret) {
  return request.has_part && ret >= 0 ? Value::Unsigned(request.bytes) : Value();
}

BlockStatus StatusOf(int64_t ret) {
  if (ret >= 0) return BlockStatus::kOk;
  return ret == kCancelled ? BlockStatus::kCancelled : BlockStatus::kError;
}

}  // namespace

void DmaTransfers::OnIo(const Input& input, Context context) {
  uint32_t id = dma_.Open(input);
  if (id == DmaRequests::kNone) return EmitTrim(input, context);
  DmaRequest& request = dma_[id];
  if (IsTrim(input, request, context.hints)) {
    dma_.Close(id);
    return EmitTrim(input, context);
  }
  bool is_backend = context.devices.names().IsAttached(request.target);
  Announce(input, request, context);
  if (is_backend || !block_layer_seen_) Start(request, context);
}

// A TRIM with a different offset, because the guest set the LBA bit.
bool DmaTransfers::IsTrim(const Input& input, const DmaRequest& request, FrontEndHints& hints) {
  Hint* trim = hints.Latest([&](const Hint& hint) {
    return hint.Announces(HintKind::Announces::kTrim) && hint.front_end == FrontEndOf(request.target) &&
           SameThread(hint.thread, input.thread);
  });
  if (trim == nullptr) return false;
  trim->kind = nullptr;
  return true;
}

// QEMU logs neither the ranges of a TRIM nor its end.
void DmaTransfers::EmitTrim(const Input& input, Context context) {
  context.out.Emit({.interface = Interface::kIde,
                    .backend = context.devices.BackendOf(FrontEndOf(input.args[1].bits)).backend,
                    .name = input.args[1].text(),
                    .operation = BlockOperation::kUnmap,
                    .bytes = {},
                    .duration = {},
                    .status = BlockStatus::kOk});
}

// Finds the front end that made the request.
void DmaTransfers::Announce(const Input& input, DmaRequest& request, Context context) {
  Hint* hint = HintFor(input, request, context);
  if (hint == nullptr) {
    bool is_scsi = context.devices.names().knows_attachments() && !context.devices.names().IsAttached(request.target);
    request.interface = is_scsi ? Interface::kScsi : context.devices.InterfaceOf(request.target);
    return;
  }
  request.front_end = hint->front_end;
  request.interface = hint->kind->interface;
  request.length = hint->bytes;
  if (hint->Announces(HintKind::Announces::kUnitTransfer)) context.scsi.OnDma(hint->key);
  hint->kind = nullptr;
}

// A SCSI request names no backend; the others do. If the log began late, a backend may not be known as attached.
Hint* DmaTransfers::HintFor(const Input& input, const DmaRequest& request, Context context) {
  bool may_be_scsi = !context.devices.names().IsAttached(request.target);
  Interface known = context.devices.InterfaceOf(request.target);
  return context.hints.Latest([&](const Hint& hint) {
    using Announces = HintKind::Announces;
    bool possible = hint.Announces(Announces::kTransfer) || (hint.Announces(Announces::kUnitTransfer) && may_be_scsi);
    bool of_others = known != Interface::kNone && known != hint.kind->interface;
    return possible && !of_others && hint.Fits(request.direction, request.next_offset, input.thread);
  });
}

// From here on, the request is known to be a transfer.
void DmaTransfers::Start(DmaRequest& request, Context context) {
  uint64_t backend = BackendOf(request);
  if (!request.started) context.out.EmitDmaStart(DeviceOf(request, context.devices), request.direction);
  request.started = true;
  if (request.interface == Interface::kNone) request.interface = context.devices.InterfaceOf(backend);
  if (request.interface == Interface::kNone || backend == 0) return;
  context.devices.Learn(request.front_end, {backend, request.name.view()}, request.interface);
}

void DmaTransfers::OnComplete(const Input& input, Context context) {
  uint32_t id = dma_.Find(input.args[0].bits);
  if (id != DmaRequests::kNone) End(id, SignedOf(input.args[1]), input, context);
}

void DmaTransfers::OnCancel(const Input& input, Context context) {
  uint32_t id = dma_.Find(input.args[0].bits);
  if (id != DmaRequests::kNone && dma_[id].waits_for_memory) End(id, kCancelled, input, context);
}

void DmaTransfers::End(uint32_t id, int64_t ret, const Input& input, Context context) {
  DmaRequest& request = dma_[id];
  if (request.started) {
    context.out.EmitDma(DeviceOf(request, context.devices), request.direction, BytesOf(request, ret),
                        DurationOf(request.start_us, input.time_us));
  }
  ended_ = {true, input.args[0].bits, ret, input.time_us, input.thread};
  bool name_may_come = request.interface == Interface::kNvme && !context.devices.HasName(BackendOf(request));
  if (!name_may_come) Finish(context);
}

void DmaTransfers::OnNextLine(NextLine kind, const Input& input, Context context) {
  uint32_t id = dma_.Find(ended_.dbs);
  bool names_it = id != DmaRequests::kNone && kind == NextLine::kNamesDisk && SameThread(ended_.thread, input.thread);
  if (names_it && BackendOf(dma_[id]) != 0) context.devices.Name(BackendOf(dma_[id]), input.args[1].text());
  Finish(context);
}

void DmaTransfers::Finish(Context context) {
  ended_.waits = false;
  uint32_t id = dma_.Find(ended_.dbs);
  if (id == DmaRequests::kNone) return;
  DmaRequest& request = dma_[id];
  if (request.started && request.interface != Interface::kNone) {
    FrontEndText unit(request.front_end);
    context.out.Emit({.interface = request.interface,
                      .backend = BackendOf(request),
                      .name = NameOf(request, unit),
                      .operation = OperationOf(request.direction),
                      .bytes = BytesOf(request, ended_.ret),
                      .duration = DurationOf(request.start_us, ended_.time_us),
                      .status = StatusOf(ended_.ret)});
  }
  dma_.Close(id);
}

// A request that names no backend can reach any backend that may be a SCSI disk and is not known as another disk.
DmaRequests::Claimants DmaTransfers::ClaimantsOf(const BlockIo& io, const BlockDevices& devices) const {
  using Reach = DmaRequests::Reach;
  auto may_be_scsi = [](Interface interface) { return interface == Interface::kNone || interface == Interface::kScsi; };
  return dma_.ClaimantsOf(io, [&](const DmaRequest& request) {
    bool may_be = may_be_scsi(request.interface) && may_be_scsi(devices.InterfaceOf(io.backend)) &&
                  !devices.IsNamedByRequests(io.backend) && !devices.names().IsAttached(request.target);
    bool is_too_long = request.length != 0 && static_cast<uint64_t>(io.bytes) > request.length - request.bytes;
    if (!may_be || is_too_long) return Reach::kNot;
    if (request.backend != 0) return request.backend == io.backend ? Reach::kSurely : Reach::kNot;
    BlockDevices::Known unit = devices.BackendOf(request.front_end);
    if (!unit.certain) return Reach::kMaybe;
    return unit.backend == io.backend ? Reach::kSurely : Reach::kElsewhere;
  });
}

void DmaTransfers::AddPart(uint32_t id, const BlockIo& io, DmaRequests::Claim claim, Context context) {
  DmaRequest& request = dma_[id];
  bool by_name = request.target == io.backend;
  // It looked like a SCSI request, because its backend was attached before the log began.
  if (by_name && request.interface == Interface::kScsi) request.interface = context.devices.InterfaceOf(io.backend);
  dma_.AddPart(id, io, claim);
  if (claim == DmaRequests::Claim::kSure) {
    context.devices.Use(io, by_name ? BlockDevices::Target::kByName : BlockDevices::Target::kOther);
  }
  Start(request, context);
}

void DmaTransfers::AbandonOld(int64_t now_us) {
  dma_.AbandonOld(now_us);
}

bool DmaTransfers::IsOf(Interface interface, uint64_t dbs) const {
  uint32_t id = dma_.Find(dbs);
  return id != DmaRequests::kNone && dma_[id].interface == interface;
}

std::string DmaTransfers::Explain(uint64_t dbs, const BlockDevices& devices) const {
  uint32_t id = dma_.Find(dbs);
  if (id == DmaRequests::kNone) return {};
  const DmaRequest& request = dma_[id];
  std::string_view device = devices.PeekLabel(BackendOf(request));
  return std::string("an open ") + (request.direction == DmaDirection::kRead ? "read of " : "write to ") +
         std::string(device.empty() ? request.name.view() : device) + ", " + std::to_string(request.bytes) +
         " bytes so far";
}

void DmaTransfers::CountInFlight(BlockRequestsInFlight& in_flight) const {
  for (uint32_t id = dma_.oldest(); id != DmaRequests::kNone; id = dma_.newer(id)) {
    const DmaRequest& request = dma_[id];
    bool has_ended = ended_.waits && dma_.Find(ended_.dbs) == id;
    if (!request.started || request.interface == Interface::kNone || has_ended) continue;
    FrontEndText unit(request.front_end);
    in_flight.Add(request.interface, BackendOf(request), NameOf(request, unit));
  }
}

void DmaTransfers::Reset() {
  dma_.AbandonAll();
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

}  // namespace qte::decoders
