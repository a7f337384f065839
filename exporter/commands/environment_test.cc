#include "commands/environment.h"

#include "catch.h"

namespace qte::commands {
namespace {

using Texts = std::vector<std::string>;

const std::vector<EnvironmentFlag> kFlags = {{"--config.file", true}, {"--state.path", false}};

FromEnvironment Read(const std::vector<std::string_view>& environment, const Texts& given = {}) {
  return FlagsFromEnvironment(kFlags, environment, given);
}

}  // namespace

TEST_CASE("A flag's variable") {
  CHECK(VariableOf("--state.path") == "QTE_STATE_PATH");
  CHECK(VariableOf("--web.listen-address") == "QTE_WEB_LISTEN_ADDRESS");
}

TEST_CASE("A variable sets its flag") {
  CHECK(Read({"HOME=/root", "QTE_STATE_PATH=/a=b", "PATH=/bin"}).arguments == Texts{"--state.path=/a=b"});
  CHECK(Read({"QTE_STATE_PATH=a,b"}).arguments == Texts{"--state.path=a,b"});
  CHECK(Read({"QTE_STATE_PATH=a"}).flags == Texts{"--state.path"});
}

TEST_CASE("Commas separate the values of a repeatable flag") {
  CHECK(Read({"QTE_CONFIG_FILE=a,b"}).arguments == Texts{"--config.file=a", "--config.file=b"});
  CHECK(Read({"QTE_CONFIG_FILE=a,,b,"}).arguments == Texts{"--config.file=a", "--config.file=b"});
}

TEST_CASE("An empty variable sets nothing") {
  CHECK(Read({"QTE_STATE_PATH=", "QTE_CONFIG_FILE"}).arguments.empty());
}

TEST_CASE("The command line comes first") {
  CHECK(Read({"QTE_STATE_PATH=a"}, {"serve", "--state.path=b"}).arguments.empty());
  CHECK(Read({"QTE_STATE_PATH=a"}, {"--state.path", "b"}).arguments.empty());
  CHECK(Read({"QTE_STATE_PATH=a"}, {"--state.pathology=b"}).arguments == Texts{"--state.path=a"});
}

TEST_CASE("A misspelt variable gets a word, a foreign one none") {
  CHECK(Read({"QTE_STATE_PAHT=a"}).warnings ==
        Texts{"environment variable QTE_STATE_PAHT sets no flag; did you mean \"QTE_STATE_PATH\"?"});
  CHECK(Read({"QTE_BINARY=a"}).warnings.empty());
}

}  // namespace qte::commands
