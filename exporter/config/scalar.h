// Numbers and durations of the config, read from the text as written: 010 is ten, "yes" and 1e400 are not
// numbers.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

namespace qte::config {

// A finite decimal number: 5, -0.25, 1e-6.
std::optional<double> ParseNumber(std::string_view text);

// A whole decimal number without sign.
std::optional<uint64_t> ParseCount(std::string_view text);

// A duration over zero as Prometheus writes it, whole numbers with their units: 500ms, 60s, 10m, 1h30m. Units are
// us, ms, s, m, h and d.
std::optional<std::chrono::microseconds> ParseDuration(std::string_view text);

}  // namespace qte::config
