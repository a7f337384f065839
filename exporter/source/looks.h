// When files were looked for last: of each path or glob that was followed, and of each directory that was listed, by the
// clock that stamps files. A rotated file that was never seen is new if it is younger than the last look at its
// directory, or for its pattern, whichever came first.
//
// What is followed or listed no more is kept for 7 days, since it may come back: a typo in `sources`, a directory that was
// away.
#pragma once

#include <algorithm>
#include <compare>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "source/file_identity.h"

namespace qte::source {

// A directory, also when its file system is mounted again under another device number.
struct DirectoryKey {
  uint64_t inode = 0;
  int64_t birth = 0;
  auto operator<=>(const DirectoryKey&) const = default;  // NOLINT(modernize-use-nullptr): clang-tidy 14 misreads <=>
};

class Looks {
 public:
  // A pattern that is followed; 0 until it was looked for while all its directories were there.
  void Follow(const std::string& pattern) { patterns_.try_emplace(pattern, 0); }
  void Note(const std::string& pattern, int64_t time) { patterns_[pattern] = time; }
  void Note(const DirectoryKey& directory, int64_t time) { directories_[directory] = time; }

  bool empty() const { return patterns_.empty(); }
  bool IsKnown(const std::string& pattern) const { return patterns_.contains(pattern); }
  // 0 where there was none.
  int64_t At(const std::string& pattern) const { return In(patterns_, pattern); }
  int64_t At(const DirectoryKey& directory) const { return In(directories_, directory); }

  // Drops what is too old, and the oldest of what is too much.
  void Bound() {
    Bound(patterns_);
    Bound(directories_);
  }

  const std::map<std::string, int64_t>& patterns() const { return patterns_; }
  const std::map<DirectoryKey, int64_t>& directories() const { return directories_; }

 private:
  static constexpr size_t kMost = 65536;
  static constexpr int64_t kForgottenNs = int64_t{7} * 24 * 3600 * 1'000'000'000;

  template <typename Key>
  static int64_t In(const std::map<Key, int64_t>& times, const Key& key) {
    auto found = times.find(key);
    return found == times.end() ? 0 : found->second;
  }
  template <typename Key>
  static void Bound(std::map<Key, int64_t>& times) {
    const int64_t oldest = FileClockNow() - kForgottenNs;
    std::erase_if(times, [oldest](const auto& entry) { return entry.second != 0 && entry.second < oldest; });
    if (times.size() <= kMost) return;
    std::vector<int64_t> order;
    for (const auto& [key, time] : times) order.push_back(time);
    std::nth_element(order.begin(), order.end() - kMost, order.end());
    const int64_t least = *(order.end() - kMost);
    std::erase_if(times, [least](const auto& entry) { return entry.second < least; });
  }

  std::map<std::string, int64_t> patterns_;
  std::map<DirectoryKey, int64_t> directories_;
};

}  // namespace qte::source
