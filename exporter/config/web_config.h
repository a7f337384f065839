// The file of --web.config.file, in the format of Prometheus' exporter-toolkit, as plain structs: who may ask the
// daemon anything over HTTP.
//
// Of that format basic_auth_users is taken. tls_server_config is refused rather than passed over, since who writes it
// believes the daemon to speak TLS. No message shows a hash, nor a password that stands in its place.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.h"

namespace qte::config {

struct WebUser {
  std::string name;
  std::string hash;  // bcrypt, "$2y$10$..."
};

struct WebConfig {
  std::string file;
  std::vector<WebUser> users;  // empty: everybody may ask
};

// A web config, or everything that is wrong with it.
struct LoadedWeb {
  std::optional<WebConfig> config;
  std::vector<Diagnostic> diagnostics;
};

// Neither throws; a file that cannot be read is a diagnostic as well.
LoadedWeb ParseWeb(std::string_view yaml, const std::string& name);
LoadedWeb LoadWeb(const std::string& path);

}  // namespace qte::config
