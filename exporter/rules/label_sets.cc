#include "rules/label_sets.h"

#include <algorithm>
#include <charconv>

#include "base/utf8.h"
#include "rules/parts.h"

namespace qte::rules {
namespace {

using trace::Value;
using trace::ValueKind;

// Longer label values are cut, because a series keeps its labels forever.
constexpr size_t kMaxLabelBytes = 1024;

// A cache can hold more argument texts than a metric has series, because several texts can make the same label.
constexpr size_t kCacheEntriesPerSeries = 4;

void AppendText(const Value& value, std::string& out) {
  if (value.data != nullptr) {
    out.append(value.text());
    return;
  }
  char digits[32];
  std::to_chars_result end{digits, std::errc()};
  if (value.kind == ValueKind::kReal) {
    end = std::to_chars(digits, std::end(digits), value.real);
  } else if (value.negative) {
    end = std::to_chars(digits, std::end(digits), static_cast<int64_t>(value.bits));
  } else if (value.kind == ValueKind::kInteger) {
    end = std::to_chars(digits, std::end(digits), value.bits);
  }
  out.append(digits, end.ptr);
}

bool HasAll(const Template& candidate, const Values& values) {
  return std::all_of(candidate.pieces.begin(), candidate.pieces.end(), [&](const Template::Piece& piece) {
    return piece.slot == kNoSlot || values[piece.slot].has_value();
  });
}

}  // namespace

LabelSets::LabelSets(const Program& program, Lookups& lookups, metrics::Families& families)
    : program_(program),
      lookups_(lookups),
      families_(families) {
  const size_t max_entries = program.limits.max_series_per_metric * kCacheEntriesPerSeries;
  sets_.reserve(program.label_sets.size());
  for (const LabelSetPlan& plan : program.label_sets) {
    // Series of the moment change at each scrape, so they are not cached.
    sets_.push_back({&plan, plan.inputs.empty() && !plan.has_lookups, plan.is_of_moment ? 0 : max_entries});
  }
}

void LabelSets::Forget() {
  for (Set& set : sets_) set.cache.reset();
  ++event_;
}

void LabelSets::MakeForeseeable(const RulePlan& rule) {
  if (program_.label_sets[rule.label_set].labels.empty()) families_.Make(rule.family).FindOrAdd({});
}

// Finds the cache entry of the current event.
void LabelSets::Enter(Set& set, const Values& values) {
  set.event = event_;
  if (set.cache == nullptr) set.cache = std::make_unique<SeriesCache>(set.plan->rules);
  if (set.is_constant && !set.cache->empty()) {
    set.entry = 0;
    return;
  }
  SeriesKey key = KeyOf(*set.plan, values);
  uint64_t hash = SeriesCache::Hash(key);
  set.entry = set.cache->Find(hash, key);
  if (set.entry == SeriesCache::kNoEntry) set.entry = set.cache->Insert(hash, key, set.max_entries);
}

SeriesKey LabelSets::KeyOf(const LabelSetPlan& plan, const Values& values) {
  key_.Begin(line_);
  if (line_.data() == nullptr) {
    for (Slot slot : plan.inputs) key_.AddDerived(values[slot]);
  } else {
    for (Slot slot : plan.inputs) key_.Add(values[slot]);
  }
  if (plan.has_lookups) AddLookups(plan, values);
  return key_.Finish();
}

// A label with a lookup is keyed by the name, or by the arguments if the name is unknown.
void LabelSets::AddLookups(const LabelSetPlan& plan, const Values& values) {
  for (const LabelPlan& label : plan.labels) {
    if (label.lookup == kNone) continue;
    const std::string* name = lookups_.NameOf(label.lookup, label.key, values);
    key_.AddCopy(name == nullptr ? std::string_view() : *name);
    if (name != nullptr) continue;
    for (Slot slot : label.key) key_.Add(slot == kNoSlot ? Value() : values[slot]);
  }
}

// The slow path: finds the series by the labels' texts.
metrics::SeriesId LabelSets::FindOrMake(const RulePlan& rule, Set& set, const Values& values) {
  const std::vector<LabelPlan>& labels = set.plan->labels;
  rendered_.resize(std::max(rendered_.size(), labels.size()));
  rendered_views_.clear();
  for (size_t i = 0; i < labels.size(); ++i) {
    rendered_[i].clear();
    Render(labels[i], values, rendered_[i]);
    MakeValidUtf8(rendered_[i], kMaxLabelBytes);
    rendered_views_.push_back(rendered_[i]);
  }
  metrics::Family& family = families_.Make(rule.family);
  metrics::SeriesId series = family.FindOrAdd(rendered_views_);
  // Do not cache label sets that fold into "_other_", because each use must be counted.
  bool is_kept = set.entry != SeriesCache::kNoEntry && !family.IsOther(series);
  if (is_kept) set.cache->SeriesOf(set.entry, rule.column) = series;
  return series;
}

// If the lookup does not know the key, the label shows the key itself.
void LabelSets::Render(const LabelPlan& label, const Values& values, std::string& out) {
  if (label.lookup != kNone) {
    if (const std::string* name = lookups_.NameOf(label.lookup, label.key, values)) {
      out = *name;
      return;
    }
    for (Slot slot : label.key) {
      if (!out.empty()) out += ',';
      if (slot != kNoSlot) AppendText(values[slot], out);
    }
    return;
  }
  if (!HoldsAll(label.where, values)) return;
  for (const Template& alternative : label.alternatives) {
    if (!HasAll(alternative, values)) continue;
    for (const Template::Piece& piece : alternative.pieces) {
      out += piece.literal;
      if (piece.slot != kNoSlot) AppendText(values[piece.slot], out);
    }
    return;
  }
}

}  // namespace qte::rules
