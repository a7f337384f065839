// schema: prints the config's keys as a JSON Schema (draft 7), for editors and validators.
//
// The maps and their keys come from config/keys.h, which the config parser also uses. Types and rules about which keys
// go together repeat what the parser has in code. A schema cannot know events and arguments, so `check` finds more.
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>

#include "commands/commands.h"
#include "config/buckets.h"
#include "config/config.h"
#include "config/keys.h"
#include "config/native.h"

namespace qte::commands {
namespace {

using json = nlohmann::ordered_json;

json Ref(std::string_view name) {
  return {{"$ref", "#/definitions/" + std::string(name)}};
}

// Any value can be the text of a variable, whose content is known only when the config is read.
json OrVariable(json schema) {
  return {{"anyOf", {std::move(schema), Ref("variable")}}};
}

json ChoiceOf(std::span<const std::string_view> words) {
  json all = json::array();
  for (std::string_view word : words) all.push_back(word);
  return OrVariable({{"enum", std::move(all)}});
}

// A map with exactly these keys. `rules` lists which keys belong together.
json MapOf(std::span<const config::Key> keys, const char* rules = "{}") {
  json properties = json::object();
  for (const config::Key& key : keys) {
    // Draft 7 ignores a description beside a "$ref".
    json type = key.words.empty() ? json{{"allOf", {Ref(key.type)}}} : ChoiceOf(key.words);
    properties[std::string(key.name)] = json{{"description", key.meaning}};
    properties[std::string(key.name)].update(type);
  }
  json map = {{"type", "object"}, {"properties", std::move(properties)}, {"additionalProperties", false}};
  map.update(json::parse(rules));
  return map;
}

// A list or a map that may also be empty, as in "sources:" with no value.
json OrNothing(json schema) {
  return {{"anyOf", {std::move(schema), {{"type", "null"}}}}};
}

json MapByName(std::string_view item, const char* names = "^[a-zA-Z_][a-zA-Z0-9_]*$") {
  return OrNothing({{"type", "object"}, {"propertyNames", {{"pattern", names}}}, {"additionalProperties", Ref(item)}});
}

json ListOf(std::string_view item) {
  return OrNothing({{"type", "array"}, {"items", Ref(item)}});
}

// A number may also be a text, because the config parser accepts it with or without quotes.
json WholeNumber(uint64_t least, uint64_t most) {
  json number = {{"type", "integer"}, {"minimum", least}};
  if (most > 0) number["maximum"] = most;
  return {{"anyOf", {std::move(number), {{"type", "string"}, {"pattern", "^[0-9]+$|\\$\\{"}}}}};
}

void AddValues(json& definitions) {
  definitions.update(json::parse(R"json({
    "variable": {"type": "string", "pattern": "\\$\\{"},
    "text": {"type": ["string", "number", "boolean"]},
    "texts": {"anyOf": [{"$ref": "#/definitions/text"},
                        {"type": "array", "minItems": 1, "items": {"$ref": "#/definitions/text"}}]},
    "switch": {"enum": [true, false, "true", "false"]},
    "number": {"anyOf": [{"type": "number"},
                         {"type": "string", "pattern": "^[+-]?[0-9.]+([eE][+-]?[0-9]+)?$|\\$\\{"}]},
    "duration": {"type": "string", "pattern": "^([0-9]+(us|ms|s|m|h|d))+$|\\$\\{",
                 "patternErrorMessage": "A duration is whole numbers with units: 500ms, 60s, 1h30m."},
    "metric_name": {"type": "string", "pattern": "^[a-zA-Z_:][a-zA-Z0-9_:]*$|\\$\\{",
                    "patternErrorMessage": "A metric's name has letters, digits, _ and :, and no digit first."},
    "names": {"type": "object", "minProperties": 1, "additionalProperties": {"$ref": "#/definitions/text"}}
  })json"));
  definitions["switch"] = OrVariable(definitions["switch"]);
  definitions["count"] = WholeNumber(1, 0);
  definitions["disk_bytes"] = WholeNumber(uint64_t{1} << 20, 0);
  definitions["workers"] = WholeNumber(1, config::kMostWorkers);
  definitions["bucket_count"] = WholeNumber(1, config::kMaxBuckets);
  definitions["native_schema"] = {{"type", "integer"}, {"minimum", config::kCoarsestSchema}, {"maximum", config::kFinestSchema}};
  definitions["native_buckets"] = WholeNumber(config::kFewestNativeBuckets, config::kMostNativeBuckets);
}

constexpr const char* kSourceRules = R"json({
  "anyOf": [{"required": ["path"]}, {"required": ["usdt"]}],
  "dependencies": {"name_pattern": ["usdt"], "max_disk_bytes": ["reclaim"]}
})json";
constexpr const char* kLookupRules = R"json({
  "oneOf": [{"required": ["event", "key", "value"]}, {"required": ["names"], "maxProperties": 1}]
})json";
constexpr const char* kMetricRules = R"json({
  "required": ["name", "type"],
  "oneOf": [{"required": ["event"]}, {"required": ["match"], "not": {"required": ["where"]}}],
  "allOf": [
    {"if": {"properties": {"type": {"const": "counter"}}},
     "then": {"properties": {"name": {"pattern": "_total$|\\$\\{",
                                      "patternErrorMessage": "A counter's name ends in _total."}}}},
    {"if": {"properties": {"type": {"const": "gauge"}}}, "then": {"required": ["value"]}},
    {"if": {"properties": {"type": {"const": "histogram"}}}, "then": {"required": ["value", "buckets"]},
     "else": {"not": {"anyOf": [{"required": ["buckets"]}, {"required": ["native"]}]}}}
  ]
})json";
constexpr const char* kLabelRules = R"json({
  "oneOf": [{"required": ["lookup", "key"]}, {"required": ["template"]}],
  "dependencies": {"where": ["template"], "key": ["lookup"], "lookup": ["key"]}
})json";
constexpr const char* kConditionRules = R"json({
  "oneOf": [{"required": ["not"], "maxProperties": 1}, {"minProperties": 1, "not": {"required": ["not"]}}]
})json";
constexpr const char* kBucketRules = R"json({
  "required": ["start", "count"], "oneOf": [{"required": ["factor"]}, {"required": ["width"]}]
})json";

