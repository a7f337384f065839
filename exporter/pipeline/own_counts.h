// What a pipeline counts of its own work, for the exporter's own metrics. Counts of several pipelines add up.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "metrics/snapshot.h"

namespace qte::pipeline {

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
std::string_view NameOf(Unparsed reason);

// What streams have given up.
struct Losses {
  std::map<std::string, uint64_t> abandoned;  // by span
  std::map<std::string, uint64_t> forgotten;  // by lookup or decoder

  void Add(const Losses& other);
  void Subtract(const Losses& other);
};

struct OwnCounts {
  uint64_t lines = 0;
  uint64_t bytes = 0;
  uint64_t series = 0;
  uint64_t expired = 0;  // series
  std::array<uint64_t, kUnparsedReasons> unparsed{};
  std::map<std::string, uint64_t> overflowed;  // by metric
  std::map<std::string, uint64_t> open_spans;
  Losses losses;
  std::optional<int64_t> last_event_us;  // of several pipelines the latest

  void Add(const OwnCounts& other);
};

std::vector<metrics::PlainFamily> ToFamilies(const OwnCounts& counts);

}  // namespace qte::pipeline
