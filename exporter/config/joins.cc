#include "config/joins.h"

#include "config/keys.h"
#include "config/names.h"
#include "config/scalar.h"

namespace qte::config {
namespace {

constexpr std::string_view kArguments = "an argument's name or a list of names";
constexpr std::string_view kEvents = "an event's name or a list of names";

void CheckName(const Field& entry, Report& report) {
  if (std::optional<std::string> wrong = WrongJoinName(entry.name)) report.Add(entry.at, *wrong);
}

std::vector<Text> RequireTexts(const Fields& fields, std::string_view key, std::string_view expected, Report& report) {
  const Field* field = fields.Require(key, expected);
  return field == nullptr ? std::vector<Text>{} : ReadTexts(*field, expected, report);
}

// {0: unknown, 2: io}
std::vector<std::pair<Text, std::string>> ReadNames(const Field& field, Report& report) {
  constexpr std::string_view kExpected = "a map of an argument's values to their names";
  std::vector<std::pair<Text, std::string>> names;
  std::vector<Field> entries = Entries(field, kExpected, report);
  bool is_reported = field.node->kind != YamlNode::Kind::kMap && field.node->kind != YamlNode::Kind::kEmpty;
  if (entries.empty() && !is_reported) report.Add(field.at, "\"names\" must be " + std::string(kExpected));
  for (const Field& entry : entries) {
    std::optional<Text> name = ReadText(entry, "a name", report);
    if (name) names.emplace_back(NameOf(entry, report), name->value);
  }
  return names;
}

Lookup ReadLookup(const Field& entry, Report& report) {
  CheckName(entry, report);
  Lookup lookup;
  lookup.name = NameOf(entry, report);
  Fields fields(entry, {"lookup " + Quoted(entry.name), kLookupKeys}, report);
  if (const Field* names = fields.Find("names")) {
    for (const char* key : {"event", "key", "value"}) {
      const Field* other = fields.Find(key);
      if (other != nullptr) report.Add(other->at, Quoted(key) + " learns names, which " + Quoted("names") + " gives");
    }
    lookup.names = ReadNames(*names, report);
    return lookup;
  }
  if (const Field* event = fields.Require("event", "the event that tells the value")) {
    lookup.event = ReadText(*event, "an event's name", report).value_or(Text{});
  }
  lookup.key = RequireTexts(fields, "key", kArguments, report);
  if (const Field* value = fields.Require("value", "the argument to remember")) {
    lookup.value = ReadText(*value, "an argument's name", report).value_or(Text{});
  }
  return lookup;
}

Span ReadSpan(const Field& entry, Report& report) {
  CheckName(entry, report);
  Span span;
  span.name = NameOf(entry, report);
  Fields fields(entry, {"span " + Quoted(entry.name), kSpanKeys}, report);
  span.start = RequireTexts(fields, "start", kEvents, report);
  span.end = RequireTexts(fields, "end", kEvents, report);
  span.key = RequireTexts(fields, "key", kArguments, report);
  if (const Field* timeout = fields.Find("timeout")) {
    if (timeout->node->kind == YamlNode::Kind::kScalar) span.timeout = ParseDuration(timeout->node->text);
    if (!span.timeout) ReportMismatch(*timeout, "a duration such as 500ms, 60s or 10m", report);
  }
  return span;
}

}  // namespace

std::vector<Lookup> ReadLookups(const Field& field, Report& report) {
  std::vector<Lookup> lookups;
  for (const Field& entry : Entries(field, "a map of names to {event, key, value}", report)) {
    const size_t errors = report.errors();
    lookups.push_back(ReadLookup(entry, report));
    lookups.back().is_sound = report.errors() == errors;
  }
  return lookups;
}

std::vector<Span> ReadSpans(const Field& field, Report& report) {
  std::vector<Span> spans;
  for (const Field& entry : Entries(field, "a map of names to {start, end, key}", report)) {
    const size_t errors = report.errors();
    spans.push_back(ReadSpan(entry, report));
    spans.back().is_sound = report.errors() == errors;
  }
  return spans;
}

}  // namespace qte::config
