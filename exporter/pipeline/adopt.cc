// What a pipeline takes over from another one.
#include <utility>

#include "pipeline/pipeline.h"

namespace qte::pipeline {

void Pipeline::Adopt(Pipeline&& old, const std::map<source::StreamId, size_t>& sources, OverLimit over_limit) {
  AdoptSeries(
      old, [](const metrics::Labels&) { return true; }, over_limit);
  AdoptRest(old);
  while (!old.feeds_.empty()) {
    auto& [id, feed] = *old.feeds_.begin();
    auto source = sources.find(id);
    AdoptStream(id, old, source == sources.end() ? *feed.stream->labels() : labels_.For(source->second, feed.path));
  }
}

Pipeline::FamiliesByName Pipeline::IndexFamilies() {
  FamiliesByName by_name;
  for (metrics::Family& family : families_) by_name.emplace(family.spec().name, &family);
  return by_name;
}

metrics::Family* Pipeline::Successor(const metrics::FamilySpec& before, const FamiliesByName& by_name) {
  auto family = by_name.find(before.name);
  bool is_same = family != by_name.end() && metrics::Compatible(before, family->second->spec());
  return is_same ? family->second : nullptr;
}

void Pipeline::AdoptSeries(const Pipeline& old, const Takes& takes, OverLimit over_limit) {
  const FamiliesByName by_name = IndexFamilies();
  for (const metrics::Family& before : old.families_) {
    metrics::Family* family = Successor(before.spec(), by_name);
    if (family == nullptr) continue;
    uint64_t overflowed = family->overflowed();
    family->Restore(before.TakeSnapshot(), takes);
    // What folds under a lower limit than before was within it in its time.
    if (over_limit == OverLimit::kKeep) family->set_overflowed(overflowed);
  }
  event_counts_.AdoptGroups(old.event_counts_, takes, over_limit);
  activity_.Adopt(old.activity_, takes);
}

void Pipeline::AdoptRest(Pipeline& old) {
  const FamiliesByName by_name = IndexFamilies();
  for (const metrics::Family& before : old.families_) {
    metrics::Family* family = Successor(before.spec(), by_name);
    if (family != nullptr) family->set_overflowed(family->overflowed() + before.overflowed());
  }
  event_counts_.AdoptRest(old.event_counts_);
  lines_ += old.lines_;
  events_ += old.events_;
  bytes_ += old.bytes_;
  expired_ += old.expired_;
  for (size_t i = 0; i < kUnparsedReasons; ++i) unparsed_[i] += old.unparsed_[i];
  if (old.last_stamp_.prefix.kind != trace::PrefixKind::kNone) last_stamp_ = old.last_stamp_;
  losses_before_.Add(old.losses_before_);
  resumable_.merge(old.resumable_);
}

void Pipeline::AdoptStream(source::StreamId id, Pipeline& old, metrics::Labels labels) {
  auto found = old.feeds_.extract(id);
  if (!found) return;
  Feed& feed = found.mapped();
  std::unique_ptr<rules::Stream> stream = std::move(feed.stream);
  MakeStream(feed, std::move(labels));
  feed.stream->Adopt(std::move(*stream));
  feeds_.insert(std::move(found));
}

// Series leave one pipeline before they come to the other, so that there is room for them within their limits.
void Pipeline::TakeSource(const metrics::Labels& labels, Pipeline& from) {
  const Overflowed here = overflowed();
  const Overflowed there = from.overflowed();
  const Takes takes = [&labels](const metrics::Labels& base) { return base == labels; };
  for (size_t i = 0; i < families_.size(); ++i) {
    metrics::FamilySnapshot before = from.families_[i].TakeSnapshot();
    if (from.families_[i].Remove(labels) > 0) families_[i].Restore(before, takes);
  }
  event_counts_.AdoptGroups(from.event_counts_, takes, OverLimit::kKeep);
  activity_.Adopt(from.activity_, takes);
  std::vector<source::StreamId> ids;
  for (const auto& [id, feed] : from.feeds_) {
    if (*feed.stream->labels() == labels) ids.push_back(id);
  }
  for (source::StreamId id : ids) AdoptStream(id, from, labels);
  from.event_counts_.Remove(labels);
  from.activity_.Remove(labels);
  for (auto& [id, feed] : from.feeds_) feed.stream->ForgetSeries();
  set_overflowed(here);
  from.set_overflowed(there);
}

}  // namespace qte::pipeline
