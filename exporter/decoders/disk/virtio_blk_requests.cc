#include "decoders/disk/virtio_blk_requests.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "joins/saved.h"

namespace qte::decoders {
using namespace joins;
namespace {

using nlohmann::json;
using trace::Value;

constexpr uint64_t kSectorBytes = 512;

// Bounds the cost of one read or write while a device's disk is unknown.
constexpr int kMaxLooks = 1024;

}  // namespace

VirtioBlkRequests::VirtioBlkRequests(const DecoderLimits& limits)
    : open_(limits), pops_(std::min(kMaxPops, limits.max_open)) {}

void VirtioBlkRequests::OnPop(const Input& input, FrontEndHints& hints) {
  uint64_t element = input.args[1].bits;
  bool reads_nothing = input.args[2].bits == 1 && input.args[3].bits >= 1;
  if (!reads_nothing) {
    if (uint32_t id = pops_.Find(element); id != kNone) pops_.Erase(id);
    return;
  }
  bool has_payload = input.args[3].bits > 1;
  bool added = false;
  pops_[pops_.FindOrAdd(element, added)] = {input.time_us, has_payload};
  if (!has_payload) return;
  Hint hint;
  hint.kind = &kPayload;
  hint.direction = DmaDirection::kWrite;
  hint.thread = input.thread;
  hint.key = element;
  hints.Put(hint);
}

void VirtioBlkRequests::OnHandle(const Input& input, DmaDirection direction, const BlockDevices& devices,
                                 FrontEndHints& hints) {
  uint64_t key = input.args[1].bits;
  if (uint32_t pop = pops_.Find(key); pop != kNone) pops_.Erase(pop);
  if (direction == DmaDirection::kWrite) hints.DropKey(kPayload, key);
  Request request;
  request.start_us = input.time_us;
  request.device = input.args[0].bits;
  request.device_text.Assign(input.args[0].text());
  // Unsigned, because a malicious line can have any number.
  request.offset = static_cast<int64_t>(input.args[2].bits * kSectorBytes);
  request.bytes = input.args[3].bits * kSectorBytes;
  request.thread = input.thread;
  request.direction = direction;
  if (uint32_t same = open_.Find(key); same != kNone && open_[same].IsRetriedAs(request)) return;
  open_.MakeRoom(key, [this](uint32_t id) { Abandon(id); });
  Request& opened = open_[open_.Open(key)];
  opened = request;
  opened.order = hints.NextOrder();
  BlockDevices::Known known = devices.BackendOf(FrontEndOf(opened.device));
  if (known.certain) {
    opened.backend = known.backend;
  } else {
    ++waiting_;
  }
}

void VirtioBlkRequests::OnOwnBlockIo(const BlockIo& io, FrontEndHints& hints) {
  if (!io.zeroes) return;
  Hint* pop = hints.Latest(
      [&](const Hint& hint) { return hint.kind == &kPayload && hint.Fits(io.direction, io.offset, io.thread); });
  if (pop == nullptr) return;
  pop->kind = nullptr;
  if (uint32_t id = pops_.Find(pop->key); id != kNone) pops_.Erase(id);
  open_.MakeRoom(pop->key, [this](uint32_t id) { Abandon(id); });
  Request& request = open_[open_.Open(pop->key)];
  request.start_us = io.time_us;
  request.backend = io.backend;
  request.offset = io.offset;
  request.bytes = static_cast<uint64_t>(io.bytes);
  request.thread = io.thread;
  request.direction = io.direction;
  request.device_text.Assign(io.backend_text);
}

bool VirtioBlkRequests::OnBlockIo(const BlockIo& io, BlockDevices& devices) {
  if (waiting_ == 0 || devices.InterfaceOf(io.backend) != Interface::kNone) return false;
  uint64_t device = DeviceOf(io, devices);
  if (device == 0) return false;
  devices.Use(io);
  devices.Learn(FrontEndOf(device), {io.backend, io.backend_text}, Interface::kVirtioBlk);
  // Older requests learn the backend when they end.
  int looks = 0;
  for (uint32_t id = open_.newest(); id != kNone && looks < kMaxLooks; id = open_.older(id), ++looks) {
    Request& request = open_[id];
    if (request.device != device || request.backend != 0) continue;
    request.backend = io.backend;
    --waiting_;
  }
  return true;
}

template <class Visit>
void VirtioBlkRequests::ForEachWaiting(const BlockIo& io, Visit&& visit) const {
  int looks = 0;
  for (uint32_t id = open_.newest(); id != kNone && looks < kMaxLooks; id = open_.older(id), ++looks) {
    const Request& request = open_[id];
    bool matches = request.backend == 0 && request.offset == io.offset && request.direction == io.direction &&
                   io.bytes >= 0 && request.bytes <= static_cast<uint64_t>(io.bytes);
    if (matches && !visit(request)) return;
  }
}

uint64_t VirtioBlkRequests::WaitingFor(const BlockIo& io, const BlockDevices& devices) const {
  if (waiting_ == 0 || devices.InterfaceOf(io.backend) != Interface::kNone) return 0;
  uint64_t order = 0;
  ForEachWaiting(io, [&](const Request& request) {
    if (SameThread(request.thread, io.thread)) order = request.order;
    return order == 0;
  });
  return order;
}

uint64_t VirtioBlkRequests::DeviceOf(const BlockIo& io, const BlockDevices& devices) const {
  uint64_t device = 0;
  bool ambiguous = false;
  ForEachWaiting(io, [&](const Request& request) {
    // A thread turns all elements of a device's queue into reads and writes before it serves another device.
    bool in_this_thread = request.thread == io.thread && io.thread != kNoThread;
    bool was_here_before = devices.BackendOf(FrontEndOf(request.device)).backend == io.backend;
    bool is_it = in_this_thread || was_here_before;
    ambiguous = !is_it && (ambiguous || (device != 0 && device != request.device));
    device = request.device;
    return !is_it;
  });
  return ambiguous ? 0 : device;
}

void VirtioBlkRequests::OnComplete(const Input& input, const BlockDevices& devices, FrontEndHints& hints,
                                   BlockRequestSink& out) {
  hints.DropKey(kPayload, input.args[1].bits);
  uint32_t id = open_.Find(input.args[1].bits);
  if (id == kNone) return CompleteOther(input, devices, out);
  Request& request = open_[id];
  if (request.backend == 0) {
    --waiting_;
    request.backend = devices.BackendOf(FrontEndOf(request.device)).backend;
  }
  bool good = input.args[2].bits == 0;
  out.Emit({.interface = Interface::kVirtioBlk,
            .backend = request.backend,
            .name = request.device_text.view(),
            .operation = OperationOf(request.direction),
            .bytes = good ? Value::Unsigned(request.bytes) : Value(),
            .duration = DurationOf(request.start_us, input.time_us),
            .status = good ? BlockStatus::kOk : BlockStatus::kError});
  open_.Close(id);
}

void VirtioBlkRequests::CompleteOther(const Input& input, const BlockDevices& devices, BlockRequestSink& out) {
  uint32_t pop = pops_.Find(input.args[1].bits);
  if (pop == kNone) return;
  out.Emit({.interface = Interface::kVirtioBlk,
            .backend = devices.BackendOf(FrontEndOf(input.args[0].bits)).backend,
            .name = input.args[0].text(),
            .operation = pops_[pop].has_payload ? BlockOperation::kUnmap : BlockOperation::kFlush,
            .bytes = {},
            .duration = DurationOf(pops_[pop].time_us, input.time_us),
            .status = input.args[2].bits == 0 ? BlockStatus::kOk : BlockStatus::kError});
  pops_.Erase(pop);
}

void VirtioBlkRequests::Abandon(uint32_t id) {
  if (open_[id].backend == 0) --waiting_;
  open_.Abandon(id);
}

void VirtioBlkRequests::AbandonOld(int64_t now_us) {
  open_.AbandonOld(now_us, [this](uint32_t id) { Abandon(id); });
}

void VirtioBlkRequests::CountInFlight(BlockRequestsInFlight& in_flight) const {
  for (uint32_t id = open_.oldest(); id != kNone; id = open_.newer(id)) {
    in_flight.Add(Interface::kVirtioBlk, open_[id].backend, open_[id].device_text.view());
  }
}

void VirtioBlkRequests::Reset() {
  open_.AbandonAll([this](uint32_t id) { Abandon(id); });
  pops_.Clear();
}

// {"requests": [[req, start_us, device, backend, offset, bytes, thread, direction, device_text, order], ...],
//  "pops": [[element, time_us, has_payload], ...], "abandoned"}
json VirtioBlkRequests::Save() const {
  json requests = open_.Save([](uint64_t key, const Request& request) {
    return json::array({key, request.start_us, request.device, request.backend, request.offset, request.bytes,
                        request.thread, request.direction, std::string(request.device_text.view()), request.order});
  });
  json pops = SaveRows(pops_, [](uint64_t element, const Pop& pop) {
    return json::array({element, pop.time_us, pop.has_payload});
  });
  return {{"requests", std::move(requests)}, {"pops", std::move(pops)}, {"abandoned", abandoned()}};
}

void VirtioBlkRequests::Restore(const json& state) {
  auto restore = [this](const json::array_t& row, Request& request) {
    request.start_us = SavedSigned(row[1]);
    request.device = SavedUnsigned(row[2]);
    request.backend = SavedUnsigned(row[3]);
    request.offset = SavedSigned(row[4]);
    request.bytes = SavedUnsigned(row[5]);
    request.thread = SavedUnsigned(row[6]);
    request.direction = SavedEnum<DmaDirection>(row[7]);
    request.device_text = SavedPointerText(row[8]);
    request.order = SavedUnsigned(row[9]);
    if (request.backend == 0) ++waiting_;
  };
  open_.Restore(state.at("requests"), 10, restore, [this](uint32_t id) { Abandon(id); });
  for (const json& from : SavedList(state.at("pops"))) {
    const json::array_t& row = SavedRow(from, 3);
    AddSaved(pops_, row[0]) = {SavedSigned(row[1]), SavedFlag(row[2])};
  }
  open_.AddAbandoned(SavedUnsigned(state.at("abandoned")));
}

}  // namespace qte::decoders
