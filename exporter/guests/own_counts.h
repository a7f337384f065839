// What guests count of their own work, for the exporter's own metrics. Counts of several guests add up.
#pragma once

#include <array>
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string_view>
#include <vector>

#include "guests/common.h"
#include "metrics/snapshot.h"

namespace qte::guests {

// Why a line was not used.
enum class Unparsed {
  kNotAnEvent,       // warnings, -d output, the later lines of an event that holds newlines
  kUndeclaredEvent,  // looks like an event that no catalog declares
  kFormatMismatch,   // a known event whose arguments fit none of its formats
  kLineTooLong,
  kPartialLine,    // cut off by a truncation, a replaced file, or a writer that went away
  kNegativeValue,  // a counter's value was below zero
  kNotANumber,     // a value was no number, or not a finite one
};
inline constexpr size_t kUnparsedReasons = 7;
using UnparsedCounts = std::array<uint64_t, kUnparsedReasons>;
std::string_view NameOf(Unparsed reason);
// {reason: count}; reasons whose count is 0 are left out.
nlohmann::json UnparsedToJson(const UnparsedCounts& counts);
UnparsedCounts UnparsedFromJson(const nlohmann::json& from);

// What joins hold and have given up, by Common::joins. Both are empty where all are 0.
struct JoinCounts {
  std::vector<uint64_t> open;
  std::vector<uint64_t> abandoned;
  std::vector<uint64_t> forgotten;

  void Add(const JoinCounts& other);
};

struct OwnCounts {
  uint64_t lines = 0;
  uint64_t bytes = 0;
  uint64_t series = 0;
  uint64_t expired = 0;  // series
  UnparsedCounts unparsed{};
  std::vector<uint64_t> overflowed;  // by family
  uint64_t overflowed_events = 0;
  uint64_t lost_events = 0;  // that a tracer says it has lost
  JoinCounts joins;
  std::optional<int64_t> last_event_us;  // of several guests the latest

  void Add(const OwnCounts& other);
};

std::vector<metrics::PlainFamily> ToFamilies(const OwnCounts& counts, const Common& common);

// All but what is there now (series, open joins): {"lines", "bytes", "expired", "unparsed": {reason: count},
// "overflowed": {metric: count}, "overflowed_events", "lost_events", "abandoned": {span: count}, "forgotten": {lookup: count},
// "last_event_us" or null}. Names whose count is 0, and names that the program does not have, are left out.
nlohmann::json ToJson(const OwnCounts& counts, const Common& common);
OwnCounts OwnCountsFromJson(const nlohmann::json& json, const Common& common);

}  // namespace qte::guests
