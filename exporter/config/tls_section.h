// The section tls_server_config of a web config.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>

#include "config/fields.h"
#include "config/web_config.h"

namespace qte::config {

inline constexpr auto kBools = std::to_array<std::string_view>({"true", "false"});

// A node with something in it: an empty section is as good as none.
inline bool HasContent(const YamlNode& node) {
  return node.kind == YamlNode::Kind::kScalar || !node.items.empty();
}

// Nothing where the section does not ask for TLS: it names neither certificate, key, authority nor client_auth_type.
// `web_config` is the file's path, beside which other files are looked for.
std::optional<TlsConfig> ReadTls(const Field& section, const std::string& web_config, Report& report);

}  // namespace qte::config
