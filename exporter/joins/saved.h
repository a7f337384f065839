// Reads saved state back out of JSON, strictly.
//
// nlohmann::json converts wherever it can: true and 1.5 become the number 1, and a text can be walked like a list of
// one. But state that does not have the type it was saved with is not what a Save() made. So each of these throws
// nlohmann::json::exception or std::runtime_error where the JSON is of another type, size or range.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>

#include "joins/pointer_table.h"
#include "joins/pointer_text.h"

namespace qte::joins {

bool SavedFlag(const nlohmann::json& from);
uint64_t SavedUnsigned(const nlohmann::json& from, uint64_t most = UINT64_MAX);
int64_t SavedSigned(const nlohmann::json& from);
// The same string, which may hold any bytes.
const std::string& SavedText(const nlohmann::json& from);
PointerText SavedPointerText(const nlohmann::json& from);
// A value of an enumeration up to its kLast.
template <class Enum>
Enum SavedEnum(const nlohmann::json& from) {
  return static_cast<Enum>(SavedUnsigned(from, static_cast<uint64_t>(Enum::kLast)));
}
// A list of any length, and one whose length is known.
const nlohmann::json::array_t& SavedList(const nlohmann::json& from);
const nlohmann::json::array_t& SavedRow(const nlohmann::json& from, size_t size);

// The rows that save(pointer, entry) makes, in the table's order from the oldest.
template <class Entry, class SaveEntry>
nlohmann::json SaveRows(const PointerTable<Entry>& table, SaveEntry&& save) {
  nlohmann::json rows = nlohmann::json::array();
  for (uint32_t id = table.oldest(); id != table.kNone; id = table.newer(id)) {
    rows.push_back(save(table.PointerOf(id), table[id]));
  }
  return rows;
}

// The entry to restore under a saved pointer; the least recently used one gives way if the table is full. It may hold
// what an erased one left behind.
template <class Entry>
Entry& AddSaved(PointerTable<Entry>& table, const nlohmann::json& pointer) {
  bool added = false;
  uint32_t id = table.FindOrAdd(SavedUnsigned(pointer), added);
  if (!added) throw std::runtime_error("saved state: the same pointer twice");
  return table[id];
}

}  // namespace qte::joins
