// Finds the series that an event's rules change, from the event's values.
//
// Rules of one event with the same labels share a label set. The label texts are rendered once for each combination of
// arguments. After that, a cache finds the series by the arguments' bytes (see series_cache.h).
//
// A LabelSets object belongs to one Process and is used by that process's thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "metrics/families.h"
#include "rules/lookups.h"
#include "rules/program.h"
#include "rules/series_cache.h"
#include "rules/series_key.h"

namespace qte::rules {

class LabelSets {
 public:
  LabelSets(const Program& program, Lookups& lookups, metrics::Families& families);

  // Starts a new event. Values that were read from a line point into `line`.
  void Begin(std::string_view line) {
    ++event_;
    line_ = line;
  }
  std::string_view line() const { return line_; }
  // The series of a rule for the current event. Creates it if it is new.
  metrics::SeriesId SeriesOf(const RulePlan& rule, const Values& values) {
    Set& set = sets_[rule.label_set];
    if (set.event != event_) Enter(set, values);
    metrics::SeriesId known = set.entry == SeriesCache::kNoEntry ? SeriesCache::kUnknown
                                                                 : set.cache->SeriesOf(set.entry, rule.column);
    return known != SeriesCache::kUnknown ? known : FindOrMake(rule, set, values);
  }
  // Creates the series of a rule if its labels do not depend on any event.
  void MakeForeseeable(const RulePlan& rule);
  // Call this when series were removed or replaced. All series are then looked up again.
  void Forget();

 private:
  // One label set, and its cache entry for the current event.
  struct Set {
    const LabelSetPlan* plan;
    bool is_constant;
    size_t max_entries;                            // limit of the cache
    std::unique_ptr<SeriesCache> cache = nullptr;  // created on first use, because a guest uses few of all label sets
    uint64_t event = 0;                            // the event whose entry is known
    uint32_t entry = SeriesCache::kNoEntry;
  };

  void Enter(Set& set, const Values& values);
  SeriesKey KeyOf(const LabelSetPlan& plan, const Values& values);
  void AddLookups(const LabelSetPlan& plan, const Values& values);
  metrics::SeriesId FindOrMake(const RulePlan& rule, Set& set, const Values& values);
  void Render(const LabelPlan& label, const Values& values, std::string& out);

  const Program& program_;
  Lookups& lookups_;
  metrics::Families& families_;
  std::vector<Set> sets_;
  uint64_t event_ = 0;  // number of the current event
  std::string_view line_;

  // Scratch memory, kept so that lines do not allocate.
  SeriesKeyBuilder key_;
  std::vector<std::string> rendered_;
  std::vector<std::string_view> rendered_views_;
};

}  // namespace qte::rules
