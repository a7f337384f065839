#include "config/tree_builder.h"

#include <algorithm>
#include <utility>

#include "config/raw_text.h"

namespace qte::config {
namespace {

Position PositionOf(const YAML::Mark& mark) {
  return {mark.line + 1, mark.column + 1};
}

size_t CountNodes(const YamlNode& node) {
  size_t count = 1;
  for (const YamlNode& item : node.items) count += CountNodes(item);
  return count;
}

size_t Height(const YamlNode& node) {
  size_t height = 0;
  for (const YamlNode& item : node.items) height = std::max(height, Height(item));
  return height + 1;
}

// Drops the pairs of a map whose keys are not to be used, each with a message.
void RefuseBadKeys(YamlNode& map, Report& report) {
  std::map<std::string_view, Position> first;
  std::vector<YamlNode> kept;
  for (size_t i = 0; i + 1 < map.items.size(); i += 2) {
    const YamlNode& key = map.items[i];
    if (key.kind != YamlNode::Kind::kScalar) {
      bool empty = key.kind == YamlNode::Kind::kEmpty;
      report.Add(key.at, std::string("a key must be text, not ") + (empty ? "empty" : "a list or a map"));
    } else if (key.text == "<<") {
      report.Add(key.at, "merge keys (\"<<\") are not supported; write the keys out");
    } else if (auto [it, is_new] = first.emplace(key.text, key.at); !is_new) {
      std::string where = "; the first is in line " + std::to_string(it->second.line);
      report.Add(key.at, "duplicate key " + Quoted(key.text) + where);
    } else {
      continue;
    }
    map.items[i].kind = YamlNode::Kind::kEmpty;  // marks the pair; `first` still looks into the kept keys
  }
  for (size_t i = 0; i + 1 < map.items.size(); i += 2) {
    if (map.items[i].kind == YamlNode::Kind::kEmpty) continue;
    kept.push_back(std::move(map.items[i]));
    kept.push_back(std::move(map.items[i + 1]));
  }
  map.items = std::move(kept);
}

}  // namespace

std::optional<Position> TreeBuilder::OpenBracket() const {
  auto open =
      std::find_if(open_.rbegin(), open_.rend(), [](const Open& o) { return o.style == YAML::EmitterStyle::Flow; });
  if (open == open_.rend()) return std::nullopt;
  return open->node.at;
}

void TreeBuilder::OnDocumentStart(const YAML::Mark& mark) {
  if (root_) throw Refusal{PositionOf(mark), "a second document begins here; a config is one document"};
}

void TreeBuilder::OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) {
  YamlNode node{YamlNode::Kind::kEmpty, PositionOf(mark), {}, {}};
  // yaml-cpp marks a value that is not there with the token that comes after it, which is often in another line.
  if (!open_.empty()) {
    const YamlNode& parent = open_.back().node;
    bool is_value = parent.kind == YamlNode::Kind::kMap && parent.items.size() % 2 == 1;
    if (is_value) node.at = parent.items.back().at;
    if (parent.kind == YamlNode::Kind::kList) node.at = parent.at;
  }
  Charge(node.at, 1);
  Attach(std::move(node), anchor);
}

void TreeBuilder::OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) {
  Position at = PositionOf(mark);
  auto found = anchors_.find(anchor);
  if (found == anchors_.end()) throw Refusal{at, "an alias within its own anchor"};
  Charge(at, CountNodes(found->second));
  if (open_.size() + Height(found->second) > kMaxDepth) throw Refusal{at, "nested too deep"};
  YamlNode copy = found->second;
  copy.at = at;
  Attach(std::move(copy), YAML::NullAnchor);
}

void TreeBuilder::OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                           const std::string& value) {
  CheckTag(mark, tag);
  Position at = PositionOf(mark);
  if (IsUnclosedQuote(text_, SkipAnchor(text_, static_cast<size_t>(mark.pos)))) {
    throw Refusal{at, "the quote that opens here is never closed"};
  }
  if (value.find('\0') != std::string::npos) throw Refusal{at, "the text holds a NUL"};
  Charge(at, 1);
  Attach({YamlNode::Kind::kScalar, at, value, {}}, anchor);
}

void TreeBuilder::OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                                  YAML::EmitterStyle::value style) {
  CheckTag(mark, tag);
  Push({{YamlNode::Kind::kList, PositionOf(mark), {}, {}}, anchor, style});
}

void TreeBuilder::OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                             YAML::EmitterStyle::value style) {
  CheckTag(mark, tag);
  Push({{YamlNode::Kind::kMap, PositionOf(mark), {}, {}}, anchor, style});
}

void TreeBuilder::OnMapEnd() {
  RefuseBadKeys(open_.back().node, report_);
  Close();
}

// yaml-cpp says "?" of what is plain and "!" of what is quoted.
void TreeBuilder::CheckTag(const YAML::Mark& mark, const std::string& tag) const {
  size_t begin = SkipAnchor(text_, static_cast<size_t>(mark.pos));
  bool is_written = text_.substr(begin).starts_with('!');  // "! text" comes as "!", too
  bool is_known = tag.empty() || tag == "?" || tag == "!";
  if (is_written || !is_known) throw Refusal{PositionOf(mark), "tags (\"!\") are not supported; put text in quotes"};
}

void TreeBuilder::Charge(Position at, size_t nodes) {
  nodes_ += nodes;
  if (nodes_ > kMaxNodes) {
    throw Refusal{at, "more than " + std::to_string(kMaxNodes) + " nodes, aliases expanded"};
  }
}

void TreeBuilder::Push(Open open) {
  if (open_.size() + 1 >= kMaxDepth) throw Refusal{open.node.at, "nested too deep"};
  Charge(open.node.at, 1);
  open_.push_back(std::move(open));
}

void TreeBuilder::Close() {
  Open closed = std::move(open_.back());
  open_.pop_back();
  Attach(std::move(closed.node), closed.anchor);
}

void TreeBuilder::Attach(YamlNode node, YAML::anchor_t anchor) {
  if (anchor != YAML::NullAnchor) {
    Charge(node.at, CountNodes(node));  // the copy below is kept as well
    anchors_[anchor] = node;
  }
  if (open_.empty()) {
    root_ = std::move(node);
  } else {
    open_.back().node.items.push_back(std::move(node));
  }
}

}  // namespace qte::config
