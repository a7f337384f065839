// When each set of source labels (as a rule one VM) last had anything to tell, so that what is gone can expire.
//
// Who counts bytes adds them to an entry; the time is looked at every few seconds only. One thread.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <vector>

#include "base/clock.h"
#include "metrics/snapshot.h"

namespace qte::pipeline {

class Activity {
 public:
  struct Entry {
    uint64_t bytes = 0;
    uint64_t known_bytes = 0;  // when it was looked at last
    Clock::Time changed{};
  };

  // Stays where it is until TakeIdle gives its labels.
  Entry& For(const metrics::Labels& labels) { return entries_[labels]; }

  bool Has(const metrics::Labels& labels) const { return entries_.contains(labels); }
  // Calls visit(labels) for every set.
  template <class Visit>
  void ForEachLabels(Visit&& visit) const {
    for (const auto& [labels, entry] : entries_) visit(labels);
  }

  void Remove(const metrics::Labels& labels) { entries_.erase(labels); }
  // Removes the sets that are not among these.
  void Keep(const std::set<metrics::Labels>& labels) {
    std::erase_if(entries_, [&](const auto& entry) { return !labels.contains(entry.first); });
  }
  // Goes on with the sets that `takes`.
  template <class Takes>
  void Adopt(const Activity& old, Takes&& takes) {
    for (const auto& [labels, entry] : old.entries_) {
      if (takes(labels)) entries_.insert_or_assign(labels, entry);
    }
  }

  // Removes and returns the label sets that had no byte for `limit`, as far as looks at the time can tell. A set that
  // is looked at for the first time counts from now.
  std::vector<metrics::Labels> TakeIdle(Clock::Time now, Clock::Duration limit) {
    std::vector<metrics::Labels> idle;
    for (auto item = entries_.begin(); item != entries_.end();) {
      Entry& entry = item->second;
      bool is_new = entry.changed == Clock::Time{};
      if (is_new || entry.bytes != entry.known_bytes) {
        entry.known_bytes = entry.bytes;
        entry.changed = now;
      }
      if (now - entry.changed < limit) {
        ++item;
      } else {
        idle.push_back(item->first);
        item = entries_.erase(item);
      }
    }
    return idle;
  }

 private:
  std::map<metrics::Labels, Entry> entries_;
};

}  // namespace qte::pipeline
