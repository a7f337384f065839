// The file of --web.config.file, in the format of Prometheus' exporter-toolkit, as plain structs: which
// clients the daemon answers over HTTP, over what, and how often.
//
// What exporter-toolkit refuses is refused here, with the place. No message shows a hash,
// a key, or a password that was written instead of a hash.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/config.h"

namespace qte::config {

struct WebUser {
  std::string name;
  std::string hash;  // bcrypt, "$2y$10$..."
};

// A text in PEM format, or the file that holds it.
struct Pem {
  std::string text;
  std::string file;  // relative ones are looked for beside the web config
  bool empty() const { return text.empty() && file.empty(); }
};

struct TlsConfig {
  // Whether a client has to show a certificate, and whether an authority of `client_ca` has to have signed it.
  enum class ClientAuth { kNone, kRequest, kRequireAny, kVerifyIfGiven, kRequireAndVerify };

  Pem certificate;
  Pem key;
  Pem client_ca;  // empty: the authorities that the system trusts
  ClientAuth client_auth = ClientAuth::kNone;
  // DNS names, mail and IP addresses and URIs of clients, one of which a client's certificate has to have; absent: any.
  std::optional<std::vector<std::string>> client_allowed_sans;
  int min_version = 0x0303;  // as TLS numbers them: 1.2 is 0x0303
  int max_version = 0x0304;
  std::vector<std::string> cipher_suites;  // of TLS 1.2 and before, in IANA's names; empty: what OpenSSL chooses
  std::vector<std::string> curves;         // in OpenSSL's names; empty: what OpenSSL chooses
};

// So many requests at once, and one more in each interval.
struct RateLimit {
  std::chrono::nanoseconds interval{};
  int burst = 0;
  bool operator==(const RateLimit&) const = default;
};

struct WebConfig {
  std::string file;
  std::vector<WebUser> users;  // empty: no authentication
  std::optional<TlsConfig> tls;
  std::optional<RateLimit> rate_limit;
  std::vector<std::pair<std::string, std::string>> headers;  // of every answer
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
