#include "guests/newcomers.h"

#include <algorithm>

#include "base/hash.h"

namespace qte::guests {

unsigned Newcomers::Admit(std::string_view name) {
  const uint64_t hash = StableHash(name);
  std::vector<uint64_t>& waiting = state_.waiting;
  if (auto found = std::find(waiting.begin(), waiting.end(), hash); found != waiting.end()) {
    *found = 0;
    return 2;
  }
  if (state_.once.size() < kMostOnce) {
    state_.once.emplace_back(name);
    return 1;
  }
  if (waiting.size() < kMostWaiting) {
    waiting.push_back(hash);
  } else {
    waiting[state_.next] = hash;
    state_.next = (state_.next + 1) % kMostWaiting;
  }
  return 0;
}

void Newcomers::Resume(State state) {
  state_ = std::move(state);
  state_.waiting.resize(std::min(state_.waiting.size(), kMostWaiting));
  state_.next %= kMostWaiting;
}

void Newcomers::Recur(std::string_view name) {
  if (!state_.once.empty()) std::erase(state_.once, name);
}

}  // namespace qte::guests
