// From an event's values to the series that its rules move.
//
// Rules of one event that show the same labels share a label set. Its texts are rendered once for each combination of
// arguments; from then on their bytes lead to the series (see series_cache.h).
//
// Belongs to one Process and its thread.
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

  // Another event's values are asked for from now on. Those that were read from a line point into `line`.
  void Begin(std::string_view line) {
    ++event_;
    line_ = line;
  }
  std::string_view line() const { return line_; }
  // The series of a rule for the event at work, made if it is new.
  metrics::SeriesId SeriesOf(const RulePlan& rule, const Values& values) {
    Set& set = sets_[rule.label_set];
    if (set.event != event_) Enter(set, values);
    metrics::SeriesId known = set.entry == SeriesCache::kNoEntry ? SeriesCache::kUnknown
                                                                 : set.cache->SeriesOf(set.entry, rule.column);
    return known != SeriesCache::kUnknown ? known : FindOrMake(rule, set, values);
  }
  // Makes the series of a rule, if its labels do not depend on any event.
  void MakeForeseeable(const RulePlan& rule);
  // The families' series are others, or fewer: looks all of them up again.
  void Forget();

 private:
  // One label set, and which entry the event at work has.
  struct Set {
    const LabelSetPlan* plan;
    bool is_constant;
    size_t max_entries;  // of the cache
    std::unique_ptr<SeriesCache> cache = nullptr;  // made when it is first used: a guest has few of all
    uint64_t event = 0;  // the one whose entry is known
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
  uint64_t event_ = 0;  // counts them
  std::string_view line_;

  // Scratch, kept so that no line allocates.
  SeriesKeyBuilder key_;
  std::vector<std::string> rendered_;
  std::vector<std::string_view> rendered_views_;
};

}  // namespace qte::rules
