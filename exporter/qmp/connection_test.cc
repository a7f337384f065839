#include "qmp/connection.h"

#include <poll.h>

#include "qmp/fake_qemu_for_test.h"

namespace qte::qmp {
namespace {

using nlohmann::json;

using std::chrono::milliseconds;

// How long a conversation is waited for. Short only where nothing comes: a busy machine keeps an answer for a while.
struct Patience {
  milliseconds greeting{10'000};
  milliseconds all{20'000};
};

Patience PatienceFor(const FakeQemu::Manners& manners, const std::string& want) {
  Patience patience;
  bool is_greeted = !manners.is_silent && manners.greeting == FakeQemu::Manners().greeting;
  if (!is_greeted) patience.greeting = milliseconds(300);
  if (want == "timeout") patience.all = milliseconds(700);
  return patience;
}

// True once the greeting is there, false where it never comes.
bool Greeted(Connection& connection, milliseconds patience) {
  while (!connection.failure()) {
    if (connection.Greet()) return true;
    pollfd fd{connection.fd(), POLLIN, 0};
    if (::poll(&fd, 1, static_cast<int>(patience.count())) == 0) connection.GiveUp();
  }
  return false;
}

// What came of a conversation: the answer to a command, or a failure's reason.
std::string Talk(const std::string& path, Patience patience = {}) {
  Connection connection(path);
  connection.set_deadline(std::chrono::steady_clock::now() + patience.all);
  if (!Greeted(connection, patience.greeting)) return std::string(NameOf(connection.failure()->reason));
  for (const char* command : {"qmp_capabilities", "query-status"}) {
    std::optional<Connection::Answer> answer = connection.Execute(command);
    if (!answer) return std::string(NameOf(connection.failure()->reason));
    if (!answer->value) return "refused: " + answer->error;
    if (command == std::string("query-status")) return answer->value->dump();
  }
  return {};
}

TEST_CASE("A conversation, whatever QEMU's manners are") {
  const std::string good = R"({"running":true,"status":"running"})";
  const std::string line = "{\"a\": \"" + std::string(9 << 20, 'x') + "\"}";
  struct Case {
    std::string name;
    std::string want;
    FakeQemu::Manners manners;
  };
  using Manners = FakeQemu::Manners;
  auto with = [](const std::function<void(Manners&)>& change) {
    Manners manners;
    change(manners);
    return manners;
  };
  for (const Case& c : {
           Case{"as usual", good, {}},
           Case{"a byte at a time", good, with([](Manners& m) { m.dribbles = true; })},
           Case{"over several lines", good, with([](Manners& m) { m.is_pretty = true; })},
           Case{"events, and answers to others", good, with([](Manners& m) { m.chatters = true; })},
           Case{"an error", "refused: no",
                with([](Manners& m) { m.instead = R"({"error": {"class": "C", "desc": "no"}})"; })},
           Case{"an error of another kind", "refused: 5", with([](Manners& m) { m.instead = R"({"error": 5})"; })},
           Case{"nobody is served", "no_greeting", with([](Manners& m) { m.is_silent = true; })},
           Case{"an empty greeting", "no_greeting", with([](Manners& m) { m.greeting = ""; })},
           Case{"half a greeting", "no_greeting", with([](Manners& m) { m.greeting = "{\"QMP\": "; })},
           Case{"another greeting", "protocol", with([](Manners& m) { m.greeting = R"({"return": {}})"; })},
           Case{"the human monitor", "protocol",
                with([](Manners& m) { m.greeting = "QEMU 7.2.22 monitor - type 'help'"; })},
           Case{"no JSON", "protocol", with([](Manners& m) { m.instead = "{return}"; })},
           Case{"a list", "protocol", with([](Manners& m) { m.instead = "[1, 2]"; })},
           Case{"binary", "protocol", with([](Manners& m) { m.instead = std::string("\0\xff\xfe", 3); })},
           Case{"too much", "protocol", with([&](Manners& m) { m.instead = line.substr(0, line.size() - 1); })},
           Case{"no answer", "timeout", with([](Manners& m) { m.replies = 1; })},
           Case{"events alone", "timeout", with([](Manners& m) { m.instead = R"({"event": "STOP"})"; })},
           Case{"closed at once", "closed", with([](Manners& m) { m.answers = 0; })},
           Case{"closed midway", "closed", with([](Manners& m) { m.answers = 1; })},
       }) {
    CAPTURE(c.name);
    TestDirectory directory;
    FakeQemu qemu(directory / "qmp", {}, c.manners);
    CHECK(Talk(directory / "qmp", PatienceFor(c.manners, c.want)) == c.want);
  }
}

TEST_CASE("Sockets that cannot be reached") {
  TestDirectory directory;
  CHECK(Talk(directory / "none") == "unreachable");
  CHECK(Talk(directory / std::string(200, 'x')) == "unreachable");
  { FakeQemu qemu(directory / "stale", {}); }
  CHECK(Talk(directory / "stale") == "unreachable");
}

TEST_CASE("Clients wait in line, and those above the line are told so at once") {
  TestDirectory directory;
  FakeQemu::Manners silent;
  silent.is_silent = true;
  FakeQemu qemu(directory / "qmp", {}, silent);
  std::vector<std::unique_ptr<Connection>> line;
  while (line.empty() || !line.back()->failure()) line.push_back(std::make_unique<Connection>(directory / "qmp"));
  CHECK(line.back()->failure()->reason == Reason::kNoGreeting);
  CHECK(line.size() < 10);
}

TEST_CASE("A failed connection stays so") {
  TestDirectory directory;
  Connection connection(directory / "none");
  CHECK(!connection.Execute("query-status"));
  CHECK(!connection.Greet());
  CHECK(connection.failure()->reason == Reason::kUnreachable);
}

}  // namespace
}  // namespace qte::qmp
