#include "commands/lint.h"

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "base/printed.h"
#include "config/scalar.h"
#include "config/template.h"

namespace qte::commands {
namespace {

using config::Condition;
using config::Label;
using config::Metric;
using trace::EventDeclaration;

std::string Quoted(std::string_view text) {
  return '"' + std::string(text) + '"';
}

// For each argument, the types that the metric's events declare.
using Types = std::map<std::string, std::set<std::string>, std::less<>>;

void AddTypes(const EventDeclaration& event, Types& types) {
  for (const trace::Variant& variant : event.variants) {
    for (const trace::Argument& argument : variant.declaration.arguments) types[argument.name].insert(argument.type);
  }
}

void AddTypesOfName(const std::string& name, const trace::Catalog& catalog, Types& types) {
  if (trace::IsGlob(name)) {
    for (const EventDeclaration& event : catalog.events()) {
      if (trace::GlobMatches(name, event.name)) AddTypes(event, types);
    }
  } else if (const EventDeclaration* event = catalog.Find(name)) {
    AddTypes(*event, types);
  }
}

// The event of a span has the arguments of its start and end events.
Types TypesOf(const Metric& metric, const config::Config& config, const trace::Catalog& catalog) {
  Types types;
  for (const config::Text& event : metric.events) {
    AddTypesOfName(event.value, catalog, types);
    for (const config::Span& span : config.spans) {
      if (span.name.value != event.value) continue;
      for (const config::Text& name : span.start) AddTypesOfName(name.value, catalog, types);
      for (const config::Text& name : span.end) AddTypesOfName(name.value, catalog, types);
    }
  }
  return types;
}

bool IsText(std::string_view type) {
  return type.find("char") != std::string_view::npos && type.ends_with('*');
}

bool IsPointer(std::string_view type) {
  return type.ends_with('*') && !IsText(type);
}

// Names.

struct Unit {
  std::string_view word;
  std::string_view base;
  std::string_view scale;
};

constexpr auto kOtherUnits = std::to_array<Unit>(
    {{"ms", "seconds", "0.001"},       {"millis", "seconds", "0.001"},     {"milliseconds", "seconds", "0.001"},
     {"us", "seconds", "0.000001"},    {"usec", "seconds", "0.000001"},    {"microseconds", "seconds", "0.000001"},
     {"ns", "seconds", "0.000000001"}, {"nsec", "seconds", "0.000000001"}, {"nanoseconds", "seconds", "0.000000001"},
     {"minutes", "seconds", "60"},     {"hours", "seconds", "3600"},       {"sectors", "bytes", "512"},
     {"kb", "bytes", "1000"},          {"kilobytes", "bytes", "1000"},     {"kib", "bytes", "1024"},
     {"mb", "bytes", "1000000"},       {"megabytes", "bytes", "1000000"},  {"mib", "bytes", "1048576"},
     {"gb", "bytes", "1000000000"},    {"gib", "bytes", "1073741824"},     {"percent", "ratio", "0.01"}});
// Arguments whose unit is known by their names.
constexpr auto kUnitOfValue = std::to_array<Unit>(
    {{"duration", "seconds", ""}, {"bytes", "bytes", ""}, {"nbytes", "bytes", ""}, {"nsectors", "bytes", "512"}});

std::vector<std::string_view> WordsOf(std::string_view name) {
  std::vector<std::string_view> words;
  for (size_t begin = 0; begin <= name.size();) {
    const size_t end = std::min(name.find('_', begin), name.size());
    words.push_back(name.substr(begin, end - begin));
    begin = end + 1;
  }
  if (words.size() > 1 && words.back() == "total") words.pop_back();
  return words;
}

std::string WrongUnit(const Metric& metric) {
  const std::vector<std::string_view> words = WordsOf(metric.name.value);
  const std::string named = "metric " + Quoted(metric.name.value);
  for (const Unit& unit : kOtherUnits) {
    if (words.back() != unit.word) continue;
    return named + " has the unit " + Quoted(unit.word) + "; Prometheus' base unit is " + Quoted(unit.base) +
           ": rename it, and set \"scale: " + std::string(unit.scale) + "\" if its value is in " +
           std::string(unit.word);
  }
  if (!metric.value || metric.scale != 1) return {};
  for (const Unit& unit : kUnitOfValue) {
    const bool is_told = std::find(words.begin(), words.end(), unit.base) != words.end();
    if (metric.value->value != unit.word || (is_told && unit.scale.empty())) continue;
    std::string remedy = "should name the unit: add " + Quoted(unit.base) + " to it";
    if (!unit.scale.empty()) remedy += ", and set \"scale: " + std::string(unit.scale) + '"';
    return named + " shows " + Quoted(unit.word) + ", so its name " + remedy;
  }
  return {};
}

std::string WrongName(const Metric& metric) {
  const std::string& name = metric.name.value;
  const std::string named = "metric " + Quoted(name);
  if (name.find(':') != std::string::npos) return named + " has a colon, which recording rules use; use \"_\"";
  if (std::any_of(name.begin(), name.end(), [](char c) { return c >= 'A' && c <= 'Z'; })) {
    return named + " has capital letters; write lower-case words with \"_\" between them";
  }
  for (std::string_view word : WordsOf(name)) {
    if (word != "counter" && word != "gauge" && word != "histogram") continue;
    return named + " names its type; remove " + Quoted(word) + ", because Prometheus knows the type";
  }
  return {};
}

// Labels.

// Assumed number of values of a label about which nothing is known, such as a device name.
constexpr uint64_t kSomeValues = 8;
constexpr uint64_t kAnyNumber = UINT64_MAX;
// Assume that 1 in 10 combinations of label values occurs.
constexpr uint64_t kCombinationsUsed = 10;
// Arguments that have a new value in almost every event.
constexpr auto kPositions = std::to_array<std::string_view>(
    {"addr", "address", "offset", "offs",   "off",   "sector", "sector_num", "lba",   "slba",
     "pos",  "pc",      "rip",    "gpa",    "gva",   "iova",   "paddr",      "vaddr", "data",
     "val",  "value",   "len",    "length", "bytes", "nbytes", "nsectors",   "time",  "duration",
     "ns",   "seq",     "cookie", "tag",    "cid",   "elem",   "req"});

// Number of values of an argument that the conditions allow. Empty if the conditions do not restrict it.
std::optional<uint64_t> ValuesLeft(const std::string& argument, const std::vector<Condition>& conditions) {
  for (const Condition& condition : conditions) {
    if (condition.argument.value != argument) continue;
    if (condition.kind == Condition::Kind::kAnyOf) return condition.values.size();
    if (condition.kind != Condition::Kind::kRange || !condition.min || !condition.max) continue;
    const auto min = config::ParseNumber(condition.min->value);
    const auto max = config::ParseNumber(condition.max->value);
    if (min && max && *max >= *min && *max - *min < 1e15) return static_cast<uint64_t>(*max - *min) + 1;
  }
  return std::nullopt;
}

uint64_t ValuesOfType(const std::string& argument, std::string_view type) {
  if (IsText(type) || IsPointer(type)) return kSomeValues;
  if (type == "bool") return 2;
  if (std::find(kPositions.begin(), kPositions.end(), argument) != kPositions.end()) return kAnyNumber;
  if (type == "uint8_t" || type == "int8_t") return 256;
  return kSomeValues;
}

class LabelLinter {
 public:
  LabelLinter(const Metric& metric, const config::Config& config, const trace::Catalog& catalog)
      : metric_(metric), config_(config), types_(TypesOf(metric, config, catalog)) {}

