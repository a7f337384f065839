#include "joins/saved.h"

namespace qte::joins {

using nlohmann::json;

bool SavedFlag(const json& from) {
  return from.get_ref<const bool&>();
}

uint64_t SavedUnsigned(const json& from, uint64_t most) {
  // A positive number is unsigned after a way through CBOR, but may be signed when it comes straight from Save().
  bool fits = from.is_number_unsigned() || (from.is_number_integer() && from.get<int64_t>() >= 0);
  if (!fits || from.get<uint64_t>() > most) {
    throw std::runtime_error("saved state: not a whole number from 0 to " + std::to_string(most));
  }
  return from.get<uint64_t>();
}

int64_t SavedSigned(const json& from) {
  if (from.is_number_unsigned()) return static_cast<int64_t>(SavedUnsigned(from, INT64_MAX));
  if (!from.is_number_integer()) throw std::runtime_error("saved state: not a whole number");
  return from.get<int64_t>();
}

const std::string& SavedText(const json& from) {
  return from.get_ref<const std::string&>();
}

PointerText SavedPointerText(const json& from) {
  const std::string& text = SavedText(from);
  if (text.size() > PointerText::kMaxSize) throw std::runtime_error("saved state: a pointer that is too long");
  PointerText pointer;
  pointer.Assign(text);
  return pointer;
}

const json::array_t& SavedList(const json& from) {
  return from.get_ref<const json::array_t&>();
}

const json::array_t& SavedRow(const json& from, size_t size) {
  const json::array_t& row = SavedList(from);
  if (row.size() != size) {
    throw std::runtime_error("saved state: a row of " + std::to_string(row.size()) + " fields instead of " +
                             std::to_string(size));
  }
  return row;
}

}  // namespace qte::joins
