#include "config/names.h"

#include <algorithm>

#include "config/report.h"

namespace qte::config {
namespace {

constexpr std::string_view kTotal = "_total";

bool IsAlnum(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

// Letters, digits, "_" and the extra character, not a digit first.
bool IsName(std::string_view name, char extra) {
  if (name.empty() || (name[0] >= '0' && name[0] <= '9')) return false;
  return std::all_of(name.begin(), name.end(), [extra](char c) { return IsAlnum(c) || c == '_' || c == extra; });
}

}  // namespace

std::optional<std::string> WrongMetricName(std::string_view name) {
  if (!IsName(name, ':')) {
    return Quoted(name) + " is not a valid metric name: it takes letters, digits, \"_\" and \":\", no digit first";
  }
  for (std::string_view prefix : {"qemu_trace_exporter_", "process_"}) {
    if (name.starts_with(prefix)) {
      return "metric " + Quoted(name) + ": the exporter's own metrics begin with " + std::string(prefix);
    }
  }
  if (name == "qemu_trace_events_total")
    return "metric " + Quoted(name) + " is the exporter's own; choose another name";
  return std::nullopt;
}

std::optional<std::string> WrongSuffix(std::string_view name, MetricType type) {
  bool is_total = name.ends_with(kTotal);
  std::string metric = std::string(NameOf(type)) + ' ' + Quoted(name);
  if (type == MetricType::kCounter && !is_total) {
    return metric + " must end in _total; call it " + Quoted(std::string(name) + std::string(kTotal));
  }
  if (type != MetricType::kCounter && is_total) {
    name.remove_suffix(kTotal.size());
    return metric + " must not end in _total, which is for counters; call it " + Quoted(name);
  }
  return std::nullopt;
}

std::optional<std::string> WrongLabelName(std::string_view name) {
  if (!IsName(name, '_')) {
    return Quoted(name) + " is not a valid label name: it takes letters, digits and \"_\", no digit first";
  }
  if (name.starts_with("__")) return "label " + Quoted(name) + ": names that begin with \"__\" are Prometheus' own";
  if (name == "le") return "label \"le\" is what Prometheus calls a histogram's bounds; choose another name";
  if (name == "quantile") return "label \"quantile\" is what Prometheus uses in summaries; choose another name";
  return std::nullopt;
}

std::optional<std::string> WrongSourceLabelName(std::string_view name) {
  if (name == "event") return "label \"event\" is in qemu_trace_events_total already; choose another name";
  return WrongLabelName(name);
}

std::optional<std::string> WrongJoinName(std::string_view name) {
  if (IsName(name, '_')) return std::nullopt;
  return Quoted(name) + " is not a valid name: it takes letters, digits and \"_\", no digit first";
}

}  // namespace qte::config
