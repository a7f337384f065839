// Finds open requests by a tag that is not unique, because several controllers or queues can use it. Newest first.
#pragma once

#include <cstdint>

#include "decoders/disk/open_requests.h"
#include "joins/pointer_table.h"

namespace qte::decoders {

// `Request` has a `uint64_t tag`, and `uint32_t older` and `newer`, which belong to the index.
template <class Request>
class TagIndex {
 public:
  static constexpr uint32_t kNone = FlatIndex::kNone;

  explicit TagIndex(size_t max_open) : newest_(max_open) {}

  // The next request is at Request::older.
  uint32_t NewestOf(uint64_t tag) const {
    uint32_t at = newest_.Find(tag);
    return at == kNone ? kNone : newest_[at];
  }

  // Adds a request that was just opened. The table has room for the tags of all open requests, so it cannot be full.
  void Link(OpenRequests<Request>& open, uint32_t id) {
    Request& request = open[id];
    bool is_first = false;
    uint32_t& newest = newest_[newest_.FindOrAdd(request.tag, is_first)];
    request.older = is_first ? kNone : newest;
    request.newer = kNone;
    if (!is_first) open[newest].newer = id;
    newest = id;
  }

  // Call this before the request is closed.
  void Unlink(OpenRequests<Request>& open, uint32_t id) {
    const Request& request = open[id];
    if (request.older != kNone) open[request.older].newer = request.newer;
    if (request.newer != kNone) {
      open[request.newer].older = request.older;
      return;
    }
    uint32_t at = newest_.Find(request.tag);
    if (request.older == kNone) return newest_.Erase(at);
    newest_[at] = request.older;
  }

 private:
  joins::PointerTable<uint32_t> newest_;  // by tag
};

}  // namespace qte::decoders