  std::vector<LintFinding> Lint() {
    uint64_t series = 1;
    std::string factors;
    bool has_names = false;
    for (const Label& label : metric_.labels) {
      const uint64_t values = ValuesOf(label);
      if (values == kAnyNumber) return std::move(findings_);
      // Names of one device depend on each other, so count them once.
      if (values == kSomeValues && std::exchange(has_names, true)) continue;
      series = values > UINT64_MAX / series ? UINT64_MAX : series * values;
      factors.append(factors.empty() ? "" : " x ").append(label.name.value + ' ' + Grouped(values));
    }
    if (series / kCombinationsUsed > config_.limits.max_series_per_metric) {
      Add(metric_.name.place, "cardinality",
          "metric " + Quoted(metric_.name.value) + " may have " + Grouped(series) + " series a VM (a guess: " +
              factors + "), more than max_series_per_metric, " + Grouped(config_.limits.max_series_per_metric) +
              "; remove a label, or restrict its values with \"where\"");
    }
    return std::move(findings_);
  }

 private:
  void Add(const config::Place& place, std::string_view rule, std::string message) {
    findings_.push_back({place, rule, std::move(message)});
  }

  // Estimated number of values. Without a bound, adds a finding and returns kAnyNumber.
  uint64_t ValuesOf(const Label& label) {
    if (label.value.lookup) return NamesOf(label.value.lookup->value);
    if (label.value.texts.empty()) return kSomeValues;
    // The other texts are for events that lack the arguments of the first one.
    const config::Text& text = label.value.texts.front();
    Result<std::vector<std::string>> arguments = config::ArgumentsOfTemplate(text.value);
    if (!arguments) return kSomeValues;
    // The parts of an address depend on each other, so their numbers of values are not multiplied.
    uint64_t most = 1;
    for (const std::string& argument : *arguments) most = std::max(most, ValuesOfArgument(label, text, argument));
    return most;
  }

