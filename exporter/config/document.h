// YAML text in, the tree of its one document out. The only place that runs yaml-cpp and the end of its exceptions.
#pragma once

#include <optional>
#include <string_view>

#include "config/report.h"
#include "config/yaml_node.h"

namespace qte::config {

inline constexpr size_t kMaxConfigBytes = 4 << 20;

// The document's root; an empty node where there is nothing but comments. Nothing if the text is not YAML that can be
// read to its end; what is wrong goes to `report`, and may also stand there when there is a root.
std::optional<YamlNode> ReadDocument(std::string_view text, Report& report);

}  // namespace qte::config
