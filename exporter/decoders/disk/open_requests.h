// The requests that have started and not ended, by a pointer or another number that is unique while they are open.
//
// Their number and their age in trace time are bounded. A request counts as abandoned if it is replaced, too old, or
// dropped to make room. The caller may have counted it elsewhere, so the caller abandons it: first call AbandonOld()
// and MakeRoom(), then Open().
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "decoders/decoder.h"
#include "joins/elapsed.h"
#include "joins/pointer_table.h"
#include "joins/saved.h"

namespace qte::decoders {

// `Request` has an `int64_t start_us`.
template <class Request>
class OpenRequests {
 public:
  static constexpr uint32_t kNone = FlatIndex::kNone;

  explicit OpenRequests(const DecoderLimits& limits)
      : table_(limits.max_open), max_age_us_(static_cast<uint64_t>(limits.max_open_age_us)) {}

  Request& operator[](uint32_t id) { return table_[id]; }
  const Request& operator[](uint32_t id) const { return table_[id]; }
  uint32_t Find(uint64_t key) const { return table_.Find(key); }
  uint64_t KeyOf(uint32_t id) const { return table_.PointerOf(id); }
  size_t size() const { return table_.size(); }
  uint64_t abandoned() const { return abandoned_; }

  // Iterates in the order in which requests were opened; kNone at the end.
  uint32_t oldest() const { return table_.oldest(); }
  uint32_t newer(uint32_t id) const { return table_.newer(id); }
  uint32_t newest() const { return table_.newest(); }
  uint32_t older(uint32_t id) const { return table_.older(id); }

  // The oldest request if it is too old. Requests without a time are skipped, but only up to a limit.
  uint32_t TooOld(int64_t now_us) const {
    if (now_us == kNoTime) return kNone;
    int looks = 0;
    for (uint32_t id = table_.oldest(); id != kNone && looks < joins::kMaxTimeless; id = table_.newer(id), ++looks) {
      int64_t start_us = table_[id].start_us;
      if (start_us == kNoTime || now_us < start_us) continue;
      return joins::ElapsedMicroseconds(start_us, now_us) > max_age_us_ ? id : kNone;
    }
    return kNone;
  }
  // The request to abandon before one can be opened under `key`: the one with that key, or the oldest if there is no
  // room.
  uint32_t InTheWay(uint64_t key) const {
    uint32_t same = table_.Find(key);
    if (same != kNone) return same;
    return table_.full() ? table_.oldest() : kNone;
  }

  // Calls abandon(id) for each request that is too old or must be closed before `key` can be opened. `abandon` must
  // close the request.
  template <class Abandon>
  void AbandonOld(int64_t now_us, Abandon&& abandon) const {
    for (uint32_t id = TooOld(now_us); id != kNone; id = TooOld(now_us)) abandon(id);
  }
  template <class Abandon>
  void MakeRoom(uint64_t key, Abandon&& abandon) const {
    for (uint32_t id = InTheWay(key); id != kNone; id = InTheWay(key)) abandon(id);
  }

  template <class Abandon>
  void AbandonAll(Abandon&& abandon) const {
    while (size() > 0) abandon(oldest());
  }
  // The same, for requests that are counted nowhere else.
  void AbandonOld(int64_t now_us) {
    AbandonOld(now_us, [this](uint32_t id) { Abandon(id); });
  }
  void AbandonAll() {
    AbandonAll([this](uint32_t id) { Abandon(id); });
  }

  // Opens a request in its initial state.
  uint32_t Open(uint64_t key) {
    uint32_t id = table_.Add(key);
    table_[id] = Request();
    return id;
  }
  void Close(uint32_t id) { table_.Erase(id); }
  void Abandon(uint32_t id) {
    Close(id);
    ++abandoned_;
  }

  // The rows made by save(key, request), oldest first. Each row is an array that begins with the key.
  template <class SaveRequest>
  nlohmann::json Save(SaveRequest&& save) const {
    return joins::SaveRows(table_, save);
  }
  // Opens saved requests. restore(row, request) reads the values after the key in a row of `fields` values. If there is
  // no room, abandon(id) must close the oldest request.
  template <class RestoreRequest, class Abandon>
  void Restore(const nlohmann::json& rows, size_t fields, RestoreRequest&& restore, Abandon&& abandon) {
    for (const nlohmann::json& from : joins::SavedList(rows)) {
      const nlohmann::json::array_t& row = joins::SavedRow(from, fields);
      uint64_t key = joins::SavedUnsigned(row[0]);
      if (Find(key) != kNone) throw std::runtime_error("saved state: the same request twice");
      MakeRoom(key, abandon);
      restore(row, table_[Open(key)]);
    }
  }
  // Adds the count of a saved table to the requests that were abandoned while it was restored.
  void AddAbandoned(uint64_t count) { abandoned_ += count; }

 private:
  joins::PointerTable<Request> table_;
  uint64_t max_age_us_;
  uint64_t abandoned_ = 0;
};

}  // namespace qte::decoders
