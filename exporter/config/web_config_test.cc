#include "config/web_config.h"

#include "catch.h"

namespace qte::config {
namespace {

const std::string kHash = "$2y$10$QOauhQNbBCuQDKes6eFzPeMqBSjb7Mr5DUmpZ/VcEd00UAV/LDeSi";

std::string ErrorsOfWeb(std::string_view yaml) {
  LoadedWeb loaded = ParseWeb(yaml, "web.yml");
  CHECK(loaded.config.has_value() == loaded.diagnostics.empty());
  std::string errors;
  for (const Diagnostic& diagnostic : loaded.diagnostics) {
    errors += (errors.empty() ? "" : "\n") + diagnostic.Format();
  }
  return errors;
}

}  // namespace

TEST_CASE("Users of a web config") {
  LoadedWeb loaded =
      ParseWeb("basic_auth_users:\n  alice: " + kHash + "\n  'bob b': '$2b$05" + kHash.substr(6) + "'\n", "x");
  REQUIRE(loaded.config.has_value());
  REQUIRE(loaded.config->users.size() == 2);
  CHECK(loaded.config->file == "x");
  CHECK(loaded.config->users[0].name == "alice");
  CHECK(loaded.config->users[0].hash == kHash);
  CHECK(loaded.config->users[1].name == "bob b");
}

TEST_CASE("Web configs that ask for nothing") {
  for (const char* yaml : {"# nothing\n", "{}", "basic_auth_users:\n", "basic_auth_users: {}", "tls_server_config:\n",
                           "tls_server_config: {}", "http_server_config: {}", "http_server_config: {http2: false}",
                           "http_server_config: {http2: true, headers: {}}"}) {
    INFO(yaml);
    CHECK(ErrorsOfWeb(yaml) == "");
  }
}

TEST_CASE("A blank web config is refused: a file that is half written would let everybody in") {
  for (const char* yaml : {"", "\n \n"}) {
    CHECK(ErrorsOfWeb(yaml) ==
          "web.yml:1:1: the web config is empty; to serve without passwords, leave out --web.config.file");
  }
}

TEST_CASE("Bad web configs") {
  struct Case {
    std::string yaml, errors;
  };
  const std::string no_hash =
      " must be a bcrypt hash ($2y$10$... of 60 characters) of the password; make one by `htpasswd -nBC 10 NAME`";
  for (const Case& c : {
           Case{"basic_auth_user: {}",
                "web.yml:1:1: unknown key \"basic_auth_user\" of a web config; did you mean \"basic_auth_users\"?"},
           Case{"proxy: {}",
                "web.yml:1:1: unknown key \"proxy\" of a web config; there are basic_auth_users, "
                "tls_server_config, http_server_config, rate_limit"},
           Case{"- a",
                "web.yml:1:1: a web config must be a map with basic_auth_users, tls_server_config, "
                "http_server_config, rate_limit, not a list"},
           Case{"basic_auth_users: [a]",
                "web.yml:1:1: \"basic_auth_users\" must be a map of names and bcrypt hashes, not a list"},
           Case{"basic_auth_users:\n  alice: secret\n", "web.yml:2:10: the hash of user \"alice\"" + no_hash},
           Case{"basic_auth_users:\n  alice:\n", "web.yml:2:3: the hash of user \"alice\"" + no_hash},
           Case{"basic_auth_users:\n  alice: [x]\n", "web.yml:2:3: the hash of user \"alice\"" + no_hash},
           Case{"basic_auth_users: {alice: '$1y" + kHash.substr(3) + "'}",
                "web.yml:1:27: the hash of user \"alice\"" + no_hash},
           Case{"basic_auth_users: {alice: '" + kHash + "x'}", "web.yml:1:27: the hash of user \"alice\"" + no_hash},
           Case{"basic_auth_users: {alice: '$2y$10$*" + kHash.substr(8) + "'}",
                "web.yml:1:27: the hash of user \"alice\"" + no_hash},
           Case{"basic_auth_users: {alice: '$2y$32" + kHash.substr(6) + "'}",
                "web.yml:1:27: the hash of user \"alice\" is a bcrypt hash of cost 32; from 4 to 31 will do"},
           Case{"basic_auth_users: {'a:b': '" + kHash + "'}",
                "web.yml:1:20: no user can be called \"a:b\": a name has at least one character, and no \":\""},
           Case{"http_server_config: {http3: true}",
                "web.yml:1:22: unknown key \"http3\" of \"http_server_config\"; did you mean \"http2\"?"},
           Case{"http_server_config: {http2: maybe}", "web.yml:1:29: \"http2\" must be true or false, not \"maybe\""},
           Case{"http_server_config:\n  headers: {X-Frame-Options: none}",
                "web.yml:2:30: \"X-Frame-Options\" must be deny or sameorigin, not \"none\""},
           Case{"http_server_config:\n  headers: {Server: x}",
                "web.yml:2:13: the header \"Server\" cannot be set; these can: Strict-Transport-Security, "
                "X-Content-Type-Options, X-Frame-Options, X-XSS-Protection, Content-Security-Policy"},
           Case{"http_server_config: {headers: {X-XSS-Protection: \"a\\r\\nB: c\"}}",
                "web.yml:1:50: the value of \"X-XSS-Protection\" must be one line"},
           Case{"rate_limit: {interval: soon}",
                "web.yml:1:24: \"interval\" must be a duration such as 100ms or 1s, not \"soon\""},
           Case{"rate_limit: {burst: -1}", "web.yml:1:21: \"burst\" must be a number, not \"-1\""},
           Case{"tls_server_config: {key_file: a.key}",
                "web.yml:1:1: \"tls_server_config\" needs \"cert_file\" or \"cert\""},
           Case{"tls_server_config: {cert_file: a.crt}",
                "web.yml:1:1: \"tls_server_config\" needs \"key_file\" or \"key\""},
           Case{"tls_server_config: {cert_file: a, key_file: b, client_ca_file: c}",
                "web.yml:1:1: \"client_ca_file\" does nothing without a \"client_auth_type\" that asks for certificates"},
           Case{"tls_server_config: {cert_file: a, key_file: b, min_version: TLS14}",
                "web.yml:1:61: \"min_version\" must be TLS10, TLS11, TLS12 or TLS13, not \"TLS14\"; did you mean \"TLS10\"?"},
           Case{"tls_server_config: {cert_file: a, key_file: b, curve_preferences: [X25519, P256]}",
                "web.yml:1:76: \"curve_preferences\" must be CurveP256, CurveP384, CurveP521 or X25519, not \"P256\""},
           Case{"tls_server_config: {cert_fil: a}",
                "web.yml:1:21: unknown key \"cert_fil\" of \"tls_server_config\"; did you mean \"cert_file\"?"},
       }) {
    INFO(c.yaml);
    CHECK(ErrorsOfWeb(c.yaml) == c.errors);
  }
}

TEST_CASE("TLS in a web config") {
  LoadedWeb loaded = ParseWeb(
      "tls_server_config:\n  cert_file: a.crt\n  key_file: /etc/b.key\n  client_ca: PEM\n"
      "  client_auth_type: RequireAndVerifyClientCert\n  client_allowed_sans: [x.example, 192.0.2.1]\n"
      "  min_version: TLS13\n  cipher_suites: [TLS_AES_128_GCM_SHA256, TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256]\n"
      "  curve_preferences: [CurveP384]\n  prefer_server_cipher_suites: true\n",
      "/etc/exporter/web.yml");
  REQUIRE(loaded.config.has_value());
  REQUIRE(loaded.config->tls.has_value());
  const TlsConfig& tls = *loaded.config->tls;
  CHECK(tls.certificate.file == "/etc/exporter/a.crt");
  CHECK(tls.key.file == "/etc/b.key");
  CHECK(tls.client_ca.text == "PEM");
  CHECK(tls.client_auth == TlsConfig::ClientAuth::kRequireAndVerify);
  REQUIRE(tls.client_allowed_sans.has_value());
  CHECK(*tls.client_allowed_sans == std::vector<std::string>{"x.example", "192.0.2.1"});
  CHECK(tls.min_version == 0x0304);
  CHECK(tls.cipher_suites == std::vector<std::string>{"TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"});
  CHECK(tls.curves == std::vector<std::string>{"P-384"});
}

TEST_CASE("TLS is off if certificate, key, authority and client_auth_type are all missing, as in exporter-toolkit") {
  LoadedWeb loaded = ParseWeb("tls_server_config: {min_version: TLS12}", "web.yml");
  REQUIRE(loaded.config.has_value());
  CHECK_FALSE(loaded.config->tls.has_value());
}

TEST_CASE("Headers and a rate limit of a web config") {
  LoadedWeb loaded = ParseWeb(
      "http_server_config:\n  headers: {X-Frame-Options: sameorigin, Strict-Transport-Security: max-age=1}\n"
      "rate_limit: {interval: 250ms, burst: 20}\n",
      "web.yml");
  REQUIRE(loaded.config.has_value());
  REQUIRE(loaded.config->headers.size() == 2);
  CHECK(loaded.config->headers[0] == std::pair<std::string, std::string>("X-Frame-Options", "sameorigin"));
  CHECK(loaded.config->rate_limit == RateLimit{std::chrono::milliseconds(250), 20});
}

TEST_CASE("No message shows what stands where a hash should") {
  for (const char* yaml :
       {"basic_auth_users: {a: hunter22}", "basic_auth_users: {a: {b: hunter22}}", "basic_auth_users: hunter22",
        "basic_auth_users: {a: $2y$99$hunter22}", "basic_auth_users:\n  a: hunter22\n  a: hunter22\n"}) {
    INFO(yaml);
    std::string errors = ErrorsOfWeb(yaml);
    CHECK(errors != "");
    CHECK(errors.find("hunter22") == std::string::npos);
  }
}

TEST_CASE("A web config that is not there") {
  LoadedWeb loaded = LoadWeb("/nonexistent/web.yml");
  REQUIRE(loaded.diagnostics.size() == 1);
  CHECK(loaded.diagnostics[0].Format() == "/nonexistent/web.yml: cannot open: No such file or directory");
}

}  // namespace qte::config
