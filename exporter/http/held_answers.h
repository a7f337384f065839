// The answers that clients are being sent, and how much memory they hold together. A client that reads slowly keeps an
// answer while newer ones are made for others.
#pragma once

#include <algorithm>
#include <list>

#include "http/shared_answer.h"

namespace qte::http {

class HeldAnswers {
 public:
  void Add(const Answer* answer) {
    auto found = Find(answer);
    if (found != held_.end()) {
      ++found->readers;
      return;
    }
    held_.push_back({answer, answer->response().body.size(), 1});
    bytes_ += held_.back().bytes;
  }
  // The answer need not be there any more.
  void Remove(const Answer* answer) {
    auto found = Find(answer);
    if (found == held_.end() || --found->readers > 0) return;
    bytes_ -= found->bytes;
    held_.erase(found);
  }
  // Two may be as large as they are.
  bool are_too_many() const { return held_.size() > 2 && bytes_ > kMostBytes; }

 private:
  static constexpr size_t kMostBytes = size_t{16} << 20;
  struct Held {
    const Answer* answer;
    size_t bytes;
    int readers;
  };
  std::list<Held>::iterator Find(const Answer* answer) {
    return std::find_if(held_.begin(), held_.end(), [&](const Held& held) { return held.answer == answer; });
  }

  std::list<Held> held_;
  size_t bytes_ = 0;
};

}  // namespace qte::http
