// A histogram's `native`: true, false, or {schema, max_buckets, zero_threshold, reset_after}.
#pragma once

#include <chrono>
#include <optional>

#include "config/fields.h"

namespace qte::config {

inline constexpr int kCoarsestSchema = -4;
inline constexpr int kFinestSchema = 8;
inline constexpr uint64_t kFewestNativeBuckets = 4;
inline constexpr uint64_t kMostNativeBuckets = 10'000;
inline constexpr std::chrono::minutes kLeastResetAfter{1};
inline constexpr std::chrono::hours kMostResetAfter{24 * 1000};

// Empty where it is false or wrong.
std::optional<NativeHistogram> ReadNative(const Field& field, Report& report);

}  // namespace qte::config
