// A histogram's `buckets`: [1, 2, 5], {start, factor, count}, or {start, width, count}.
#pragma once

#include <vector>

#include "config/fields.h"

namespace qte::config {

inline constexpr size_t kMaxBuckets = 200;

// The rising, finite upper bounds; empty where something is wrong. "+Inf" is none of them.
std::vector<double> ReadBuckets(const Field& field, Report& report);

}  // namespace qte::config
