#include "guests/event_counts.h"

#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "metrics/family.h"

namespace qte::guests {
namespace {

// Of one guest, as the metrics' reference says.
constexpr size_t kMostUndeclared = 10'000;

}  // namespace

uint32_t EventCounts::UndeclaredId(std::string_view name) {
  uint32_t known = undeclared_.Find(name);
  if (known != trace::NameTable::kNone) return declared_count_ + known;
  if (name != metrics::kOther && (share_.held() >= kMostUndeclared || !share_.TryTake())) {
    ++overflowed_;
    name = metrics::kOther;
  }
  uint32_t id = undeclared_.Add(name);
  if (undeclared_.size() > names_.size()) names_.Append({&name, 1});
  return declared_count_ + id;
}

metrics::CountsSnapshot EventCounts::TakeSnapshot(std::shared_ptr<const metrics::Labels> base) const {
  metrics::CountsSnapshot snapshot;
  snapshot.base = std::move(base);
  snapshot.own_names = names_.Share();
  snapshot.shared_names = declared_count_;
  ForEach([&](uint32_t id, uint64_t count) { snapshot.counts.push_back({id, count}); });
  return snapshot;
}

void EventCounts::Clear() {
  pages_ = std::vector<std::unique_ptr<Page>>(PagesFor(declared_count_));
  undeclared_ = {};
  names_ = metrics::LabelList(1);
  share_.GiveBack(share_.held());
}

void EventCounts::Add(std::string_view name, uint64_t count, const trace::NameTable& declared) {
  if (count == 0) return;
  uint32_t id = declared.Find(name);
  if (id == trace::NameTable::kNone) id = UndeclaredId(name);
  uint64_t before = Increment(id) - 1;
  (*pages_[id / kPageSize])[id % kPageSize] = before + count;
}

void EventCounts::Use(const trace::NameTable& before, const trace::NameTable& declared) {
  nlohmann::json counts = ToJson(TakeSnapshot(nullptr), before);
  declared_count_ = static_cast<uint32_t>(declared.size());
  Clear();
  Restore(counts, declared);
}

void EventCounts::Restore(const nlohmann::json& saved, const trace::NameTable& declared) {
  for (const auto& [name, count] : saved.items()) Add(name, count.get<uint64_t>(), declared);
}

nlohmann::json ToJson(const metrics::CountsSnapshot& counts, const trace::NameTable& declared) {
  nlohmann::json by_name = nlohmann::json::object();
  for (const auto& [id, count] : counts.counts) {
    bool is_shared = id < counts.shared_names;
    by_name[std::string(is_shared ? declared.NameOf(id) : counts.own_names[id - counts.shared_names][0])] = count;
  }
  return by_name;
}

}  // namespace qte::guests
