#include "pipeline/event_counts.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/utf8.h"
#include "metrics/family.h"
#include "state/series.h"

namespace qte::pipeline {
namespace {

constexpr size_t kMaxSampleBytes = 512;

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
  if (groups_.size() < limits_.label_sets) return Kept(labels);
  ++overflowed_;
  metrics::Labels folded = *labels;
  for (auto& [name, value] : folded) value = metrics::kOther;
  return Kept(std::make_shared<const metrics::Labels>(std::move(folded)));
}

CountPages& EventCounts::Kept(const std::shared_ptr<const metrics::Labels>& labels) {
  std::unique_ptr<Group>& group = groups_[*labels];
  if (group == nullptr) group = std::make_unique<Group>(Group{labels, {}});
  return group->counts;
}

uint32_t EventCounts::UndeclaredId(std::string_view name) {
  uint32_t id = undeclared_.Find(name);
  if (id == trace::NameTable::kNone) {
    bool full = undeclared_.size() >= limits_.undeclared;
    id = undeclared_.Add(full ? metrics::kOther : name);
  }
  return static_cast<uint32_t>(declared_.size()) + id;
}

std::string_view EventCounts::NameOf(uint32_t id) const {
  if (IsDeclared(id)) return declared_.NameOf(id);
  return undeclared_.NameOf(id - static_cast<uint32_t>(declared_.size()));
}

void EventCounts::SetSample(uint32_t id, std::string_view line) {
  if (id >= samples_.size()) samples_.resize(id + 1);
  samples_[id] = line;
  MakeValidUtf8(samples_[id], kMaxSampleBytes);
}

metrics::PlainFamily EventCounts::ToFamily() const {
  metrics::PlainFamily family{
      "qemu_trace_events_total", "Trace events seen, whether or not a rule uses them.", metrics::Type::kCounter, {}};
  for (const auto& entry : groups_) {
    entry.second->counts.ForEach([&](uint32_t id, uint64_t count) {
      metrics::Labels all = entry.first;
      all.emplace_back("event", std::string(NameOf(id)));
      family.series.push_back({std::move(all), static_cast<double>(count)});
    });
  }
  return family;
}

std::vector<std::pair<uint32_t, SeenEvent>> EventCounts::Seen() const {
  std::map<uint32_t, uint64_t> totals;
  for (const auto& [labels, group] : groups_) {
    group->counts.ForEach([&](uint32_t id, uint64_t count) { totals[id] += count; });
  }
  std::vector<std::pair<uint32_t, SeenEvent>> seen;
  for (const auto& [id, count] : totals) {
    seen.emplace_back(
        id, SeenEvent{std::string(NameOf(id)), count, HasSample(id) ? samples_[id] : "", IsDeclared(id), false});
  }
  return seen;
}

uint32_t EventCounts::IdOf(std::string_view name) {
  uint32_t id = declared_.Find(name);
  return id != trace::NameTable::kNone ? id : UndeclaredId(name);
}

nlohmann::json EventCounts::Save() const {
  nlohmann::json groups = nlohmann::json::array();
  for (const auto& entry : groups_) {
    nlohmann::json counts = nlohmann::json::object();
    entry.second->counts.ForEach([&](uint32_t id, uint64_t count) { counts[std::string(NameOf(id))] = count; });
    groups.push_back({state::LabelsToJson(entry.first), std::move(counts)});
  }
  nlohmann::json samples = nlohmann::json::object();
  for (uint32_t id = 0; id < samples_.size(); ++id) {
    if (HasSample(id)) samples[std::string(NameOf(id))] = samples_[id];
  }
  return {{"groups", std::move(groups)}, {"samples", std::move(samples)}, {"overflowed", overflowed_}};
}

void EventCounts::Restore(const nlohmann::json& saved) {
  for (const nlohmann::json& group : saved.at("groups")) {
    CountPages& counts = Kept(std::make_shared<const metrics::Labels>(state::LabelsFromJson(group.at(0))));
    for (const auto& [name, count] : group.at(1).items()) counts.Add(IdOf(name), count.get<uint64_t>());
  }
  for (const auto& [name, line] : saved.at("samples").items()) SetSample(IdOf(name), line.get<std::string>());
  saved.at("overflowed").get_to(overflowed_);
}

void EventCounts::Adopt(const EventCounts& old) {
  for (const auto& [labels, group] : old.groups_) {
    CountPages& counts = Kept(group->labels);
    group->counts.ForEach([&](uint32_t id, uint64_t count) { counts.Add(IdOf(old.NameOf(id)), count); });
  }
  overflowed_ = old.overflowed_;
  for (uint32_t id = 0; id < old.samples_.size(); ++id) {
    if (old.HasSample(id)) SetSample(IdOf(old.NameOf(id)), old.samples_[id]);
  }
}

}  // namespace qte::pipeline
