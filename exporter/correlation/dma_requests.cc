#include "correlation/dma_requests.h"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "correlation/elapsed.h"
#include "correlation/saved.h"

namespace qte::correlation {
namespace {

// Bounds what one read or write can cost. A part follows its dma_blk_cb within microseconds, or after a drained
// section, which holds back the queues of a few devices: fewer than this.
constexpr int kMaxLooks = 1024;

using nlohmann::json;

bool SameThread(uint64_t a, uint64_t b) {
  return a == b || a == kNoThread || b == kNoThread;
}

// [dbs, target, backend, node, next_offset, bytes, start_us, thread, name, direction, started]; tens of thousands of
// JSON objects would take a hundred megabytes.
json SaveRequest(uint64_t dbs, const DmaRequest& request) {
  return json::array({dbs, request.target, request.backend, request.node, request.next_offset, request.bytes,
                      request.start_us, request.thread, std::string(request.name.view()), request.direction,
                      request.started});
}

void RestoreRequest(const json::array_t& row, DmaRequest& request) {
  request.target = SavedUnsigned(row[1]);
  request.backend = SavedUnsigned(row[2]);
  request.node = SavedUnsigned(row[3]);
  request.next_offset = SavedSigned(row[4]);
  request.bytes = SavedUnsigned(row[5]);
  request.start_us = SavedSigned(row[6]);
  request.thread = SavedUnsigned(row[7]);
  const std::string& name = SavedText(row[8]);
  if (name.size() > PointerText::kMaxSize) throw std::runtime_error("saved state: a pointer that is too long");
  request.name.Assign(name);
  request.direction = static_cast<DmaDirection>(SavedUnsigned(row[9], static_cast<uint64_t>(DmaDirection::kLast)));
  request.started = SavedFlag(row[10]);
}

}  // namespace

void PointerText::Assign(std::string_view text) {
  size_ = static_cast<uint8_t>(std::min(text.size(), bytes_.size()));
  std::copy_n(text.begin(), size_, bytes_.begin());
}

uint32_t DmaRequests::Open(uint64_t dbs) {
  if (table_.full()) Abandon(table_.oldest());
  uint32_t id = table_.Add(dbs);
  table_[id] = DmaRequest();
  return id;
}

void DmaRequests::Close(uint32_t id) {
  StopAwaiting(id);
  table_.Erase(id);
}

void DmaRequests::Abandon(uint32_t id) {
  Close(id);
  ++abandoned_;
}

void DmaRequests::AbandonAll() {
  while (table_.oldest() != kNone) Abandon(table_.oldest());
}

void DmaRequests::AbandonOlderThan(int64_t now_us) {
  while (table_.oldest() != kNone) {
    int64_t start_us = table_[table_.oldest()].start_us;
    if (start_us == kNoTime || now_us <= start_us) return;
    if (ElapsedMicroseconds(start_us, now_us) <= max_age_us_) return;
    Abandon(table_.oldest());
  }
}

void DmaRequests::Await(uint32_t id, uint64_t thread) {
  StopAwaiting(id);  // to become the latest
  DmaRequest& request = table_[id];
  request.thread = thread;
  request.awaiting = true;
  request.earlier = latest_;
  request.later = kNone;
  if (latest_ != kNone) table_[latest_].later = id;
  latest_ = id;
}

void DmaRequests::StopAwaiting(uint32_t id) {
  DmaRequest& request = table_[id];
  if (!request.awaiting) return;
  request.awaiting = false;
  (request.later == kNone ? latest_ : table_[request.later].earlier) = request.earlier;
  if (request.earlier != kNone) table_[request.earlier].later = request.later;
}

uint32_t DmaRequests::Claim(const BlockIo& io, const BlockNames& names) const {
  uint32_t of_other_thread = kNone;
  int looks = 0;
  for (uint32_t id = latest_; id != kNone && looks < kMaxLooks; id = table_[id].earlier, ++looks) {
    const DmaRequest& request = table_[id];
    if (!MayClaim(request, io, names)) continue;
    if (SameThread(request.thread, io.thread)) return id;
    if (of_other_thread == kNone) of_other_thread = id;
  }
  // The coroutine was held back and woken by another thread.
  return of_other_thread;
}

// {"requests": the oldest first, "awaiting": [dbs, ...] of those that await a part, the latest first, "abandoned"}
json DmaRequests::Save() const {
  json requests = json::array();
  for (uint32_t id = table_.oldest(); id != kNone; id = table_.newer(id)) {
    requests.push_back(SaveRequest(table_.PointerOf(id), table_[id]));
  }
  json awaiting = json::array();
  for (uint32_t id = latest_; id != kNone; id = table_[id].earlier) awaiting.push_back(table_.PointerOf(id));
  return {{"requests", std::move(requests)}, {"awaiting", std::move(awaiting)}, {"abandoned", abandoned_}};
}

void DmaRequests::Restore(const json& state) {
  const json::array_t& requests = SavedList(state.at("requests"));
  for (const json& from : requests) {
    const json::array_t& row = SavedRow(from, 11);
    uint64_t dbs = SavedUnsigned(row[0]);
    if (Find(dbs) != kNone) throw std::runtime_error("saved state: the same request twice");
    RestoreRequest(row, table_[Open(dbs)]);
  }
  bool all_kept = requests.size() == open();
  const json::array_t& awaiting = SavedList(state.at("awaiting"));
  for (auto dbs = awaiting.rbegin(); dbs != awaiting.rend(); ++dbs) {
    uint32_t id = Find(SavedUnsigned(*dbs));
    if (id == kNone && !all_kept) continue;
    if (id == kNone || table_[id].awaiting) throw std::runtime_error("saved state: a wrong row of awaiting requests");
    Await(id, table_[id].thread);
  }
  abandoned_ += SavedUnsigned(state.at("abandoned"));
}

bool DmaRequests::MayClaim(const DmaRequest& request, const BlockIo& io, const BlockNames& names) {
  if (request.direction != io.direction || request.next_offset != io.offset) return false;
  return request.target == io.backend || !names.IsAttached(request.target);
}

}  // namespace qte::correlation
