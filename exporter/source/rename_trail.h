// Files that were rotated away before anybody looked.
//
// Two rotations between two looks at a directory leave a file in the middle that was never seen under the followed
// name: vm.log is now the third file, the second stands at vm.log.1. The directory's events tell where it went. In:
// moves, in order. Out: where files that once stood at a followed path are now. Forgotten after each look.
#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "source/watcher.h"

namespace qte::source {

class RenameTrail {
 public:
  struct Entry {
    std::string origin;       // the followed path
    size_t source = 0;        // its spec
    std::string path;         // where the file is now
    int looks = 0;            // how often it was looked for
    bool is_settled = false;  // looked for, and not moved since
  };

  // A file that moved on during each of so many looks is let go: it has most likely been found, and what has been read
  // and closed since must not be opened again.
  static constexpr int kMaxLooks = 4;

  // More than this between two looks is not a log rotation.
  static constexpr size_t kMaxEntries = 1024;

  // `source_of(path)` is the spec that follows a path, as std::optional<size_t>.
  // True if there is a file to look for, where it is now.
  template <class SourceOf>
  bool Add(const Watcher::Move& move, SourceOf&& source_of) {
    std::optional<Entry> moved = Take(move.from);
    Take(move.to);  // what stood there is gone
    if (!moved && !move.from.empty()) {
      if (std::optional<size_t> source = source_of(move.from))
        moved = Entry{.origin = move.from, .source = *source, .path = {}};
    }
    if (!moved || moved->looks >= kMaxLooks || entries_.size() >= kMaxEntries) return false;
    moved->path = move.to;
    moved->is_settled = false;
    entries_.push_back(std::move(*moved));
    return true;
  }

  const std::vector<Entry>& entries() const { return entries_; }
  // Every entry has been looked for at its path.
  void MarkLookedFor() {
    for (Entry& entry : entries_) {
      ++entry.looks;
      entry.is_settled = true;
    }
  }
  // All moves until after the look have been added.
  void ForgetSettled() {
    std::erase_if(entries_, [](const Entry& entry) { return entry.is_settled; });
  }

 private:
  std::optional<Entry> Take(const std::string& path) {
    auto found = std::find_if(entries_.begin(), entries_.end(), [&](const Entry& entry) { return entry.path == path; });
    if (found == entries_.end()) return std::nullopt;
    Entry entry = std::move(*found);
    entries_.erase(found);
    return entry;
  }

  std::vector<Entry> entries_;
};

}  // namespace qte::source
