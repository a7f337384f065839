// How often each trace event was seen, for each set of source labels: qemu_trace_events_total and /api/v1/events.
//
// Every line pays for this, so a count is one increment in a page of an array. Events that no catalog declares get ids
// of their own when they are first seen, up to a cap; beyond it they count together as "_other_". So do sources with
// labels of their own: VMs come and go, and their counts stay.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "metrics/family.h"
#include "metrics/snapshot.h"
#include "pipeline/shared_limits.h"
#include "trace/name_table.h"

namespace qte::pipeline {

// True for what can be the name of a trace event: letters, digits and underscores, with an underscore among them.
bool LooksLikeEventName(std::string_view word);

// Counts by event id, in pages that exist once an event of theirs was seen: a VM sees few of the thousands there are.
class CountPages {
 public:
  // Returns the count after the increment.
  uint64_t Increment(uint32_t id) {
    size_t page = id / kPageSize;
    if (page >= pages_.size() || pages_[page] == nullptr) AddPage(page);
    return ++(*pages_[page])[id % kPageSize];
  }
  void Add(uint32_t id, uint64_t count);
  // Calls visit(id, count) for every count above 0.
  template <class Visit>
  void ForEach(Visit&& visit) const {
    for (size_t page = 0; page < pages_.size(); ++page) {
      if (pages_[page] == nullptr) continue;
      for (size_t i = 0; i < kPageSize; ++i) {
        uint64_t count = (*pages_[page])[i];
        if (count != 0) visit(static_cast<uint32_t>(page * kPageSize + i), count);
      }
    }
  }

 private:
  static constexpr size_t kPageSize = 128;
  using Page = std::array<uint64_t, kPageSize>;
  void AddPage(size_t page);
  std::vector<std::unique_ptr<Page>> pages_;
};

// One event over all sources, for people.
struct SeenEvent {
  std::string name;
  uint64_t count = 0;
  std::string sample;     // the first line of it that was seen
  bool declared = false;  // its declaration is known
  bool used = false;      // a rule, lookup, span or decoder reads it
};

class EventCounts {
 public:
  // `declared` are the catalog's names; their ids are the events' ids.
  EventCounts(std::shared_ptr<const trace::NameTable> declared, const SharedLimits& limits)
      : declared_(std::move(declared)),
        declared_count_(declared_->size()),
        names_(*declared_),
        admitted_(limits.undeclared),
        label_sets_(limits.label_sets) {}

  // Counts by one set of source labels. Stable in memory.
  CountPages& For(const std::shared_ptr<const metrics::Labels>& labels);

  // Forgets the counts of one set; its CountPages are gone. "_other_" stays, since sources of other labels count there.
  void Remove(const metrics::Labels& labels);
  // Calls visit(labels) for every set.
  template <class Visit>
  void ForEachLabels(Visit&& visit) const {
    for (const auto& [labels, group] : groups_) visit(labels);
  }

  // The id of an event that is declared or was seen before, or NameTable::kNone.
  uint32_t Find(std::string_view name) const { return names_.Find(name); }
  // The id of any event.
  uint32_t IdOf(std::string_view name);
  std::string_view NameOf(uint32_t id) const { return names_.NameOf(id); }
  bool IsDeclared(uint32_t id) const { return id < declared_count_; }

  bool HasSample(uint32_t id) const { return id < samples_.size() && !samples_[id].empty(); }
  void SetSample(uint32_t id, std::string_view line);

  // Sets of source labels that were folded into "_other_", counted each time one is asked for.
  uint64_t overflowed() const { return overflowed_; }

  metrics::CountsSnapshot TakeSnapshot() const;
  // Without `used`, which is the program's to say.
  std::vector<std::pair<uint32_t, SeenEvent>> Seen() const;
  // What to do with a set of labels that is over the limit.
  enum class OverLimit {
    kKeep,  // it was within the limit of its time
    kFold,  // as For() does
  };
  // Adds the counts of those labels that `takes`.
  using Takes = metrics::Family::Takes;
  void AdoptGroups(const EventCounts& old, const Takes& takes, OverLimit over_limit);
  // Adds the rest: samples, and what was folded.
  void AdoptRest(const EventCounts& old);
  // For a checkpoint: Save copies, ToJson may run on another thread and makes
  // {"groups": [[labels, {event: count}], ...], "samples": {event: line}, "overflowed"}. Restore adds that, in two
  // parts as Adopt does, and throws where it is not what ToJson makes.
  struct Saved {
    metrics::CountsSnapshot counts;
    std::vector<std::pair<std::string, std::string>> samples;  // event and line
    uint64_t overflowed = 0;
  };
  Saved Save() const;
  static nlohmann::json ToJson(const Saved& saved);
  void RestoreGroups(const nlohmann::json& saved, const Takes& takes);
  void RestoreRest(const nlohmann::json& saved);

 private:
  // As For(), but whatever the limit: of counts that are taken over, none shall be folded.
  CountPages& Kept(const std::shared_ptr<const metrics::Labels>& labels);
  CountPages& Add(const std::shared_ptr<const metrics::Labels>& labels);

  struct Group {
    std::shared_ptr<const metrics::Labels> labels;
    CountPages counts;
  };

  std::shared_ptr<const trace::NameTable> declared_;
  size_t declared_count_;
  trace::NameTable names_;            // the declared ones, then the others as they come
  metrics::LabelList undeclared_{1};  // these others again, for snapshots, since a table moves when it grows
  std::shared_ptr<UndeclaredNames> admitted_;
  std::shared_ptr<metrics::Budget> label_sets_;  // but "_other_"
  uint64_t overflowed_ = 0;
  std::map<metrics::Labels, std::unique_ptr<Group>> groups_;
  std::vector<std::string> samples_;
};

}  // namespace qte::pipeline
