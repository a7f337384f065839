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
    if (slot.kind == hint.kind && slot.thread == hint.thread && (!hint.kind->is_by_key || slot.key == hint.key)) {
      slot = hint;
      return;
    }
    bool is_free = slot.kind == nullptr;
    if (place->kind != nullptr && (is_free || slot.order < place->order)) place = &slot;
  }
  *place = hint;
}

void FrontEndHints::Drop(const HintKind& kind, uint64_t thread) {
  for (Hint& slot : slots_) {
    if (slot.kind == &kind && slot.thread == thread) slot.kind = nullptr;
  }
}

void FrontEndHints::DropKey(const HintKind& kind, uint64_t key) {
  for (Hint& slot : slots_) {
    if (slot.kind == &kind && slot.key == key) slot.kind = nullptr;
  }
}

void FrontEndHints::Change(const HintKind& kind, uint64_t key, const HintKind& to) {
  for (Hint& slot : slots_) {
    if (slot.kind == &kind && slot.key == key) slot.kind = &to;
  }
}

// {"hints": [[kind, direction, thread, offset, bytes, front_end, key, order], ...] the earliest first, "last_order"}
json FrontEndHints::Save() const {
  std::vector<Hint> pending;
  for (const Hint& hint : slots_) {
    if (hint.kind != nullptr) pending.push_back(hint);
  }
  std::sort(pending.begin(), pending.end(), [](const Hint& a, const Hint& b) { return a.order < b.order; });
  json hints = json::array();
  for (const Hint& hint : pending) {
    hints.push_back({hint.kind->number, hint.direction, hint.thread, hint.offset, hint.bytes, hint.front_end, hint.key,
                     hint.order});
  }
  return {{"hints", std::move(hints)}, {"last_order", last_order_}};
}

void FrontEndHints::Restore(const json& state, std::span<const HintKind* const> kinds) {
  FrontEndHints restored;
  const json::array_t& rows = SavedList(state.at("hints"));
  if (rows.size() > kSlots) throw std::runtime_error("saved state: too many hints");
  for (size_t i = 0; i < rows.size(); ++i) {
    const json::array_t& row = SavedRow(rows[i], 8);
    Hint& hint = restored.slots_[i];
    auto kind = std::ranges::find(kinds, SavedUnsigned(row[0]), [](const HintKind* each) { return each->number; });
    if (kind == kinds.end()) throw std::runtime_error("saved state: an unknown kind of hint");
    hint.kind = *kind;
    hint.direction = SavedEnum<DmaDirection>(row[1]);
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
