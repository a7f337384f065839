#include "pipeline/event_counts.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/utf8.h"
#include "metrics/family.h"
#include "state/series.h"

namespace qte::pipeline {
namespace {

constexpr size_t kMaxSampleBytes = 512;

bool AreOther(const metrics::Labels& labels) {
  return std::all_of(labels.begin(), labels.end(), [](const auto& l) { return l.second == metrics::kOther; });
}

}  // namespace

bool LooksLikeEventName(std::string_view word) {
  constexpr size_t kLongestName = 256;  // QEMU's longest has 60
  if (word.empty() || word.size() > kLongestName) return false;
  bool underscore = false;
  for (char c : word) {
    bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (!letter && c != '_') return false;
    underscore = underscore || c == '_';
  }
  return underscore;
}

void CountPages::AddPage(size_t page) {
  if (page >= pages_.size()) pages_.resize(page + 1);
  pages_[page] = std::make_unique<Page>();
}

void CountPages::Add(uint32_t id, uint64_t count) {
  if (count == 0) return;
  Increment(id);
  (*pages_[id / kPageSize])[id % kPageSize] += count - 1;
}

CountPages& EventCounts::For(const std::shared_ptr<const metrics::Labels>& labels) {
  auto known = groups_.find(*labels);
  if (known != groups_.end()) return known->second->counts;
  if (AreOther(*labels) || label_sets_->TryTake()) return Add(labels);
  ++overflowed_;
  metrics::Labels folded = *labels;
  for (auto& [name, value] : folded) value = metrics::kOther;
  return Add(std::make_shared<const metrics::Labels>(std::move(folded)));
}

CountPages& EventCounts::Kept(const std::shared_ptr<const metrics::Labels>& labels) {
  if (!AreOther(*labels) && !groups_.contains(*labels)) label_sets_->Take();
  return Add(labels);
}

CountPages& EventCounts::Add(const std::shared_ptr<const metrics::Labels>& labels) {
  std::unique_ptr<Group>& group = groups_[*labels];
  if (group == nullptr) group = std::make_unique<Group>(Group{labels, {}});
  return group->counts;
}

void EventCounts::Remove(const metrics::Labels& labels) {
  if (!AreOther(labels)) label_sets_->GiveBack(groups_.erase(labels));
}

uint32_t EventCounts::IdOf(std::string_view name) {
  uint32_t id = names_.Find(name);
  if (id != trace::NameTable::kNone) return id;
  std::string_view added = admitted_->Admit(name) ? name : metrics::kOther;
  id = names_.Add(added);
  if (names_.size() > declared_->size() + undeclared_.size()) undeclared_.Append(nullptr, {&added, 1});
  return id;
}

void EventCounts::SetSample(uint32_t id, std::string_view line) {
  if (id >= samples_.size()) samples_.resize(id + 1);
  samples_[id] = line;
  MakeValidUtf8(samples_[id], kMaxSampleBytes);
}

metrics::CountsSnapshot EventCounts::TakeSnapshot() const {
  metrics::CountsSnapshot snapshot;
  snapshot.name = "qemu_trace_events_total";
  snapshot.help = "Trace events seen, whether or not a rule uses them.";
  snapshot.label = "event";
  snapshot.name_of = [declared = declared_, undeclared = undeclared_.Share()](uint32_t id) {
    return id < declared->size() ? declared->NameOf(id) : undeclared[id - declared->size()].values[0];
  };
  for (const auto& entry : groups_) {
    entry.second->counts.ForEach([&](uint32_t id, uint64_t count) { snapshot.counts.push_back({id, count}); });
    snapshot.groups.push_back({entry.second->labels, snapshot.counts.size()});
  }
  return snapshot;
}

std::vector<std::pair<uint32_t, SeenEvent>> EventCounts::Seen() const {
  std::vector<uint64_t> totals(names_.size());
  for (const auto& [labels, group] : groups_) {
    group->counts.ForEach([&](uint32_t id, uint64_t count) { totals[id] += count; });
  }
  std::vector<std::pair<uint32_t, SeenEvent>> seen;
  for (uint32_t id = 0; id < totals.size(); ++id) {
    if (totals[id] == 0) continue;
    std::string sample = HasSample(id) ? samples_[id] : "";
    seen.emplace_back(id, SeenEvent{std::string(NameOf(id)), totals[id], std::move(sample), IsDeclared(id), false});
  }
  return seen;
}

EventCounts::Saved EventCounts::Save() const {
  Saved saved{TakeSnapshot(), {}, overflowed_};
  for (uint32_t id = 0; id < samples_.size(); ++id) {
    if (HasSample(id)) saved.samples.emplace_back(NameOf(id), samples_[id]);
  }
  return saved;
}

nlohmann::json EventCounts::ToJson(const Saved& saved) {
  nlohmann::json groups = nlohmann::json::array();
  size_t at = 0;
  for (const metrics::CountsSnapshot::Group& group : saved.counts.groups) {
    nlohmann::json counts = nlohmann::json::object();
    for (; at < group.end; ++at) {
      const metrics::CountsSnapshot::Count& count = saved.counts.counts[at];
      counts[std::string(saved.counts.name_of(count.id))] = count.count;
    }
    groups.push_back({state::LabelsToJson(*group.labels), std::move(counts)});
  }
  nlohmann::json samples = nlohmann::json::object();
  for (const auto& [event, line] : saved.samples) samples[event] = line;
  return {{"groups", std::move(groups)}, {"samples", std::move(samples)}, {"overflowed", saved.overflowed}};
}

void EventCounts::RestoreGroups(const nlohmann::json& saved, const Takes& takes) {
  for (const nlohmann::json& group : saved.at("groups")) {
    auto labels = std::make_shared<const metrics::Labels>(state::LabelsFromJson(group.at(0)));
    if (!takes(*labels)) continue;
    CountPages& counts = Kept(labels);
    for (const auto& [name, count] : group.at(1).items()) counts.Add(IdOf(name), count.get<uint64_t>());
  }
}

void EventCounts::RestoreRest(const nlohmann::json& saved) {
  for (const auto& [name, line] : saved.at("samples").items()) SetSample(IdOf(name), line.get<std::string>());
  overflowed_ += saved.at("overflowed").get<uint64_t>();
}

void EventCounts::AdoptGroups(const EventCounts& old, const Takes& takes, OverLimit over_limit) {
  for (const auto& [labels, group] : old.groups_) {
    if (!takes(labels)) continue;
    CountPages& counts = over_limit == OverLimit::kKeep ? Kept(group->labels) : For(group->labels);
    group->counts.ForEach([&](uint32_t id, uint64_t count) { counts.Add(IdOf(old.NameOf(id)), count); });
  }
}

void EventCounts::AdoptRest(const EventCounts& old) {
  overflowed_ += old.overflowed_;
  for (uint32_t id = 0; id < old.samples_.size(); ++id) {
    if (!old.HasSample(id)) continue;
    uint32_t here = IdOf(old.NameOf(id));
    if (!HasSample(here)) SetSample(here, old.samples_[id]);
  }
}

}  // namespace qte::pipeline
