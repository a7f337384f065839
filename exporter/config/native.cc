#include "config/native.h"

#include <charconv>

#include "config/keys.h"
#include "config/scalar.h"

namespace qte::config {
namespace {

std::string_view TextOf(const Field& field) {
  return field.node->kind == YamlNode::Kind::kScalar ? std::string_view(field.node->text) : std::string_view();
}

void ReadSchema(const Field& field, NativeHistogram& native, Report& report) {
  const std::string_view text = TextOf(field);
  int schema = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), schema);
  if (error == std::errc() && end == text.data() + text.size() && schema >= kCoarsestSchema && schema <= kFinestSchema) {
    native.schema = schema;
  } else {
    ReportMismatch(field, "a whole number from -4 (each bucket 65,536 times the one before) to 8 (0.3 % wider)", report);
  }
}

void ReadMaxBuckets(const Field& field, NativeHistogram& native, Report& report) {
  const std::optional<uint64_t> count = ParseCount(TextOf(field));
  if (count && *count >= kFewestNativeBuckets && *count <= kMostNativeBuckets) {
    native.max_buckets = *count;
  } else {
    ReportMismatch(field, "a whole number from 4 to 10000", report);
  }
}

void ReadZeroThreshold(const Field& field, NativeHistogram& native, Report& report) {
  const std::optional<double> threshold = ParseNumber(TextOf(field));
  if (threshold && *threshold >= 0) {
    native.zero_threshold = *threshold;
  } else {
    ReportMismatch(field, "a number that is not negative", report);
  }
}

void ReadResetAfter(const Field& field, NativeHistogram& native, Report& report) {
  using std::chrono::seconds;
  const std::optional<std::chrono::microseconds> time = ParseDuration(TextOf(field));
  if (time && *time >= kLeastResetAfter && *time <= kMostResetAfter) {
    native.reset_after = std::chrono::duration_cast<seconds>(*time);
  } else {
    ReportMismatch(field, "a duration from 1m to 1000d, such as 1h", report);
  }
}

}  // namespace

std::optional<NativeHistogram> ReadNative(const Field& field, Report& report) {
  if (TextOf(field) == "true") return NativeHistogram();
  if (TextOf(field) == "false") return std::nullopt;
  if (field.node->kind != YamlNode::Kind::kMap) {
    ReportMismatch(field, "true, false or {schema, max_buckets, zero_threshold, reset_after}", report);
    return std::nullopt;
  }
  NativeHistogram native;
  Fields fields(field, {"\"native\"", kNativeKeys}, report);
  if (const Field* schema = fields.Find("schema")) ReadSchema(*schema, native, report);
  if (const Field* buckets = fields.Find("max_buckets")) ReadMaxBuckets(*buckets, native, report);
  if (const Field* threshold = fields.Find("zero_threshold")) ReadZeroThreshold(*threshold, native, report);
  if (const Field* reset = fields.Find("reset_after")) ReadResetAfter(*reset, native, report);
  return native;
}

}  // namespace qte::config
