#include "correlation/dma_requests.h"

#include <algorithm>

namespace qte::correlation {
namespace {

// Bounds what one read or write can cost. A part follows its dma_blk_cb within microseconds, or after a drained
// section, which holds back the queues of a few devices: fewer than this.
constexpr int kMaxLooks = 1024;

bool SameThread(uint64_t a, uint64_t b) {
  return a == b || a == kNoThread || b == kNoThread;
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

bool DmaRequests::MayClaim(const DmaRequest& request, const BlockIo& io, const BlockNames& names) {
  if (request.direction != io.direction || request.next_offset != io.offset) return false;
  return request.target == io.backend || !names.IsAttached(request.target);
}

}  // namespace qte::correlation
