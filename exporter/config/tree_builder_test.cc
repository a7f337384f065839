#include "config/tree_builder.h"

#include "config/document.h"
#include "config/test_support.h"

namespace qte::config {
namespace {

// The tree in one line: [a,b] {k:v} "" for an empty scalar and ~ for an empty node.
std::string Show(const YamlNode& node) {
  bool is_map = node.kind == YamlNode::Kind::kMap;
  if (node.kind == YamlNode::Kind::kEmpty) return "~";
  if (node.kind == YamlNode::Kind::kScalar) return node.text.empty() ? "\"\"" : node.text;
  std::string text;
  for (size_t i = 0; i < node.items.size(); ++i) {
    if (i > 0) text += is_map && i % 2 == 1 ? ":" : ",";
    text += Show(node.items[i]);
  }
  return is_map ? "{" + text + "}" : "[" + text + "]";
}

}  // namespace

TEST_CASE("A tree is what the YAML says, scalars as written") {
  struct Case {
    std::string_view yaml, want;
  };
  for (const Case& c : {Case{"a: 010\nb: yes\nc: 0x1F\nd: \"~\"\n", "{a:010,b:yes,c:0x1F,d:~}"},
                        Case{"a: [x, '', null]", "{a:[x,\"\",~]}"}, Case{"a:\nb:\n  - {c: d}\n", "{a:~,b:[{c:d}]}"},
                        Case{"a: &x [1, 2]\nb: *x\n", "{a:[1,2],b:[1,2]}"},
                        Case{"- &x a\n- *x\n- &y \"q\"\n- *y", "[a,a,q,q]"}, Case{"{a, b: c}", "{a:~,b:c}"},
                        Case{"a: \"\\u00e9\\x41\"",
                             "{a:\xc3\xa9"
                             "A}"}}) {
    Report report("x");
    std::optional<YamlNode> root = ReadDocument(c.yaml, report);
    REQUIRE(root.has_value());
    CHECK(report.empty());
    CHECK(Show(*root) == c.want);
  }
}

TEST_CASE("What yaml-cpp lets pass is refused") {
  CheckAll({
      {"limits: {}\nsources:\nlimits: {}\n", "x.yaml:3:1: duplicate key \"limits\"; the first is in line 1"},
      {"sources:\n- path: a\n  start: end\n  path: b", "x.yaml:4:3: duplicate key \"path\"; the first is in line 2"},
      {"limits: {max_line_bytes: 1, max_line_bytes: 2}",
       "x.yaml:1:29: duplicate key \"max_line_bytes\"; the first is in line 1"},
      {"limits: {}\n---\nsources:\n", "x.yaml:2:1: a second document begins here; a config is one document"},
      {"limits: {}\n...\nmore\n", "x.yaml:3:1: a second document begins here; a config is one document"},
      {"{} limits", "x.yaml:1:4: a second document begins here; a config is one document"},
      {"sources:\n  - path: \"/var/log", "x.yaml:2:11: the quote that opens here is never closed"},
      {"sources:\n  - path: '/var/log\nmetrics: []\n", "x.yaml:2:11: the quote that opens here is never closed"},
      {"\"sources: []\n", "x.yaml:1:1: the quote that opens here is never closed"},
      {"sources: &a # it\"s\n  \"x\n", "x.yaml:1:10: the quote that opens here is never closed"},
      {"metrics: !!seq []", "x.yaml:1:10: tags (\"!\") are not supported; put text in quotes"},
      {"sources:\n- path: ! x", "x.yaml:2:9: tags (\"!\") are not supported; put text in quotes"},
      {"sources:\n- path: &a !x y", "x.yaml:2:9: tags (\"!\") are not supported; put text in quotes"},
      {"sources: &a [*a]", "x.yaml:1:14: an alias within its own anchor"},
      {"sources:\n- path: \"a\\0b\"", "x.yaml:2:9: the text holds a NUL"},
      {"? [a]\n: b\n", "x.yaml:1:3: a key must be text, not a list or a map"},
      {"~: b\n", "x.yaml:1:1: a key must be text, not empty"},
      {"limits: &l {}\n<<: *l\n", "x.yaml:2:1: merge keys (\"<<\") are not supported; write the keys out"},
      {"trace_events: \xff", "x.yaml:1:15: byte 0xff is not UTF-8; save the file as UTF-8"},
  });
}

TEST_CASE("Depth is bounded") {
  std::string deep = "trace_events: " + std::string(30, '[') + std::string(30, ']');
  CHECK_THAT(ErrorsOf(deep), ContainsSubstring("\"trace_events\" must be"));
  deep = "trace_events: " + std::string(31, '[') + std::string(31, ']');
  CHECK(ErrorsOf(deep) == "x.yaml:1:45: nested too deep");
  CHECK_THAT(ErrorsOf(std::string(100'000, '[')), ContainsSubstring("nested too deep"));
  std::string by_alias = "a: &a " + std::string(20, '[') + std::string(20, ']') + "\nb: " + std::string(20, '[') +
                         "*a" + std::string(20, ']');
  CHECK_THAT(ErrorsOf(by_alias), ContainsSubstring("x.yaml:2:24: nested too deep"));
}

TEST_CASE("A billion laughs are cut short") {
  std::string yaml = "metrics:\n- &a [x,x,x,x,x,x,x,x,x]\n";
  for (char name = 'b'; name <= 'k'; ++name) {
    yaml += std::string("- &") + name + " [";
    for (int i = 0; i < 9; ++i) yaml += std::string("*") + static_cast<char>(name - 1) + ",";
    yaml += "]\n";
  }
  CHECK_THAT(ErrorsOf(yaml), ContainsSubstring("more than 500000 nodes, aliases expanded"));
}

TEST_CASE("An aliased error is told where it stands") {
  CHECK(ErrorsOf("metrics:\n- {name: a_total, type: counter, event: e, labels: &l {le: x}}\n"
                 "- {name: b_total, type: counter, event: e, labels: *l}\n") ==
        "x.yaml:2:56: label \"le\" is what Prometheus calls a histogram's bounds; choose another name");
}

}  // namespace qte::config
