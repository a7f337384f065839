#include "decoders/disk/front_end_hints.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <vector>

#include "joins/saved.h"

namespace qte::decoders {
using namespace joins;

using nlohmann::json;

void FrontEndHints::Put(Hint hint) {
  hint.order = NextOrder();
  Hint* place = &slots_[0];
  for (Hint& slot : slots_) {
    if (slot.of == hint.of && slot.thread == hint.thread && (!hint.has_key() || slot.key == hint.key)) {
      slot = hint;
      return;
    }
    bool is_free = slot.of == Hint::Of::kNone;
    if (place->of != Hint::Of::kNone && (is_free || slot.order < place->order)) place = &slot;
  }
  *place = hint;
}

void FrontEndHints::Drop(Hint::Of of, uint64_t thread) {
  for (Hint& slot : slots_) {
    if (slot.of == of && slot.thread == thread) slot.of = Hint::Of::kNone;
  }
}

void FrontEndHints::DropKey(Hint::Of of, uint64_t key) {
  for (Hint& slot : slots_) {
    if (slot.of == of && slot.key == key) slot.of = Hint::Of::kNone;
  }
}

// {"hints": [[of, direction, thread, offset, bytes, front_end, key, order], ...] the earliest first, "last_order"}
json FrontEndHints::Save() const {
  std::vector<Hint> pending;
  for (const Hint& hint : slots_) {
    if (hint.of != Hint::Of::kNone) pending.push_back(hint);
  }
  std::sort(pending.begin(), pending.end(), [](const Hint& a, const Hint& b) { return a.order < b.order; });
  json hints = json::array();
  for (const Hint& hint : pending) {
    hints.push_back(
        {hint.of, hint.direction, hint.thread, hint.offset, hint.bytes, hint.front_end, hint.key, hint.order});
  }
  return {{"hints", std::move(hints)}, {"last_order", last_order_}};
}

void FrontEndHints::Restore(const json& state) {
  FrontEndHints restored;
  const json::array_t& rows = SavedList(state.at("hints"));
  if (rows.size() > kSlots) throw std::runtime_error("saved state: too many hints");
  for (size_t i = 0; i < rows.size(); ++i) {
    const json::array_t& row = SavedRow(rows[i], 8);
    Hint& hint = restored.slots_[i];
    hint.of = static_cast<Hint::Of>(SavedUnsigned(row[0], static_cast<uint64_t>(Hint::Of::kLast)));
    hint.direction = static_cast<DmaDirection>(SavedUnsigned(row[1], static_cast<uint64_t>(DmaDirection::kLast)));
    hint.thread = SavedUnsigned(row[2]);
    hint.offset = SavedSigned(row[3]);
    hint.bytes = SavedUnsigned(row[4]);
    hint.front_end = SavedUnsigned(row[5]);
    hint.key = SavedUnsigned(row[6]);
    hint.order = SavedUnsigned(row[7]);
  }
  restored.last_order_ = SavedUnsigned(state.at("last_order"));
  *this = restored;
}

}  // namespace qte::decoders