json Definitions() {
  json definitions;
  AddValues(definitions);
  definitions["sources"] = ListOf("source");
  definitions["source"] = MapOf(config::kSourceKeys, kSourceRules);
  definitions["fixed_labels"] = MapByName("text");
  definitions["qmp"] = {{"anyOf", {Ref("text"), MapOf(config::kQmpKeys, R"({"required": ["socket"]})")}}};
  definitions["lookups"] = MapByName("lookup");
  definitions["lookup"] = MapOf(config::kLookupKeys, kLookupRules);
  definitions["spans"] = MapByName("span");
  definitions["span"] = MapOf(config::kSpanKeys, R"({"required": ["start", "end", "key"]})");
  definitions["metrics"] = ListOf("metric");
  definitions["metric"] = MapOf(config::kMetricKeys, kMetricRules);
  definitions["conditions"] = MapByName("condition", "");
  definitions["condition"] = {{"anyOf", {Ref("texts"), MapOf(config::kConditionKeys, kConditionRules)}}};
  definitions["labels"] = MapByName("label", "^(?!__|le$|quantile$)[a-zA-Z_][a-zA-Z0-9_]*$");
  definitions["label"] = {{"anyOf", {Ref("texts"), MapOf(config::kLabelKeys, kLabelRules)}}};
  const json bounds = {{"type", "array"}, {"minItems", 1}, {"maxItems", config::kMaxBuckets}, {"items", Ref("number")}};
  definitions["buckets"] = {{"anyOf", {bounds, MapOf(config::kBucketKeys, kBucketRules)}}};
  definitions["native"] = {{"anyOf", {Ref("switch"), MapOf(config::kNativeKeys)}}};
  definitions["limits"] = OrNothing(MapOf(config::kLimitKeys));
  return definitions;
}

}  // namespace

int PrintSchema() {
  json schema = {{"$schema", "http://json-schema.org/draft-07/schema#"},
                 {"title", "Config of qemu-trace-exporter"},
                 {"description", "Made by `qemu-trace-exporter schema`."}};
  schema.update(MapOf(config::kConfigKeys));
  schema["definitions"] = Definitions();
  std::cout << schema.dump(1) << '\n';
  return std::cout.good() ? kExitFine : kExitBadInput;
}

}  // namespace qte::commands
