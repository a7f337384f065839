#include "config/cross_checks.h"

#include <map>

#include "base/suggest.h"
#include "config/regex.h"

namespace qte::config {
namespace {

using FirstPlace = std::map<std::string, Place, std::less<>>;

// Where something is, told at `from`.
std::string In(const Place& place, const Place& from) {
  if (place.file == from.file) return "in line " + std::to_string(place.line);
  return "in " + place.file + ':' + std::to_string(place.line);
}

void CheckSourcePaths(const Config& config, Report& report) {
  FirstPlace first;
  for (const Source& source : config.sources) {
    if (source.path.value.empty()) continue;
    const Place& at = source.path.place;
    auto [it, is_new] = first.emplace(source.path.value, at);
    if (!is_new) report.Add(at, "path " + Quoted(source.path.value) + " is a source already, " + In(it->second, at));
  }
}

// Names of metrics, and those of lookups and spans that two files give; within one file the latter are keys of a map.
template <class Item>
FirstPlace CheckNames(const std::vector<Item>& items, const char* what, Report& report) {
  FirstPlace first;
  for (const Item& item : items) {
    if (item.name.value.empty()) continue;
    const Place& at = item.name.place;
    auto [it, is_new] = first.emplace(item.name.value, at);
    if (is_new) continue;
    report.Add(
        at, std::string("duplicate ") + what + ' ' + Quoted(item.name.value) + "; the first is " + In(it->second, at));
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
                                    Quoted(metric.name.value) + " " + In(metric.name.place, clash->second) +
                                    "; rename one of them");
    }
  }
}

// Labels that every series of some source has, with the place that says so; `vm` needs none.
FirstPlace SourceLabels(const Config& config) {
  FirstPlace labels = {{"vm", Place{}}};
  for (const Source& source : config.sources) {
    for (const auto& [name, value] : source.labels) labels.emplace(name.value, name.place);
    if (!source.path_pattern) continue;
    Result<std::vector<std::string>> groups = NamedGroups(source.path_pattern->value);
    if (!groups) continue;  // reported where it was read
    for (const std::string& group : *groups) labels.emplace(group, source.path_pattern->place);
  }
  return labels;
}

void CheckLabels(const Config& config, Report& report) {
  FirstPlace given = SourceLabels(config);
  for (const Metric& metric : config.metrics) {
    for (const Label& label : metric.labels) {
      auto clash = given.find(label.name.value);
      if (clash == given.end()) continue;
      const Place& at = label.name.place;
      std::string by = clash->second.line > 0 ? "a source, " + In(clash->second, at) : "the exporter";
      report.Add(at,
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
    size_t want = found->second->key_size();
    size_t have = label.key.size();
    if (want == 0 || have == 0 || want == have) return;  // none: its key is wrong, and reported
    report_.Add(label.key[0].place, "lookup " + Quoted(label.lookup->value) + " has a key of " + std::to_string(want) +
                                        (want == 1 ? " argument, not " : " arguments, not ") + std::to_string(have));
  }

 private:
  void ReportUnknown(const Text& lookup) const {
    if (report_.full()) return;  // looking for near names is the one check whose cost is not linear
    std::string remedy = names_.empty() ? "; \"lookups\" declares none" : DidYouMean(lookup.value, names_);
    report_.Add(lookup.place, "unknown lookup " + Quoted(lookup.value) + remedy);
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
  CheckHistogramNames(config, CheckNames(config.metrics, "metric", report), report);
  CheckNames(config.lookups, "lookup", report);
  CheckNames(config.spans, "span", report);
  CheckLabels(config, report);
  CheckLookups(config, report);
}

}  // namespace qte::config