  uint64_t NamesOf(const std::string& lookup) const {
    for (const config::Lookup& each : config_.lookups) {
      if (each.name.value == lookup && !each.names.empty()) return each.names.size() + 1;
    }
    return kSomeValues;
  }

  uint64_t ValuesOfArgument(const Label& label, const config::Text& text, const std::string& argument) {
    auto types = types_.find(argument);
    if (types == types_.end()) return kSomeValues;
    const std::optional<uint64_t> left = ValuesLeft(argument, metric_.where);
    if (left) return *left;
    uint64_t most = 0;
    for (const std::string& type : types->second) {
      const std::string shows = "label " + Quoted(label.name.value) + " shows ";
      const uint64_t values = ValuesOfType(argument, type);
      if (IsPointer(type)) {
        Add(text.place, "pointer-label",
            shows + "the pointer " + Quoted(argument) + " (" + type +
                "), so each object and each start of QEMU makes new series; name it with a lookup, or leave it "
                "out");
        return kSomeValues;
      }
      if (values == kAnyNumber) {
        Add(text.place, "cardinality",
            shows + Quoted(argument) + " (" + type +
                "), which can have any number of values, and each makes a series; leave it out, or restrict it with "
                "\"where\"");
        return kAnyNumber;
      }
      most = std::max(most, values);
    }
    return most;
  }

  const Metric& metric_;
  const config::Config& config_;
  const Types types_;
  std::vector<LintFinding> findings_;
};

}  // namespace

std::vector<LintFinding> Lint(const config::Config& config, const trace::Catalog& catalog) {
  std::vector<LintFinding> findings;
  for (const Metric& metric : config.metrics) {
    const config::Place& place = metric.name.place;
    if (metric.help == metric.name.value) {
      findings.push_back(
          {place, "missing-help", "metric " + Quoted(metric.name.value) + " has no \"help\"; describe what it counts"});
    }
    if (std::string wrong = WrongName(metric); !wrong.empty()) findings.push_back({place, "name", std::move(wrong)});
    if (std::string wrong = WrongUnit(metric); !wrong.empty()) findings.push_back({place, "unit", std::move(wrong)});
    for (LintFinding& finding : LabelLinter(metric, config, catalog).Lint()) findings.push_back(std::move(finding));
  }
  return findings;
}

}  // namespace qte::commands
