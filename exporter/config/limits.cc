#include "config/limits.h"

#include <array>

#include "config/scalar.h"

namespace qte::config {
namespace {

// Those in kLimits first, in its order.
constexpr auto kKeys = std::to_array<std::string_view>(
    {"max_series_per_metric", "max_line_bytes", "max_open_spans", "max_lookup_entries", "expire_after"});
constexpr std::array kLimits = {&Limits::max_series_per_metric, &Limits::max_line_bytes, &Limits::max_open_spans,
                                &Limits::max_lookup_entries};
static_assert(kKeys.size() == kLimits.size() + 1);

}  // namespace

Limits ReadLimits(const Field& field, Report& report) {
  Limits limits;
  if (field.node->kind == YamlNode::Kind::kEmpty) return limits;
  Fields fields(field, {"\"limits\"", kKeys}, report);
  for (size_t i = 0; i < kLimits.size(); ++i) {
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
  if (const Field* expire = fields.Find("expire_after")) {
    if (expire->node->kind == YamlNode::Kind::kScalar) limits.expire_after = ParseDuration(expire->node->text);
    if (!limits.expire_after) ReportMismatch(*expire, "a duration such as 10m or 24h", report);
  }
  return limits;
}

}  // namespace qte::config
