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
           Case{"rate_limit: {}",
                "web.yml:1:1: unknown key \"rate_limit\" of a web config; there are basic_auth_users, "
                "tls_server_config, http_server_config"},
           Case{"- a",
                "web.yml:1:1: a web config must be a map with basic_auth_users, tls_server_config, "
                "http_server_config, not a list"},
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
           Case{"basic_auth_users: {alice: '$2y$31" + kHash.substr(6) + "'}",
                "web.yml:1:27: the hash of user \"alice\" is a bcrypt hash of cost 31; from 4 to 15 will do"},
           Case{"basic_auth_users: {'a:b': '" + kHash + "'}",
                "web.yml:1:20: no user can be called \"a:b\": a name has at least one character, and no \":\""},
           Case{"http_server_config: {http3: true}",
                "web.yml:1:22: unknown key \"http3\" of \"http_server_config\"; did you mean \"http2\"?"},
           Case{"http_server_config: {http2: maybe}", "web.yml:1:29: \"http2\" must be true or false, not \"maybe\""},
           Case{"http_server_config:\n  headers: {X-Frame-Options: deny}",
                "web.yml:2:3: \"headers\" are not sent by this daemon; have a reverse proxy add them"},
       }) {
    INFO(c.yaml);
    CHECK(ErrorsOfWeb(c.yaml) == c.errors);
  }
}

TEST_CASE("TLS in a web config is refused, with the remedy") {
  std::string error = ErrorsOfWeb("basic_auth_users: {}\ntls_server_config:\n  cert_file: a.crt\n  key_file: a.key\n");
  CHECK(error.starts_with("web.yml:2:1: TLS cannot be served"));
  CHECK(error.find("reverse proxy") != std::string::npos);
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
