#include "config/fields.h"

#include <algorithm>
#include <utility>

#include "base/suggest.h"

namespace qte::config {
namespace {

std::string Describe(const YamlNode& node) {
  switch (node.kind) {
    case YamlNode::Kind::kScalar:
      return Quoted(node.text);
    case YamlNode::Kind::kList:
      return node.items.empty() ? "an empty list" : "a list";
    case YamlNode::Kind::kMap:
      return node.items.empty() ? "an empty map" : "a map";
    case YamlNode::Kind::kEmpty:
      break;
  }
  return "empty";
}

std::string Join(std::span<const std::string_view> words) {
  std::string text;
  for (std::string_view word : words) text.append(text.empty() ? "" : ", ").append(word);
  return text;
}

// A wrong text is shown where it stands; of a list or map the key says more than the bracket or the line below.
Position PlaceOfFault(const Field& field) {
  return field.node->kind == YamlNode::Kind::kScalar ? field.node->at : field.at;
}

std::optional<Text> TextOf(const YamlNode& node, const Report& report, EmptyText empty) {
  if (node.kind != YamlNode::Kind::kScalar) return std::nullopt;
  if (node.text.empty() && empty == EmptyText::kRefused) return std::nullopt;
  return Text{node.text, report.PlaceOf(node.at)};
}

std::vector<Field> Pairs(const YamlNode& map) {
  std::vector<Field> pairs;
  for (size_t i = 0; i + 1 < map.items.size(); i += 2) {
    pairs.push_back({map.items[i].text, map.items[i].at, &map.items[i + 1]});
  }
  return pairs;
}

}  // namespace

Shape::Shape(std::string of, std::span<const Key> known) : noun(std::move(of)), keys(NamesOf(known)) {}

Fields::Fields(const Field& field, Shape shape, Report& report)
    : noun_(std::move(shape.noun)), at_(field.at), report_(report), is_map_(field.node->kind == YamlNode::Kind::kMap) {
  if (!is_map_) {
    report.Add(PlaceOfFault(field),
               noun_ + " must be a map with " + Join(shape.keys) + ", not " + Describe(*field.node));
    return;
  }
  for (const Field& pair : Pairs(*field.node)) {
    if (std::find(shape.keys.begin(), shape.keys.end(), pair.name) != shape.keys.end()) {
      fields_.push_back(pair);
      continue;
    }
    misspelt_.push_back(Nearest(pair.name, shape.keys));
    std::string suggestion = DidYouMean(pair.name, shape.keys);
    if (suggestion.empty()) suggestion = "; there are " + Join(shape.keys);
    report.Add(pair.at, "unknown key " + Quoted(pair.name) + " of " + noun_ + suggestion);
  }
}

const Field* Fields::Find(std::string_view key) const {
  auto found = std::find_if(fields_.begin(), fields_.end(), [key](const Field& field) { return field.name == key; });
  return found == fields_.end() ? nullptr : &*found;
}

const Field* Fields::Require(std::string_view key, std::string_view what) const {
  const Field* field = Find(key);
  bool misspelt = std::find(misspelt_.begin(), misspelt_.end(), key) != misspelt_.end();
  if (field == nullptr && is_map_ && !misspelt) {
    report_.Add(at_, noun_ + " needs " + Quoted(key) + ": " + std::string(what));
  }
  return field;
}

void ReportMismatch(const Field& field, std::string_view expected, Report& report) {
  report.Add(PlaceOfFault(field),
             Quoted(field.name) + " must be " + std::string(expected) + ", not " + Describe(*field.node));
}

std::vector<Field> Items(const Field& field, std::string_view expected, Report& report) {
  std::vector<Field> items;
  if (field.node->kind == YamlNode::Kind::kList) {
    for (const YamlNode& item : field.node->items) items.push_back({field.name, item.at, &item});
  } else if (field.node->kind != YamlNode::Kind::kEmpty) {
    ReportMismatch(field, expected, report);
  }
  return items;
}

std::vector<Field> Entries(const Field& field, std::string_view expected, Report& report) {
  if (field.node->kind == YamlNode::Kind::kMap) return Pairs(*field.node);
  if (field.node->kind != YamlNode::Kind::kEmpty) ReportMismatch(field, expected, report);
  return {};
}

Text NameOf(const Field& entry, const Report& report) {
  return {std::string(entry.name), report.PlaceOf(entry.at)};
}

std::optional<Text> ReadText(const Field& field, std::string_view expected, Report& report, EmptyText empty) {
  std::optional<Text> text = TextOf(*field.node, report, empty);
  if (!text) ReportMismatch(field, expected, report);
  return text;
}

std::vector<Text> ReadTexts(const Field& field, std::string_view expected, Report& report, EmptyText empty) {
  const YamlNode& node = *field.node;
  bool is_list = node.kind == YamlNode::Kind::kList;
  std::vector<Text> texts;
  bool good = !is_list || !node.items.empty();
  for (const YamlNode& item : std::span(is_list ? node.items.data() : &node, is_list ? node.items.size() : 1)) {
    if (std::optional<Text> text = TextOf(item, report, empty)) {
      texts.push_back(std::move(*text));
    } else if (is_list) {
      ReportMismatch({field.name, item.at, &item}, expected, report);
    } else {
      good = false;
    }
  }
  if (!good) ReportMismatch(field, expected, report);
  return texts;
}

std::optional<size_t> ReadChoice(const Field& field, std::span<const std::string_view> words, Report& report) {
  const YamlNode& node = *field.node;
  auto found = std::find(words.begin(), words.end(), node.text);
  if (node.kind == YamlNode::Kind::kScalar && found != words.end()) return static_cast<size_t>(found - words.begin());
  std::string expected = OneOf({words.begin(), words.end()});
  std::string suggestion = node.kind == YamlNode::Kind::kScalar ? DidYouMean(node.text, words) : "";
  report.Add(PlaceOfFault(field), Quoted(field.name) + " must be " + expected + ", not " + Describe(node) + suggestion);
  return std::nullopt;
}

}  // namespace qte::config
