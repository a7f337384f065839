// Reading a node as what the schema wants there. Each function reports what does not fit and continues, so that one
// pass finds every error.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/config.h"
#include "config/keys.h"
#include "config/report.h"
#include "config/yaml_node.h"

namespace qte::config {

// A value with the name by which messages call it. YamlNode and name belong to the tree.
struct Field {
  std::string_view name;
  Position at;  // of the key; of the item in a list
  const YamlNode* node = nullptr;
};

// A map with a fixed set of keys, as messages call it: `a source`, kSourceKeys.
struct Shape {
  Shape(std::string of, std::span<const Key> known);
  Shape(std::string of, std::span<const std::string_view> known)
      : noun(std::move(of)), keys(known.begin(), known.end()) {}

  std::string noun;
  std::vector<std::string_view> keys;
};

class Fields {
 public:
  // Reports a node that is not a map and every key that the shape does not have. The field's node outlives this.
  Fields(const Field& field, Shape shape, Report& report);

  // False if the node was not a map; then nothing is found, and nothing is missed either.
  bool is_map() const { return is_map_; }
  const Field* Find(std::string_view key) const;
  // The same, and reports where it is missing, but for a key that was only misspelt; `what` says what it would be.
  const Field* Require(std::string_view key, std::string_view what) const;

 private:
  std::vector<Field> fields_;
  std::vector<std::string_view> misspelt_;  // keys that unknown ones were taken for
  std::string noun_;
  Position at_;
  Report& report_;
  bool is_map_;
};

enum class EmptyText { kRefused, kAllowed };

// Reports that `field` is not what it must be: `"start" must be beginning or end, not "now"`.
void ReportMismatch(const Field& field, std::string_view expected, Report& report);

// The items of a list, the entries of a map whose keys the user chooses. An empty node has none.
std::vector<Field> Items(const Field& field, std::string_view expected, Report& report);
std::vector<Field> Entries(const Field& field, std::string_view expected, Report& report);

// The key of an entry with its place.
Text NameOf(const Field& entry, const Report& report);

// A scalar as it was written.
std::optional<Text> ReadText(const Field& field, std::string_view expected, Report& report,
                             EmptyText empty = EmptyText::kRefused);

// A scalar, or a list of at least one; empty where something is wrong.
std::vector<Text> ReadTexts(const Field& field, std::string_view expected, Report& report,
                            EmptyText empty = EmptyText::kRefused);

// One of the given words; its index.
std::optional<size_t> ReadChoice(const Field& field, std::span<const std::string_view> words, Report& report);

}  // namespace qte::config
