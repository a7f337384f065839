#include "config/limits.h"

#include <array>

#include "config/scalar.h"

namespace qte::config {
namespace {

constexpr auto kKeys = std::to_array<std::string_view>(
    {"max_series_per_metric", "max_line_bytes", "max_open_spans", "max_lookup_entries"});
constexpr std::array kLimits = {&Limits::max_series_per_metric, &Limits::max_line_bytes, &Limits::max_open_spans,
                                &Limits::max_lookup_entries};
static_assert(kKeys.size() == kLimits.size());

}  // namespace

Limits ReadLimits(const Field& field, Report& report) {
  Limits limits;
  if (field.node->kind == YamlNode::Kind::kEmpty) return limits;
  Fields fields(field, {"\"limits\"", kKeys}, report);
  for (size_t i = 0; i < kKeys.size(); ++i) {
    const Field* limit = fields.Find(kKeys[i]);
    if (limit == nullptr) continue;
    std::optional<uint64_t> count;
    if (limit->node->kind == YamlNode::Kind::kScalar) count = ParseCount(limit->node->text);
    if (count.value_or(0) == 0) {
      ReportMismatch(*limit, "a whole number from 1", report);
    } else {
      limits.*kLimits[i] = *count;
    }
  }
  return limits;
}

}  // namespace qte::config
