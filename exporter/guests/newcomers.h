// Which names without a declaration, and without a prefix of QEMU before them, count as events of a log.
//
// A guest's console and QEMU's `-d` output may stand in the same file, and some of their lines begin like an event.
// Such text is of many words that come once. So only a few names at a time count when they are first seen; while these
// wait for their second line, others have to recur before they count.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace qte::guests {

class Newcomers {
 public:
  static constexpr size_t kMostOnce = 16;
  static constexpr size_t kMostWaiting = 256;

  // A name that does not count yet was seen: how many lines of it count now, this one and an earlier one among them.
  unsigned Admit(std::string_view name);
  // One that counts was seen again.
  void Recur(std::string_view name);

  // For a checkpoint.
  struct State {
    std::vector<std::string> once;  // count, and were seen once
    std::vector<uint64_t> waiting;  // hashes of names that do not count, the oldest at `next` once there are many
    size_t next = 0;
  };
  const State& state() const { return state_; }
  void Resume(State state);

 private:
  State state_;
};

}  // namespace qte::guests
