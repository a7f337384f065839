// Builds the tree of a document from yaml-cpp's events, and refuses what yaml-cpp lets pass.
//
// Reported, and reading continues: duplicate keys, keys that are not text, merge keys ("<<"). Thrown as Refusal, caught
// by ReadDocument: tags, quotes that never close, a second document, nodes nested too deep, too many nodes (aliases are
// expanded, and ten nested ones can stand for billions of nodes), an alias within its own anchor.
#pragma once

#include <yaml-cpp/anchor.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/mark.h>

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/report.h"
#include "config/yaml_node.h"

namespace qte::config {

struct Refusal {
  Position at;
  std::string message;
};

class TreeBuilder : public YAML::EventHandler {
 public:
  static constexpr size_t kMaxDepth = 32;
  static constexpr size_t kMaxNodes = 500'000;

  // `text` is what is parsed, `report` takes what does not stop the reading; both outlive the builder.
  TreeBuilder(std::string_view text, Report& report) : text_(text), report_(report) {}

  // The document's root once it is complete; an empty node for an empty document.
  std::optional<YamlNode> Take() { return std::move(root_); }
  // The innermost list or map in brackets that is still open, for the message about its missing end.
  std::optional<Position> OpenBracket() const;

  void OnDocumentStart(const YAML::Mark& mark) override;
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override;
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override;
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override;
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value style) override;
  void OnSequenceEnd() override { Close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value style) override;
  void OnMapEnd() override;

 private:
  struct Open {
    YamlNode node;
    YAML::anchor_t anchor;
    YAML::EmitterStyle::value style;
  };

  void CheckTag(const YAML::Mark& mark, const std::string& tag) const;
  void Charge(Position at, size_t nodes);
  void Push(Open open);
  void Close();
  void Attach(YamlNode node, YAML::anchor_t anchor);

  std::string_view text_;
  Report& report_;
  std::vector<Open> open_;
  std::map<YAML::anchor_t, YamlNode> anchors_;
  std::optional<YamlNode> root_;
  size_t nodes_ = 0;
};

}  // namespace qte::config
