#include "config/limits.h"

#include <array>
#include <string>

#include "config/keys.h"
#include "config/scalar.h"

namespace qte::config {
namespace {

constexpr std::array kLimits = {&Limits::max_series_per_metric, &Limits::max_series, &Limits::max_line_bytes,
                                &Limits::max_open_spans, &Limits::max_lookup_entries};
static_assert(kLimitKeys.size() == kLimits.size() + 2);

}  // namespace

Limits ReadLimits(const Field& field, Report& report) {
  Limits limits;
  if (field.node->kind == YamlNode::Kind::kEmpty) return limits;
  Fields fields(field, {"\"limits\"", kLimitKeys}, report);
  for (size_t i = 0; i < kLimits.size(); ++i) {
    const Field* limit = fields.Find(kLimitKeys[i].name);
    if (limit == nullptr) continue;
    limits.given.emplace(kLimitKeys[i].name, report.PlaceOf(limit->at));
    std::optional<uint64_t> count;
    if (limit->node->kind == YamlNode::Kind::kScalar) count = ParseCount(limit->node->text);
    if (count.value_or(0) == 0) {
      ReportMismatch(*limit, "a whole number from 1", report);
    } else {
      limits.*kLimits[i] = *count;
    }
  }
  if (const Field* expire = fields.Find("expire_after")) {
    limits.given.emplace("expire_after", report.PlaceOf(expire->at));
    if (expire->node->kind == YamlNode::Kind::kScalar) limits.expire_after = ParseDuration(expire->node->text);
    if (!limits.expire_after) ReportMismatch(*expire, "a duration such as 10m or 24h", report);
  }
  if (const Field* workers = fields.Find("workers")) {
    limits.given.emplace("workers", report.PlaceOf(workers->at));
    if (workers->node->kind == YamlNode::Kind::kScalar) limits.workers = ParseCount(workers->node->text);
    if (limits.workers.value_or(0) < 1 || *limits.workers > kMostWorkers) {
      ReportMismatch(*workers, "a whole number from 1 to " + std::to_string(kMostWorkers), report);
    }
  }
  return limits;
}

void CombineLimits(const Limits& more, Limits& limits, std::vector<Diagnostic>& diagnostics) {
  for (const auto& [key, place] : more.given) {
    auto [first, is_new] = limits.given.emplace(key, place);
    if (is_new) continue;
    diagnostics.push_back({place, "limit " + Quoted(key) + " is set already, in " + first->second.file + ':' +
                                      std::to_string(first->second.line)});
  }
  for (size_t i = 0; i < kLimits.size(); ++i) {
    if (more.given.contains(kLimitKeys[i].name)) limits.*kLimits[i] = more.*kLimits[i];
  }
  if (more.given.contains("expire_after")) limits.expire_after = more.expire_after;
  if (more.given.contains("workers")) limits.workers = more.workers;
}

}  // namespace qte::config
