#include "qmp/conversation.h"

#include <poll.h>

#include <fstream>

#include "qmp/fake_qemu_for_test.h"

namespace qte::qmp {
namespace {

using std::chrono::milliseconds;
using Events = std::vector<std::string>;
using Manners = FakeQemu::Manners;

// Short only where nothing comes: a busy machine keeps an answer for a while.
Conversation::Limits LimitsFor(const std::string& want) {
  Conversation::Limits limits{std::chrono::minutes(1), std::chrono::minutes(1), std::chrono::minutes(2)};
  if (want == "no_greeting") limits.greeting = milliseconds(300);
  if (want == "timeout") limits.answer = milliseconds(300);
  return limits;
}

std::shared_ptr<const Needs> Wanting(Events events) {
  return std::make_shared<const Needs>(Needs{{}, std::move(events)});
}

// A conversation to its end. What came of it: "done", or the reason of a failure.
std::string Talk(const std::string& path, Switches& switches, Conversation::Errand errand,
                 std::string* message = nullptr) {
  if (!errand.on_greeting) errand.on_greeting = [](int) {};
  Conversation talk(path, std::move(errand), switches);
  while (!talk.failure() && !talk.is_done()) {
    CHECK(talk.held_bytes() <= MessageReader::kMostCost);
    auto left = std::chrono::ceil<milliseconds>(talk.due() - std::chrono::steady_clock::now());
    pollfd fd{talk.fd(), talk.events(), 0};
    ::poll(&fd, 1, std::max(0, static_cast<int>(left.count())));
    talk.Step();
  }
  if (message != nullptr && talk.failure()) *message = talk.failure()->message;
  return talk.failure() ? std::string(NameOf(talk.failure()->reason)) : "done";
}

std::string Talk(const std::string& path, const std::string& want = "done", std::string* message = nullptr) {
  Switches switches;
  return Talk(path, switches, {Wanting({"begin"}), nullptr, nullptr, LimitsFor(want)}, message);
}

TEST_CASE("A conversation, whatever QEMU's manners are") {
  auto with = [](const std::function<void(Manners&)>& change) {
    Manners manners;
    change(manners);
    return manners;
  };
  const std::string long_text(10 << 20, 'x');
  std::string nested = R"({"return": )" + std::string(1'000'000, '[');
  struct Case {
    std::string name;
    std::string want;
    Manners manners;
  };
  for (const Case& c : {
           Case{"as usual", "done", {}},
           Case{"a byte at a time", "done", with([](Manners& m) { m.dribbles = true; })},
           Case{"over several lines", "done", with([](Manners& m) { m.is_pretty = true; })},
           Case{"events, and answers to others", "done", with([](Manners& m) { m.chatters = true; })},
           Case{"thousands of events", "done", with([](Manners& m) { m.events = 5'000; })},
           Case{"hundreds of states", "done", with([](Manners& m) { m.states = 500; })},
           Case{"events without end", "protocol", with([](Manners& m) {
                  m.events = 500;
                  m.event = R"({"event": ")" + std::string(50'000, 'x') + "\"}";
                })},
           Case{"50,000 states", "protocol", with([](Manners& m) { m.states = 50'000; })},
           Case{"an error", "refused", with([](Manners& m) { m.instead = R"({"error": {"desc": "no"}})"; })},
           Case{"an error of another kind", "refused", with([](Manners& m) { m.instead = R"({"error": 5})"; })},
           Case{"nobody is served", "no_greeting", with([](Manners& m) { m.is_silent = true; })},
           Case{"an empty greeting", "no_greeting", with([](Manners& m) { m.greeting = ""; })},
           Case{"half a greeting", "no_greeting", with([](Manners& m) { m.greeting = "{\"QMP\": "; })},
           Case{"another greeting", "protocol", with([](Manners& m) { m.greeting = R"({"return": {}})"; })},
           Case{"a greeting of 10 MB", "protocol",
                with([&](Manners& m) { m.greeting = R"({"QMP": ")" + long_text + "\"}"; })},
           Case{"the human monitor", "protocol",
                with([](Manners& m) { m.greeting = "QEMU 7.2.22 monitor - type 'help'"; })},
           Case{"no JSON", "protocol", with([](Manners& m) { m.instead = "{return}"; })},
           Case{"a list", "protocol", with([](Manners& m) { m.instead = "[1, 2]"; })},
           Case{"binary", "protocol", with([](Manners& m) { m.instead = std::string("\0\xff\xfe", 3); })},
           Case{"invalid UTF-8", "protocol", with([](Manners& m) { m.instead = "{\"return\": \"\xff\"}"; })},
           Case{"a line without end", "protocol", with([&](Manners& m) { m.instead = "{\"a\": \"" + long_text; })},
           Case{"nesting without end", "timeout", with([&](Manners& m) { m.instead = nested; })},
           Case{"no answer", "timeout", with([](Manners& m) { m.replies = 1; })},
           Case{"half an answer", "timeout", with([](Manners& m) { m.instead = R"({"return": {}, "id": 1)"; })},
           Case{"events alone", "timeout", with([](Manners& m) { m.instead = R"({"event": "STOP"})"; })},
           Case{"answers with other ids", "timeout", with([](Manners& m) { m.is_wrong = true; })},
           Case{"closed at once", "closed", with([](Manners& m) { m.answers = 0; })},
           Case{"closed midway", "closed", with([](Manners& m) { m.answers = 1; })},
       }) {
    CAPTURE(c.name);
    TestDirectory directory;
    FakeQemu qemu(directory / "qmp", {{"begin", "disabled"}}, c.manners);
    CHECK(Talk(directory / "qmp", c.want) == c.want);
    CHECK((c.want != "done" || qemu.StateOf("begin") == "enabled"));
  }
}

TEST_CASE("A socket that closes in the middle of an answer") {
  TestDirectory directory;
  Manners manners;
  manners.greeting = R"({"QMP": )";
  auto qemu = std::make_unique<FakeQemu>(directory / "qmp", std::map<std::string, std::string>(), manners);
  std::thread end([&] {
    while (qemu->clients() == 0) std::this_thread::sleep_for(milliseconds(1));
    qemu.reset();
  });
  CHECK(Talk(directory / "qmp") == "closed");
  end.join();
}

TEST_CASE("Messages name the limit, and texts of QEMU's are short") {
  TestDirectory directory;
  Manners many, verbose;
  many.states = 50'000;
  verbose.instead = R"({"error": {"desc": ")" + std::string(10'000, 'x') + "\"}}";
  FakeQemu first(directory / "many", {{"begin", "disabled"}}, many);
  FakeQemu second(directory / "verbose", {}, verbose);
  std::string message;
  CHECK(Talk(directory / "many", "protocol", &message) == "protocol");
  CHECK(message == "QEMU sends a message that needs more than the limit of 2 MiB");
  CHECK(Talk(directory / "verbose", "refused", &message) == "refused");
  CHECK(message.size() < 300);
}

TEST_CASE("Sockets that cannot be reached") {
  TestDirectory directory;
  std::string message;
  CHECK(Talk(directory / "none", "", &message) == "unreachable");
  CHECK(message.starts_with("No such file or directory; is QEMU running"));
  CHECK(Talk(directory / std::string(200, 'x')) == "unreachable");
  { FakeQemu qemu(directory / "stale", {}); }
  CHECK(Talk(directory / "stale") == "unreachable");
  std::ofstream(directory / "file") << "text";
  std::filesystem::create_directory(directory / "directory");
  for (const char* name : {"file", "directory"}) {
    CHECK(Talk(directory / name, "", &message) == "unreachable");
    CHECK(message.starts_with("not a socket; "));
  }
}

TEST_CASE("Clients wait in line, and those above the line are told so at once") {
  TestDirectory directory;
  Manners silent;
  silent.is_silent = true;
  FakeQemu qemu(directory / "qmp", {}, silent);
  std::vector<std::unique_ptr<Connection>> line;
  while (line.empty() || !line.back()->failure()) line.push_back(std::make_unique<Connection>(directory / "qmp"));
  CHECK(line.back()->failure()->reason == Reason::kNoGreeting);
  CHECK(line.size() < 10);
}

TEST_CASE("An event that was switched on without an answer is ours all the same") {
  TestDirectory directory;
  const std::string path = directory / "qmp";
  Manners manners;
  manners.replies = 2;  // to qmp_capabilities, and what the event's state is
  Switches switches;
  {
    FakeQemu qemu(path, {{"dma_blk_io", "disabled"}}, manners);
    CHECK(Talk(path, switches, {Wanting({"dma_blk_io"}), nullptr, nullptr, LimitsFor("timeout")}) == "timeout");
    CHECK(qemu.StateOf("dma_blk_io") == "enabled");
  }
  FakeQemu qemu(path, {{"dma_blk_io", "enabled"}});
  CHECK(Talk(path, switches, {Wanting({"dma_blk_io"}), nullptr, nullptr, LimitsFor("done")}) == "done");
  CHECK(switches.ours == Events{"dma_blk_io"});
  CHECK(Talk(path, switches, {Wanting({}), nullptr, nullptr, LimitsFor("done")}) == "done");
  CHECK(qemu.StateOf("dma_blk_io") == "disabled");
  CHECK(switches.ours.empty());
}

TEST_CASE("An event that QEMU refuses to switch on is not ours") {
  TestDirectory directory;
  const std::string path = directory / "qmp";
  FakeQemu qemu(path, {{"a", "disabled"}, {"b", "disabled"}, {"c", "disabled"}});
  qemu.Lock("b");
  Switches switches;
  CHECK(Talk(path, switches, {Wanting({"a", "b", "c"}), nullptr, nullptr, LimitsFor("refused")}) == "refused");
  CHECK(switches.ours == Events{"a"});
  CHECK(qemu.Enabled() == std::set<std::string>{"a"});
}

}  // namespace
}  // namespace qte::qmp
