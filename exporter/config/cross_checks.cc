#include "config/cross_checks.h"

#include <map>

#include "base/suggest.h"
#include "config/regex.h"

namespace qte::config {
namespace {

using FirstPlace = std::map<std::string, Position, std::less<>>;

Position PositionOf(const Place& place) {
  return {place.line, place.column};
}

std::string InLine(Position at) {
  return "in line " + std::to_string(at.line);
}

void CheckSourcePaths(const Config& config, Report& report) {
  FirstPlace first;
  for (const Source& source : config.sources) {
    if (source.path.value.empty()) continue;
    Position at = PositionOf(source.path.place);
    auto [it, is_new] = first.emplace(source.path.value, at);
    if (!is_new) report.Add(at, "path " + Quoted(source.path.value) + " is a source already, " + InLine(it->second));
  }
}

FirstPlace CheckMetricNames(const Config& config, Report& report) {
  FirstPlace first;
  for (const Metric& metric : config.metrics) {
    if (metric.name.value.empty()) continue;
    Position at = PositionOf(metric.name.place);
    auto [it, is_new] = first.emplace(metric.name.value, at);
    if (!is_new) {
      report.Add(at, "duplicate metric " + Quoted(metric.name.value) + "; the first is " + InLine(it->second));
    }
  }
  return first;
}

// A histogram `x` is written as x_bucket, x_sum and x_count, which no other family may be called.
void CheckHistogramNames(const Config& config, const FirstPlace& names, Report& report) {
  for (const Metric& metric : config.metrics) {
    if (metric.type != MetricType::kHistogram || metric.name.value.empty()) continue;
    for (const char* suffix : {"_bucket", "_sum", "_count"}) {
      auto clash = names.find(metric.name.value + suffix);
      if (clash == names.end()) continue;
      report.Add(clash->second, "metric " + Quoted(clash->first) + " is part of histogram " +
                                    Quoted(metric.name.value) + " " + InLine(PositionOf(metric.name.place)) +
                                    "; rename one of them");
    }
  }
}

// Labels that every series of some source has, with the place that says so; `vm` needs none.
FirstPlace SourceLabels(const Config& config) {
  FirstPlace labels = {{"vm", Position{}}};
  for (const Source& source : config.sources) {
    for (const auto& [name, value] : source.labels) labels.emplace(name.value, PositionOf(name.place));
    if (!source.path_pattern) continue;
    Result<std::vector<std::string>> groups = NamedGroups(source.path_pattern->value);
    if (!groups) continue;  // reported where it was read
    for (const std::string& group : *groups) labels.emplace(group, PositionOf(source.path_pattern->place));
  }
  return labels;
}

void CheckLabels(const Config& config, Report& report) {
  FirstPlace given = SourceLabels(config);
  for (const Metric& metric : config.metrics) {
    for (const Label& label : metric.labels) {
      auto clash = given.find(label.name.value);
      if (clash == given.end()) continue;
      std::string by = clash->second.line > 0 ? "a source, " + InLine(clash->second) : "the exporter";
      report.Add(PositionOf(label.name.place),
                 "label " + Quoted(label.name.value) + " is given to every series by " + by + "; choose another name");
    }
  }
}

class LookupChecker {
 public:
  LookupChecker(const Config& config, Report& report) : report_(report) {
    for (const Lookup& lookup : config.lookups) {
      lookups_[lookup.name.value] = &lookup;
      names_.push_back(lookup.name.value);
    }
  }

  void Check(const LabelValue& label) const {
    auto found = lookups_.find(label.lookup->value);
    if (found == lookups_.end()) {
      ReportUnknown(*label.lookup);
      return;
    }
    size_t want = found->second->key.size();
    size_t have = label.key.size();
    if (want == 0 || have == 0 || want == have) return;  // none: its key is wrong, and reported
    report_.Add(PositionOf(label.key[0].place), "lookup " + Quoted(label.lookup->value) + " has a key of " +
                                                    std::to_string(want) + " arguments, not " + std::to_string(have));
  }

 private:
  void ReportUnknown(const Text& lookup) const {
    if (report_.full()) return;  // looking for near names is the one check whose cost is not linear
    std::string remedy = names_.empty() ? "; \"lookups\" declares none" : DidYouMean(lookup.value, names_);
    report_.Add(PositionOf(lookup.place), "unknown lookup " + Quoted(lookup.value) + remedy);
  }

  Report& report_;
  std::map<std::string_view, const Lookup*> lookups_;
  std::vector<std::string_view> names_;
};

void CheckLookups(const Config& config, Report& report) {
  LookupChecker checker(config, report);
  for (const Metric& metric : config.metrics) {
    for (const Label& label : metric.labels) {
      if (label.value.lookup) checker.Check(label.value);
    }
  }
}

}  // namespace

void CheckTogether(const Config& config, Report& report) {
  CheckSourcePaths(config, report);
  CheckHistogramNames(config, CheckMetricNames(config, report), report);
  CheckLabels(config, report);
  CheckLookups(config, report);
}

}  // namespace qte::config
