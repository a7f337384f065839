// A snapshot as Prometheus' text format 0.0.4, through prometheus-cpp's Collectable and TextSerializer.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "metrics/snapshot.h"

namespace qte::exposition {

// So many are collected and serialised at a time.
inline constexpr size_t kSeriesPerWindow = 256;

inline constexpr std::string_view kTextContentType = "text/plain; version=0.0.4; charset=utf-8";

// Families sorted by name, series by labels; families of one name become one, those without series are left out. Label
// values are made valid UTF-8 (each bad byte becomes U+FFFD), HELP texts are escaped, labels with an empty value are
// left out.
std::string ToText(const metrics::Snapshot& snapshot);

}  // namespace qte::exposition
