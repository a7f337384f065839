#include "trace/name_table.h"

namespace qte::trace {

uint32_t NameTable::FindAlike(std::string_view name) const {
  return alike_.Find(HashBytes(name), [&](uint32_t id) { return NameOf(id) == name; });
}

uint32_t NameTable::Add(std::string_view name) {
  uint32_t known = Find(name);
  if (known != kNone) return known;
  Ends ends = EndsOf(name);
  bool is_alike = index_.Find(Hash(ends), [&](uint32_t id) { return entries_[id].ends == ends; }) != kNone;
  auto id = static_cast<uint32_t>(entries_.size());
  entries_.push_back({ends, bytes_.size()});
  bytes_ += name;
  if (is_alike) {
    alike_.Insert(HashBytes(name), id);
  } else {
    index_.Insert(Hash(ends), id);
  }
  return id;
}

}  // namespace qte::trace
