// Which names Prometheus and the exporter itself leave to the user. Each check gives what is wrong with a name, or
// nothing where it is good.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>

#include "config/config.h"

namespace qte::config {

// [a-zA-Z_:][a-zA-Z0-9_:]*, no family of the exporter's own, `_total` on counters and on nothing else.
std::optional<std::string> WrongMetricName(std::string_view name);
std::optional<std::string> WrongSuffix(std::string_view name, MetricType type);

// [a-zA-Z_][a-zA-Z0-9_]*, not beginning with "__", neither `le` nor `quantile`.
std::optional<std::string> WrongLabelName(std::string_view name);

// A label of every series of a source must leave alone what the exporter's own families have.
std::optional<std::string> WrongSourceLabelName(std::string_view name);

// A lookup or span: a span's name is used as an event's.
std::optional<std::string> WrongJoinName(std::string_view name);

// "counter", "gauge", "histogram".
inline constexpr std::array<std::string_view, 3> kTypeNames = {"counter", "gauge", "histogram"};
constexpr std::string_view NameOf(MetricType type) {
  return kTypeNames[static_cast<size_t>(type)];
}

}  // namespace qte::config
