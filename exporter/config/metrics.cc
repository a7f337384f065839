#include "config/metrics.h"

#include <utility>

#include "config/buckets.h"
#include "config/conditions.h"
#include "config/keys.h"
#include "config/labels.h"
#include "config/match.h"
#include "config/names.h"
#include "config/native.h"
#include "config/scalar.h"

namespace qte::config {
namespace {

std::optional<Text> ReadName(const Fields& fields, Report& report) {
  const Field* field = fields.Require("name", "what Prometheus is to call it");
  if (field == nullptr) return std::nullopt;
  std::optional<Text> name = ReadText(*field, "a metric's name", report);
  if (!name) return std::nullopt;
  if (std::optional<std::string> wrong = WrongMetricName(name->value)) report.Add(field->node->at, *wrong);
  return name;
}

// Blanks at the end come from block texts ("help: >").
std::string ReadHelp(const Field& field, Report& report) {
  std::optional<Text> help = ReadText(field, "text", report, EmptyText::kAllowed);
  std::string text = help ? help->value : "";
  text.resize(text.find_last_not_of(" \n") + 1);
  return text;
}

double ReadScale(const Field& field, Report& report) {
  std::optional<double> scale;
  if (field.node->kind == YamlNode::Kind::kScalar) scale = ParseNumber(field.node->text);
  if (!scale) ReportMismatch(field, "a number", report);
  return scale.value_or(1);
}

void ReadEventOrMatch(const Fields& fields, Metric& metric, Report& report) {
  const Field* event = fields.Find("event");
  const Field* match = fields.Find("match");
  if (event != nullptr && match != nullptr) {
    report.Add(match->at, "a metric takes either \"event\" or \"match\", not both");
  } else if (match != nullptr) {
    metric.match = ReadText(*match, "a regex", report);
  } else if (event != nullptr) {
    metric.events = ReadTexts(*event, "an event's name or glob, or a list of these", report);
  } else {
    fields.Require("event", "the events it is made of (or \"match\": a regex over lines)");
  }
}

void CheckCounter(const Fields& fields, const Metric& metric, Report& report) {
  const Field* scale = fields.Find("scale");
  if (scale != nullptr && metric.scale < 0) report.Add(scale->node->at, "\"scale\" of a counter must not be negative");
}

void CheckType(const Fields& fields, const Metric& metric, Report& report) {
  const Field* name = fields.Find("name");
  if (name != nullptr && !metric.name.value.empty()) {
    if (std::optional<std::string> wrong = WrongSuffix(metric.name.value, metric.type)) {
      report.Add(name->node->at, *wrong);
    }
  }
  switch (metric.type) {
    case MetricType::kCounter:
      CheckCounter(fields, metric, report);
      break;
    case MetricType::kGauge:
      fields.Require("value", "the argument that the gauge shows");
      break;
    case MetricType::kHistogram:
      fields.Require("value", "the argument that the histogram observes");
      fields.Require("buckets", "a list of numbers or {start, factor, count}");
      break;
  }
  for (const auto& [key, are] : {std::pair("buckets", " are"), std::pair("native", " is")}) {
    const Field* field = fields.Find(key);
    if (field == nullptr || metric.type == MetricType::kHistogram) continue;
    report.Add(field->at, Quoted(key) + are + " for histograms, not for a " + std::string(NameOf(metric.type)));
  }
}

void ReadRest(const Fields& fields, Metric& metric, Report& report) {
  if (const Field* where = fields.Find("where")) metric.where = ReadConditions(*where, report);
  if (const Field* labels = fields.Find("labels")) metric.labels = ReadLabels(*labels, report);
  if (const Field* value = fields.Find("value")) metric.value = ReadText(*value, "an argument's name", report);
  if (const Field* scale = fields.Find("scale")) metric.scale = ReadScale(*scale, report);
  if (const Field* buckets = fields.Find("buckets")) metric.bounds = ReadBuckets(*buckets, report);
  if (const Field* native = fields.Find("native")) metric.native = ReadNative(*native, report);
  if (const Field* help = fields.Find("help")) metric.help = ReadHelp(*help, report);
  if (metric.help.empty()) metric.help = metric.name.value;
}

Metric ReadMetric(const Field& item, Report& report) {
  Metric metric;
  metric.place = report.PlaceOf(item.at);
  Fields fields(item, {"a metric", kMetricKeys}, report);
  if (std::optional<Text> name = ReadName(fields, report)) metric.name = std::move(*name);
  std::optional<size_t> type;
  if (const Field* field = fields.Require("type", OneOf({kTypeNames.begin(), kTypeNames.end()}))) {
    type = ReadChoice(*field, kTypeNames, report);
  }
  if (type) metric.type = static_cast<MetricType>(*type);
  ReadEventOrMatch(fields, metric, report);
  ReadRest(fields, metric, report);
  if (type) CheckType(fields, metric, report);
  if (metric.match) CheckMatch(fields, metric, report);
  return metric;
}

}  // namespace

std::vector<Metric> ReadMetrics(const Field& field, Report& report) {
  std::vector<Metric> metrics;
  for (const Field& item : Items(field, "a list of maps with name, type, event ...", report)) {
    const size_t errors = report.errors();
    metrics.push_back(ReadMetric(item, report));
    metrics.back().is_sound = report.errors() == errors;
  }
  return metrics;
}

}  // namespace qte::config
