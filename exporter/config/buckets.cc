#include "config/buckets.h"

#include <array>
#include <charconv>
#include <cmath>

#include "config/keys.h"
#include "config/scalar.h"

namespace qte::config {
namespace {

constexpr std::string_view kExpected = "a list of numbers or {start, factor, count}";

// Repeated multiplication gives 0.30000000000000004, which would be a label's text for ever; 15 digits are what a
// double keeps of any decimal number.
double WithoutNoise(double bound) {
  if (bound == std::floor(bound)) return bound;
  std::array<char, 64> text;
  auto printed = std::to_chars(text.data(), text.data() + text.size(), bound, std::chars_format::general, 15);
  double rounded = bound;
  std::from_chars(text.data(), printed.ptr, rounded);
  return rounded;
}

std::optional<double> ReadNumber(const Field& field, Report& report) {
  std::optional<double> number =
      field.node->kind == YamlNode::Kind::kScalar ? ParseNumber(field.node->text) : std::nullopt;
  if (!number) ReportMismatch(field, "a number", report);
  return number;
}

bool IsInfinity(std::string_view text) {
  return text == "+Inf" || text == ".inf" || text == "Inf" || text == "inf";
}

std::vector<double> ReadList(const Field& field, Report& report) {
  std::vector<double> bounds;
  const std::vector<YamlNode>& items = field.node->items;
  if (items.empty()) ReportMismatch(field, kExpected, report);
  if (items.size() > kMaxBuckets) {
    report.Add(field.at, "a histogram has at most " + std::to_string(kMaxBuckets) + " buckets, not " +
                             std::to_string(items.size()));
    return {};
  }
  for (const YamlNode& item : items) {
    std::optional<double> bound = item.kind == YamlNode::Kind::kScalar ? ParseNumber(item.text) : std::nullopt;
    if (IsInfinity(item.text)) {
      report.Add(item.at, "the bucket " + Quoted(item.text) + " is always there; leave it out");
    } else if (!bound) {
      ReportMismatch({field.name, item.at, &item}, kExpected, report);
    } else if (!bounds.empty() && *bound <= bounds.back()) {
      report.Add(item.at, "\"buckets\" must rise; " + Quoted(item.text) + " is not above the one before it");
    } else {
      bounds.push_back(*bound);
    }
  }
  return bounds;
}

// What {start, factor, count} or {start, width, count} says.
struct Series {
  std::optional<double> start;
  std::optional<double> factor;
  std::optional<double> width;
  std::optional<uint64_t> count;

  double At(uint64_t i) const {
    auto steps = static_cast<double>(i);
    return WithoutNoise(factor ? *start * std::pow(*factor, steps) : *start + *width * steps);
  }
};

// Reports a step that would not rise; `step` is `factor` or `width`.
void CheckStep(const Field& step, const Series& series, Report& report) {
  if (series.factor && *series.factor <= 1) report.Add(step.node->at, "\"factor\" must be above 1");
  if (series.width && *series.width <= 0) report.Add(step.node->at, "\"width\" must be above 0");
}

void ReadStart(const Fields& fields, Series& series, Report& report) {
  const Field* start = fields.Require("start", "the first bound");
  if (start == nullptr) return;
  series.start = ReadNumber(*start, report);
  if (series.start && fields.Find("factor") != nullptr && *series.start <= 0) {
    report.Add(start->node->at, "\"start\" must be above 0, as \"factor\" multiplies it");
  }
}

void ReadCount(const Fields& fields, Series& series, Report& report) {
  const Field* count = fields.Require("count", "the number of bounds");
  if (count == nullptr) return;
  if (count->node->kind == YamlNode::Kind::kScalar) series.count = ParseCount(count->node->text);
  if (!series.count || *series.count < 1 || *series.count > kMaxBuckets) {
    ReportMismatch(*count, "a whole number from 1 to " + std::to_string(kMaxBuckets), report);
  }
}

void ReadStep(const Field& field, const Fields& fields, Series& series, Report& report) {
  const Field* factor = fields.Find("factor");
  const Field* width = fields.Find("width");
  if (factor != nullptr && width != nullptr) {
    report.Add(width->at, "\"buckets\" takes \"factor\" or \"width\", not both");
  } else if (factor != nullptr) {
    series.factor = ReadNumber(*factor, report);
    CheckStep(*factor, series, report);
  } else if (width != nullptr) {
    series.width = ReadNumber(*width, report);
    CheckStep(*width, series, report);
  } else {
    report.Add(field.at, "\"buckets\" needs \"factor\" (or \"width\"): what leads from one bound to the next");
  }
}

std::vector<double> ReadSeries(const Field& field, Report& report) {
  size_t errors_before = report.errors();
  Fields fields(field, {"\"buckets\"", kBucketKeys}, report);
  Series series;
  ReadStart(fields, series, report);
  ReadStep(field, fields, series, report);
  ReadCount(fields, series, report);
  std::vector<double> bounds;
  if (report.errors() != errors_before) return bounds;
  for (uint64_t i = 0; i < *series.count; ++i) {
    double bound = series.At(i);
    if (!std::isfinite(bound) || (i > 0 && bound <= bounds.back())) {
      report.Add(field.at, "bound " + std::to_string(i + 1) + " of \"buckets\" is beyond what a double can hold");
      return {};
    }
    bounds.push_back(bound);
  }
  return bounds;
}

}  // namespace

std::vector<double> ReadBuckets(const Field& field, Report& report) {
  if (field.node->kind == YamlNode::Kind::kList) return ReadList(field, report);
  if (field.node->kind == YamlNode::Kind::kMap && !field.node->items.empty()) return ReadSeries(field, report);
  ReportMismatch(field, kExpected, report);
  return {};
}

}  // namespace qte::config
