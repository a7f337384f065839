#include "rules/lookups.h"

namespace qte::rules {

std::string_view BuildKey(joins::KeyBuilder& builder, std::span<const Slot> slots, const Values& values) {
  builder.Clear();
  for (Slot slot : slots) builder.Add(slot == kNoSlot ? trace::Value() : values[slot]);
  return builder.key();
}

void Lookups::Learn(const LookupFeed& feed, const Values& values) {
  const trace::Value& value = values[feed.value];
  if (value.has_value()) tables_[feed.lookup].Learn(BuildKey(key_, feed.key, values), value.text());
}

const std::string* Lookups::NameOf(size_t index, std::string_view key) const {
  const auto& names = program_.lookups[index].names;
  if (names.empty()) return tables_[index].Find(key);
  auto name = names.find(key);
  return name == names.end() ? nullptr : &name->second;
}

void Lookups::Clear() {
  for (joins::LookupTable& table : tables_) table.Clear();
}

}  // namespace qte::rules
