#include "qmp/keeper.h"

#include "qmp/keeper_for_test.h"

namespace qte::qmp {
namespace {

TEST_CASE("What is needed is switched on, and what others switched on stays theirs") {
  TestDirectory directory;
  Events events = kOff;
  events["begin"] = "enabled";
  events["gone"] = "unavailable";
  FakeQemu qemu(directory / "qmp", events);
  FakeHost host;
  host.Want(directory / "qmp", {"begin", "gone", "unknown"});
  Keeper keeper(host, {}, Fast());
  StepUntil(keeper, [&] { return keeper.report().sockets.size() == 1 && keeper.report().sockets[0].up; });
  CHECK(qemu.Enabled() == Names{"open", "read", "begin"});
  Keeper::SocketReport socket = keeper.report().sockets[0];
  CHECK(socket.ours == List{"open", "read"});
  CHECK(socket.events_on == 3);
  CHECK(socket.missing == Names{"gone", "unknown"});
  CHECK(!qemu.saw_vcpu());

  // Another config needs less, and something else.
  host.Want(directory / "qmp", {"other"});
  host.targets[0].needs = std::make_shared<Needs>(Needs{{}, {"other", "read"}});
  keeper.ConfigChanged();
  StepUntil(keeper, [&] { return qemu.StateOf("other") == "enabled" && qemu.StateOf("open") == "disabled"; });
  CHECK(qemu.Enabled() == Names{"begin", "other", "read"});

  // None needs anything.
  host.targets.clear();
  keeper.ConfigChanged();
  StepUntil(keeper, [&] { return keeper.report().sockets.empty(); });
  CHECK(qemu.Enabled() == Names{"begin"});
}

TEST_CASE("Another QEMU behind the same path is switched on again, and what is on there is not ours") {
  TestDirectory directory;
  FakeHost host;
  host.Want(directory / "qmp", {"begin"});
  host.targets[0].switch_off_at_exit = true;
  Keeper keeper(host, {}, Fast());
  {
    FakeQemu qemu(directory / "qmp", kOff);
    StepUntil(keeper, [&] { return qemu.StateOf("begin") == "enabled"; });
  }
  PassATick();
  Events events = kOff;
  events["read"] = "enabled";
  FakeQemu qemu(directory / "qmp", events);
  StepUntil(keeper, [&] { return qemu.StateOf("begin") == "enabled"; });
  keeper.Step(milliseconds(0));
  CHECK(keeper.report().sockets[0].ours == List{"open", "begin"});
}

TEST_CASE("What somebody switches off is on again after the next look") {
  TestDirectory directory;
  FakeHost host;
  host.Want(directory / "qmp", {"begin"});
  FakeQemu qemu(directory / "qmp", kOff);
  Keeper keeper(host, {}, Fast());
  StepUntil(keeper, [&] { return qemu.StateOf("begin") == "enabled"; });
  qemu.Set("begin", "disabled");
  StepUntil(keeper, [&] { return qemu.StateOf("begin") == "enabled"; });
}

TEST_CASE("At the exit QEMU is left as it was found, where the config says so") {
  for (bool is_asked : {true, false}) {
    CAPTURE(is_asked);
    TestDirectory directory;
    Events events = kOff;
    events["read"] = "enabled";
    FakeQemu qemu(directory / "qmp", events);
    FakeHost host;
    host.Want(directory / "qmp", {"begin"});
    host.targets[0].switch_off_at_exit = is_asked;
    Keeper keeper(host, {}, Fast());
    keeper.Start();
    while (qemu.StateOf("begin") != "enabled") std::this_thread::sleep_for(milliseconds(1));
    keeper.Stop();
    CHECK(qemu.Enabled() == (is_asked ? Names{"read"} : Names{"open", "read", "begin"}));
    // Which QEMU it was stays known.
    REQUIRE(keeper.Save().size() == 1);
    CHECK(keeper.Save()[0][2].empty() == is_asked);
  }
}

TEST_CASE("The exit does not wait for a QEMU that hangs") {
  TestDirectory directory;
  FakeHost host;
  host.Want(directory / "qmp", {"begin"});
  host.targets[0].switch_off_at_exit = true;
  auto qemu = std::make_unique<FakeQemu>(directory / "qmp", kOff);
  Keeper keeper(host, {}, Fast());
  keeper.Start();
  while (qemu->StateOf("begin") != "enabled") std::this_thread::sleep_for(milliseconds(1));
  FakeQemu::Manners silent;
  silent.is_silent = true;
  qemu.reset();
  FakeQemu hanging(directory / "qmp", kOff, silent);
  auto started = std::chrono::steady_clock::now();
  keeper.Stop();
  CHECK(std::chrono::steady_clock::now() - started < std::chrono::seconds(2));
  // Should it wake up, a later process knows what is to be switched off.
  CHECK(keeper.Save().size() == 1);
}

TEST_CASE("A later keeper knows what an earlier one switched on, but not of another QEMU") {
  TestDirectory directory;
  FakeHost host;
  host.Want(directory / "qmp", {"begin"});
  auto qemu = std::make_unique<FakeQemu>(directory / "qmp", kOff);
  json saved;
  {
    Keeper keeper(host, {}, Fast());
    uint64_t version = keeper.version();
    StepUntil(keeper, [&] { return qemu->StateOf("begin") == "enabled"; });
    keeper.Step(milliseconds(0));
    CHECK(keeper.version() != version);
    saved = json::parse(keeper.Save().dump());
  }
  auto ours = [&] {
    Keeper keeper(host, saved, Fast());
    CHECK(keeper.Save() == saved);
    StepUntil(keeper, [&] { return !keeper.report().sockets.empty() && keeper.report().sockets[0].up; });
    return keeper.report().sockets[0].ours;
  };
  CHECK(ours() == List{"open", "read", "begin"});
  // Without the start of the process, as where /proc hides it.
  saved[0][1][4] = 0;
  Keeper keeper(host, saved, Fast());
  StepUntil(keeper, [&] { return !keeper.report().sockets.empty() && keeper.report().sockets[0].up; });
  CHECK(keeper.report().sockets[0].ours == List{"open", "read", "begin"});
  CHECK(keeper.Save()[0][1][4] != 0);
  CHECK(host.heard.empty());
  qemu.reset();
  PassATick();
  Events events = kOff;
  events["begin"] = "enabled";
  FakeQemu other(directory / "qmp", events);
  CHECK(ours() == List{"open", "read"});
}

TEST_CASE("What an earlier keeper left on and no target has is switched off, but not while it is too early to know") {
  TestDirectory directory;
  FakeHost host;
  host.Want(directory / "qmp", {"begin"});
  FakeQemu qemu(directory / "qmp", kOff);
  json saved;
  {
    Keeper keeper(host, {}, Fast());
    StepUntil(keeper, [&] { return qemu.StateOf("begin") == "enabled"; });
    keeper.Step(milliseconds(0));
    saved = keeper.Save();
  }
  host.targets.clear();
  host.is_early = true;
  Keeper keeper(host, saved, Fast());
  for (int i = 0; i < 10; ++i) keeper.Step(milliseconds(10));
  CHECK(qemu.Enabled() == Names{"open", "read", "begin"});
  CHECK(keeper.Save() == saved);
  host.is_early = false;
  keeper.ConfigChanged();
  StepUntil(keeper, [&] { return qemu.Enabled().empty(); });
}

TEST_CASE("A QEMU that ends is not up") {
  TestDirectory directory;
  FakeHost host;
  host.Want(directory / "qmp", {"begin"});
  Keeper::Pace pace = Fast();
  pace.check = std::chrono::hours(1);
  Keeper keeper(host, {}, pace);
  {
    FakeQemu qemu(directory / "qmp", kOff);
    StepUntil(keeper, [&] { return !keeper.report().sockets.empty() && keeper.report().sockets[0].up; });
  }
  std::filesystem::remove(directory / "qmp");
  StepUntil(keeper, [&] { return !keeper.report().sockets[0].up; });
  CHECK(keeper.report().sockets[0].events_on == 0);
}

TEST_CASE("Saved state that is none is left out") {
  FakeHost host;
  for (const char* text :
       {"null", "5", "[5]", "[[]]", R"([["a"]])", R"([["a", [1, 2], []]])", R"([["a", [1, 2, 3, 4], [5]]])",
        R"([[5, [1, 2, 3, 4], []]])", R"([["a", [1, 2, 3, "x"], ["b"]]])", R"({"a": 1})"}) {
    CAPTURE(text);
    Keeper keeper(host, json::parse(text), Fast());
    keeper.Step(milliseconds(0));
    CHECK(keeper.report().sockets.empty());
  }
}

TEST_CASE("Names are asked for before requests are logged, of drives that are not known, and not for ever") {
  TestDirectory directory;
  FakeQemu::Manners manners;
  for (const char* name : {"a", "b", "known"}) {
    manners.block.push_back({{"device", ""},
                             {"qdev", std::string("dev-") + name},
                             {"inserted", {{"file", name}, {"drv", "raw"}, {"image", {{"virtual-size", 1 << 20}}}}}});
  }
  FakeQemu qemu(directory / "qmp", kOff, manners);
  FakeHost host;
  host.Want(directory / "qmp", {"begin"});
  host.unknown = {"a", "b"};
  Keeper keeper(host, {}, Fast());
  StepUntil(keeper, [&] { return qemu.clients() > 6; });
  REQUIRE(host.expected.size() == 2);
  std::vector<std::string> lines = qemu.command_lines();
  REQUIRE(lines.size() == 6);  // three times each
  CHECK(lines[4] == host.expected[0].CommandLine());
  CHECK(lines[5] == host.expected[1].CommandLine());
  CHECK(lines[4].starts_with("qemu-io -d dev-a "));

  // The log began anew.
  keeper.Restarted(1);
  StepUntil(keeper, [&] { return qemu.command_lines().size() == 8; });
  size_t before = qemu.command_lines().size();
  host.targets[0].drive_names = false;
  keeper.Restarted(1);
  int clients = qemu.clients();
  StepUntil(keeper, [&] { return qemu.clients() > clients + 1; });
  CHECK(qemu.command_lines().size() == before);
}

TEST_CASE("A disk that a log shows anew is asked for at once, and not for ever") {
  TestDirectory directory;
  FakeQemu::Manners manners;
  manners.block.push_back(
      {{"device", "a"}, {"inserted", {{"file", "a"}, {"drv", "raw"}, {"image", {{"virtual-size", 1 << 20}}}}}});
  FakeQemu qemu(directory / "qmp", kOff, manners);
  FakeHost host;
  host.Want(directory / "qmp", {"begin"});
  Keeper::Pace pace = Fast();
  pace.check = std::chrono::hours(1);
  pace.disk_look = milliseconds(10);
  Keeper keeper(host, {}, pace);
  StepUntil(keeper, [&] { return !keeper.report().sockets.empty() && keeper.report().sockets[0].up; });
  CHECK(qemu.command_lines().empty());
  host.unknown = {"a"};
  host.is_unsettled = true;
  StepUntil(keeper, [&] { return qemu.command_lines().size() == 3; });
  for (int i = 0; i < 10; ++i) keeper.Step(milliseconds(20));
  CHECK(qemu.command_lines().size() == 3);
}

TEST_CASE("Failures are counted by reason and told, and do not keep others waiting") {
  TestDirectory directory;
  FakeQemu::Manners silent, human;
  silent.is_silent = true;
  human.greeting = "QEMU 7.2 monitor";
  FakeQemu hanging(directory / "hanging", kOff, silent);
  FakeQemu wrong(directory / "wrong", kOff, human);
  FakeQemu good(directory / "good", kOff);
  FakeQemu none(directory / "none", {});
  FakeHost host;
  auto needs = std::make_shared<Needs>(Needs{{}, {"begin"}});
  for (const char* name : {"hanging", "wrong", "absent", "none", "good"}) {
    host.targets.push_back({directory / name, needs, {}, true, false});
  }
  Keeper keeper(host, {}, Fast());
  StepUntil(keeper, [&] { return good.StateOf("begin") == "enabled"; });
  StepUntil(keeper, [&] {
    return Failures(keeper, Reason::kNoGreeting) > 0 && Failures(keeper, Reason::kProtocol) > 0 &&
           Failures(keeper, Reason::kUnreachable) > 4 && Failures(keeper, Reason::kRefused) > 0;
  });
  // In the end: on a busy machine the good one, too, may once have been too late.
  StepUntil(keeper, [&] {
    Keeper::Report report = keeper.report();
    return report.sockets.size() == 5 &&
           std::all_of(report.sockets.begin(), report.sockets.end(), [](const auto& socket) {
             return socket.up == socket.path.ends_with("good") && socket.error.empty() == socket.up;
           });
  });
  // It is there at last.
  FakeQemu absent(directory / "absent", kOff);
  StepUntil(keeper, [&] { return absent.StateOf("begin") == "enabled"; });
}

TEST_CASE("Nothing is done while it is too early, and a log that goes away is waited for") {
  TestDirectory directory;
  FakeQemu qemu(directory / "qmp", kOff);
  FakeHost host;
  host.Want(directory / "qmp", {"begin"});
  host.is_early = true;
  Keeper keeper(host, {}, Fast());
  for (int i = 0; i < 5; ++i) keeper.Step(milliseconds(1));
  CHECK(qemu.clients() == 0);
  host.is_early = false;
  StepUntil(keeper, [&] { return qemu.StateOf("begin") == "enabled"; });
  host.targets.clear();
  keeper.StreamsChanged();
  for (int i = 0; i < 5; ++i) keeper.Step(milliseconds(1));
  CHECK(qemu.StateOf("begin") == "enabled");
}

}  // namespace
}  // namespace qte::qmp
