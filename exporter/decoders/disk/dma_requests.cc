#include "decoders/disk/dma_requests.h"

#include <stdexcept>
#include <tuple>
#include <utility>

#include "joins/saved.h"

namespace qte::decoders {
using namespace joins;
namespace {

using nlohmann::json;

// [dbs, target, backend, next_offset, bytes, start_us, thread, name, direction, started, interface, front_end,
// length, order, has_part, waits_for_memory]. An array saves memory: 65,536 JSON objects would take about 100 MB.
json SaveRequest(uint64_t dbs, const DmaRequest& request) {
  return json::array({dbs, request.target, request.backend, request.next_offset, request.bytes,
                      request.start_us, request.thread, std::string(request.name.view()), request.direction,
                      request.started, request.interface, request.front_end, request.length, request.order,
                      request.has_part, request.waits_for_memory});
}

void RestoreRequest(const json::array_t& row, DmaRequest& request) {
  request.target = SavedUnsigned(row[1]);
  request.backend = SavedUnsigned(row[2]);
  request.next_offset = SavedSigned(row[3]);
  request.bytes = SavedUnsigned(row[4]);
  request.start_us = SavedSigned(row[5]);
  request.thread = SavedUnsigned(row[6]);
  request.name = SavedPointerText(row[7]);
  request.direction = SavedEnum<DmaDirection>(row[8]);
  request.started = SavedFlag(row[9]);
  request.interface = SavedEnum<Interface>(row[10]);
  request.front_end = SavedUnsigned(row[11]);
  request.length = SavedUnsigned(row[12]);
  request.order = SavedUnsigned(row[13]);
  request.has_part = SavedFlag(row[14]);
  request.waits_for_memory = SavedFlag(row[15]);
}

}  // namespace

BlockIo::BlockIo(const Input& input, DmaDirection way)
    : backend(input.args[0].bits),
      backend_text(input.args[0].text()),
      node(input.args[1].bits),
      offset(SignedOf(input.args[2])),
      bytes(SignedOf(input.args[3])),
      thread(input.thread),
      direction(way),
      time_us(input.time_us),
      zeroes(way == DmaDirection::kWrite && input.args[4].has_value() && (input.args[4].bits & 2) != 0) {}

uint32_t DmaRequests::Open(const Input& io) {
  const auto& [dbs, target, offset, to_dev] = std::tie(io.args[0], io.args[1], io.args[2], io.args[3]);
  if (uint32_t same = Find(dbs.bits); same != kNone) Abandon(same);
  if (SignedOf(offset) < 0) return kNone;  // TRIM
  open_.MakeRoom(dbs.bits, [this](uint32_t id) { Abandon(id); });
  uint32_t id = open_.Open(dbs.bits);
  DmaRequest& request = open_[id];
  request.target = target.bits;
  request.name.Assign(target.text());
  request.next_offset = SignedOf(offset);
  request.direction = to_dev.bits == 0 ? DmaDirection::kRead : DmaDirection::kWrite;
  request.start_us = io.time_us;
  return id;
}

void DmaRequests::AbandonOld(int64_t now_us) {
  open_.AbandonOld(now_us, [this](uint32_t id) { Abandon(id); });
}

void DmaRequests::AbandonAll() {
  open_.AbandonAll([this](uint32_t id) { Abandon(id); });
}

void DmaRequests::Close(uint32_t id) {
  StopAwaiting(id);
  open_.Close(id);
}

void DmaRequests::Abandon(uint32_t id) {
  StopAwaiting(id);
  open_.Abandon(id);
}

void DmaRequests::OnCallback(const Input& callback, uint64_t order) {
  uint32_t id = Find(callback.args[0].bits);
  if (id == kNone) return;
  open_[id].waits_for_memory = false;
  if (SignedOf(callback.args[1]) >= 0) {
    Await(id, callback.thread);
    open_[id].order = order;
  } else {
    StopAwaiting(id);
  }
}

void DmaRequests::OnMapWait(uint64_t dbs) {
  uint32_t id = Find(dbs);
  if (id == kNone) return;
  StopAwaiting(id);
  open_[id].waits_for_memory = true;
}

void DmaRequests::AddPart(uint32_t id, const BlockIo& io, Claim claim) {
  StopAwaiting(id);
  DmaRequest& request = open_[id];
  request.has_part = true;
  if (claim == Claim::kSure) {
    request.backend = io.backend;
    request.name.Assign(io.backend_text);
  }
  request.bytes += static_cast<uint64_t>(io.bytes);
  // Unsigned, because a malicious line can have any number.
  request.next_offset = static_cast<int64_t>(static_cast<uint64_t>(io.offset) + static_cast<uint64_t>(io.bytes));
}

void DmaRequests::Await(uint32_t id, uint64_t thread) {
  StopAwaiting(id);  // and await again as the latest
  DmaRequest& request = open_[id];
  request.thread = thread;
  request.awaiting = true;
  request.earlier = latest_;
  request.later = kNone;
  if (latest_ != kNone) open_[latest_].later = id;
  latest_ = id;
}

void DmaRequests::StopAwaiting(uint32_t id) {
  DmaRequest& request = open_[id];
  if (!request.awaiting) return;
  request.awaiting = false;
  (request.later == kNone ? latest_ : open_[request.later].earlier) = request.earlier;
  if (request.earlier != kNone) open_[request.earlier].later = request.later;
}

// {"requests": the oldest first, "awaiting": [dbs, ...] of those that await a part, the latest first, "abandoned"}
json DmaRequests::Save() const {
  json awaiting = json::array();
  for (uint32_t id = latest_; id != kNone; id = open_[id].earlier) awaiting.push_back(open_.KeyOf(id));
  return {{"requests", open_.Save(SaveRequest)}, {"awaiting", std::move(awaiting)}, {"abandoned", abandoned()}};
}

void DmaRequests::Restore(const json& state) {
  open_.Restore(state.at("requests"), 16, RestoreRequest, [this](uint32_t id) { Abandon(id); });
  bool all_kept = state.at("requests").size() == open();
  const json::array_t& awaiting = SavedList(state.at("awaiting"));
  for (auto dbs = awaiting.rbegin(); dbs != awaiting.rend(); ++dbs) {
    uint32_t id = Find(SavedUnsigned(*dbs));
    if (id == kNone && !all_kept) continue;
    if (id == kNone || open_[id].awaiting) throw std::runtime_error("saved state: a wrong row of awaiting requests");
    Await(id, open_[id].thread);
  }
  open_.AddAbandoned(SavedUnsigned(state.at("abandoned")));
}

}  // namespace qte::decoders
