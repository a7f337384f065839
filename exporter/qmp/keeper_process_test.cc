#include "qmp/keeper.h"

#include "qmp/keeper_for_test.h"

namespace qte::qmp {
namespace {

TEST_CASE("Another process behind the same file is another QEMU, also for a later keeper") {
  TestDirectory directory;
  FakeQemu qemu(directory / "qmp", kOff);
  FakeHost host;
  host.Want(directory / "qmp", {"begin"});
  auto first = std::make_unique<ListeningChild>(qemu);
  json saved;
  auto is_up = [](Keeper& keeper) { return !keeper.report().sockets.empty() && keeper.report().sockets[0].up; };
  {
    Keeper keeper(host, {}, Fast());
    StepUntil(keeper, [&] { return is_up(keeper); });
    // A rotation, and more conversations: it is still the same.
    keeper.Restarted(1);
    int clients = qemu.clients();
    StepUntil(keeper, [&] { return qemu.clients() > clients + 2; });
    CHECK(host.heard.empty());
    ListeningChild second(qemu);
    first.reset();
    StepUntil(keeper, [&] { return !host.heard.empty(); });
    CHECK(host.heard == List{"new qmp"});
    // Its events were on when it came.
    StepUntil(keeper, [&] { return keeper.report().sockets[0].ours.empty(); });
    saved = json::parse(keeper.Save().dump());
  }
  host.heard.clear();
  ListeningChild third(qemu);
  {
    Keeper keeper(host, saved, Fast());
    StepUntil(keeper, [&] { return is_up(keeper); });
    CHECK(host.heard == List{"new qmp"});
    saved = json::parse(keeper.Save().dump());
  }
  host.heard.clear();
  Keeper later(host, saved, Fast());
  StepUntil(later, [&] { return is_up(later); });
  CHECK(host.heard.empty());
}

TEST_CASE("The end of a QEMU is noticed at once, and told once") {
  TestDirectory directory;
  auto qemu = std::make_unique<FakeQemu>(directory / "qmp", kOff);
  auto child = std::make_unique<ListeningChild>(*qemu);
  FakeHost host;
  host.Want(directory / "qmp", {"begin"});
  Keeper::Pace pace = Fast();
  pace.check = pace.slow_look = std::chrono::hours(1);
  Keeper keeper(host, {}, pace);
  StepUntil(keeper, [&] { return !keeper.report().sockets.empty() && keeper.report().sockets[0].up; });
  json saved = keeper.Save();
  qemu.reset();
  for (int i = 0; i < 3; ++i) keeper.Step(milliseconds(5));
  CHECK(host.heard.empty());
  // Killed: the file stays.
  child.reset();
  StepUntil(keeper, [&] { return !host.heard.empty(); });
  CHECK(!keeper.report().sockets[0].up);
  StepUntil(keeper, [&] { return Failures(keeper, Reason::kUnreachable) >= 3; });
  CHECK(host.heard == List{"gone qmp"});
  {
    FakeHost later_host;
    later_host.targets = host.targets;
    Keeper later(later_host, saved, pace);
    StepUntil(later, [&] { return !later_host.heard.empty(); });
    CHECK(later_host.heard == List{"gone qmp"});
  }
  PassATick();
  FakeQemu other(directory / "qmp", kOff);
  StepUntil(keeper, [&] { return other.StateOf("begin") == "enabled"; });
  CHECK(host.heard == List{"gone qmp", "new qmp"});
}

TEST_CASE("A socket that loses its file while its process runs is not gone") {
  TestDirectory directory;
  FakeQemu qemu(directory / "qmp", kOff);
  FakeHost host;
  host.Want(directory / "qmp", {"begin"});
  Keeper keeper(host, {}, Fast());
  StepUntil(keeper, [&] { return !keeper.report().sockets.empty() && keeper.report().sockets[0].up; });
  std::filesystem::rename(directory / "qmp", directory / "away");
  StepUntil(keeper, [&] { return !keeper.report().sockets[0].up; });
  std::filesystem::rename(directory / "away", directory / "qmp");
  StepUntil(keeper, [&] { return keeper.report().sockets[0].up; });
  CHECK(host.heard.empty());
  CHECK(keeper.report().sockets[0].ours == List{"open", "read", "begin"});
}

TEST_CASE("A keeper with nothing to do sleeps") {
  TestDirectory directory;
  FakeQemu qemu(directory / "qmp", kOff);
  FakeHost host;
  host.Want(directory / "qmp", {"begin"});
  Keeper::Pace pace = Fast();
  pace.check = std::chrono::hours(1);
  pace.slow_look = milliseconds(500);
  Keeper keeper(host, {}, pace);
  StepUntil(keeper, [&] { return !keeper.report().sockets.empty() && keeper.report().sockets[0].up; });
  for (int i = 0; i < 3; ++i) keeper.Step(milliseconds(20));
  auto started = std::chrono::steady_clock::now();
  keeper.Step(milliseconds(300));
  CHECK(std::chrono::steady_clock::now() - started >= milliseconds(300));
}

}  // namespace
}  // namespace qte::qmp
