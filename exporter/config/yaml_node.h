// A YAML document as a plain tree: what the sections of the config are read from.
//
// yaml-cpp's own Node is not used: it drops duplicate keys, shares aliased nodes (a walk may explode or never end), and
// turns 010 into 8. This tree keeps scalars as they were written, has aliases expanded within a budget, and has no
// duplicate keys; see tree_builder.h. The tree owns its texts and outlives everything that is read from it.
#pragma once

#include <string>
#include <vector>

namespace qte::config {

// A place in the document, counted from 1; columns are bytes.
struct Position {
  int line = 0;
  int column = 0;
};

struct YamlNode {
  enum class Kind { kEmpty, kScalar, kList, kMap };
  Kind kind = Kind::kEmpty;
  Position at;
  std::string text;             // of a scalar, as written, without its quotes
  std::vector<YamlNode> items;  // of a list; of a map its keys and values in turn: key, value, key, value ...
};

}  // namespace qte::config
