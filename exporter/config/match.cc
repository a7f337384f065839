#include "config/match.h"

#include <algorithm>

#include "base/suggest.h"
#include "config/regex.h"
#include "config/template.h"

namespace qte::config {
namespace {

class GroupChecker {
 public:
  GroupChecker(const std::vector<std::string>& groups, Report& report)
      : groups_(groups.begin(), groups.end()), report_(report) {}

  void Check(const std::string& name, const Place& place) const {
    if (std::find(groups_.begin(), groups_.end(), name) != groups_.end()) return;
    std::string suggestion = DidYouMean(name, groups_);
    if (suggestion.empty()) suggestion = groups_.empty() ? "; it has none" : "; it has " + OneOf(groups_);
    report_.Add({place.line, place.column}, Quoted(name) + " is not a named group of the regex" + suggestion);
  }

  void CheckTemplate(const Text& text) const {
    Result<std::vector<std::string>> arguments = ArgumentsOfTemplate(text.value);
    if (!arguments) return;  // reported where the label was read
    for (const std::string& argument : *arguments) Check(argument, text.place);
  }

 private:
  std::vector<std::string_view> groups_;
  Report& report_;
};

}  // namespace

void CheckMatch(const Fields& fields, const Metric& metric, Report& report) {
  if (const Field* where = fields.Find("where")) {
    report.Add(where->at, "\"where\" does not go with \"match\"; put the condition into the regex");
  }
  Result<std::vector<std::string>> groups = NamedGroups(metric.match->value);
  if (!groups) {
    report.Add({metric.match->place.line, metric.match->place.column}, groups.error());
    return;
  }
  GroupChecker checker(*groups, report);
  for (const Label& label : metric.labels) {
    for (const Text& text : label.value.texts) checker.CheckTemplate(text);
    for (const Condition& condition : label.value.where) {
      const Place& at = condition.argument.place;
      report.Add(at, "\"where\" of a label does not go with \"match\"; put the condition into the regex");
    }
    for (const Text& key : label.value.key) checker.Check(key.value, key.place);
  }
  if (metric.value) checker.Check(metric.value->value, metric.value->place);
}

}  // namespace qte::config
