// Time between two lines of a log.
#pragma once

#include <cstdint>

#include "trace/value.h"

namespace qte::joins {

// The time of a line that carries none.
inline constexpr int64_t kNoTime = INT64_MIN;

// From `start_us` to a later `end_us`; in unsigned numbers, since times out of a hostile line may lie 2^64 apart.
inline uint64_t ElapsedMicroseconds(int64_t start_us, int64_t end_us) {
  return static_cast<uint64_t>(end_us) - static_cast<uint64_t>(start_us);
}

// What began without a time, or before the clock was set back, never gets too old. This many of them are passed over in
// search of what does.
inline constexpr int kMaxTimeless = 64;

// In seconds; missing without timestamps, or if the clock was set back in between.
inline trace::Value DurationOf(int64_t start_us, int64_t end_us) {
  if (start_us == kNoTime || end_us == kNoTime || end_us < start_us) return {};
  return trace::Value::Real(static_cast<double>(ElapsedMicroseconds(start_us, end_us)) / 1e6);
}

}  // namespace qte::joins
