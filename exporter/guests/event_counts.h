// How often each trace event was seen in one guest: qemu_trace_events_total and /api/v1/events.
//
// Every line pays for this, so a count is one increment in a page of an array. Events that no catalog declares get ids
// behind the declared ones when they are first seen, up to a limit for each guest; beyond it they count together as
// "_other_".
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string_view>
#include <vector>

#include "metrics/budget.h"
#include "metrics/snapshot.h"
#include "trace/name_table.h"

namespace qte::guests {

class EventCounts {
 public:
  // `declared` are the catalog's names; their ids are the events' ids.
  EventCounts(const trace::NameTable& declared, metrics::Budget& names)
      : declared_count_(static_cast<uint32_t>(declared.size())), pages_(PagesFor(declared_count_)), share_(names) {}

  // The id of an event that is not declared.
  uint32_t UndeclaredId(std::string_view name);
  // The same, or NameTable::kNone if no such event was counted under its own name.
  uint32_t FindUndeclared(std::string_view name) const {
    const uint32_t known = undeclared_.Find(name);
    return known == trace::NameTable::kNone ? known : declared_count_ + known;
  }

  // Both return the count after the increment.
  uint64_t Increment(uint32_t id) {
    if (id / kPageSize >= pages_.size()) pages_.resize(id / kPageSize + 1);
    return IncrementDeclared(id);
  }
  uint64_t IncrementDeclared(uint32_t id) {
    std::unique_ptr<Page>& page = pages_[id / kPageSize];
    if (page == nullptr) page = std::make_unique<Page>();
    return ++(*page)[id % kPageSize];
  }
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

  bool IsDeclared(uint32_t id) const { return id < declared_count_; }
  std::string_view UndeclaredName(uint32_t id) const { return undeclared_.NameOf(id - declared_count_); }
  // Events that were counted as "_other_", each time one was seen.
  uint64_t overflowed() const { return overflowed_; }

  metrics::CountsSnapshot TakeSnapshot(std::shared_ptr<const metrics::Labels> base) const;
  void Clear();
  // Another catalog: every event counts on under its new id.
  void Use(const trace::NameTable& before, const trace::NameTable& declared);
  // Adds counts that ToJson has made, and throws where they are something else.
  void Restore(const nlohmann::json& saved, const trace::NameTable& declared);

 private:
  static constexpr size_t kPageSize = 32;  // pages exist once an event of theirs was seen: a guest logs few of all
  using Page = std::array<uint64_t, kPageSize>;

  static size_t PagesFor(uint32_t events) { return (events + kPageSize - 1) / kPageSize; }
  void Add(std::string_view name, uint64_t count, const trace::NameTable& declared);

  uint32_t declared_count_;
  std::vector<std::unique_ptr<Page>> pages_;  // as many as declared events need, or more
  trace::NameTable undeclared_;
  metrics::LabelList names_{1};  // the undeclared ones again, for snapshots, since a table moves when it grows
  metrics::Share share_;
  uint64_t overflowed_ = 0;
};

// {event: count}.
nlohmann::json ToJson(const metrics::CountsSnapshot& counts, const trace::NameTable& declared);

}  // namespace qte::guests
