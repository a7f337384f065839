#include "qmp/keeper.h"

#include "qmp/keeper_for_test.h"

namespace qte::qmp {
namespace {

TEST_CASE("Sockets that hang cost the others nothing, and count as failures while they do") {
  constexpr size_t kSockets = 300;
  TestDirectory directory;
  std::vector<std::unique_ptr<FakeQemu>> qemus;
  FakeHost host;
  FakeQemu::Manners silent, mute, half;
  silent.is_silent = true;
  mute.replies = 0;
  half.instead = R"({"return": {}, "id": 1)";
  auto needs = std::make_shared<Needs>(Needs{{}, {"begin"}});
  for (size_t i = 0; i < kSockets; ++i) {
    std::string path = directory / std::to_string(i);
    const FakeQemu::Manners manners[] = {FakeQemu::Manners(), silent, mute, half};
    qemus.push_back(std::make_unique<FakeQemu>(path, kOff, manners[i % 4]));
    host.targets.push_back({path, needs, {}, true, false});
  }
  Keeper::Pace pace = Fast();
  pace.limits = {milliseconds(2'000), milliseconds(2'000), milliseconds(5'000)};
  Keeper keeper(host, {}, pace);
  auto started = std::chrono::steady_clock::now();
  StepUntil(keeper, [&] {
    for (size_t i = 0; i < kSockets; i += 4) {
      if (qemus[i]->StateOf("begin") != "enabled") return false;
    }
    return true;
  });
  // More of them than there are conversations at once, so some wait until the first ones have been given up.
  CHECK(std::chrono::steady_clock::now() - started < milliseconds(4'000));
  StepUntil(keeper, [&] {
    return Failures(keeper, Reason::kTimeout) >= kSockets && Failures(keeper, Reason::kNoGreeting) >= kSockets / 2;
  });
  Keeper::Report report = keeper.report();
  CHECK(std::count_if(report.sockets.begin(), report.sockets.end(), [](const auto& s) { return s.up; }) ==
        static_cast<ptrdiff_t>(kSockets / 4));
}

TEST_CASE("Long answers of many sockets together stay within the limit") {
  TestDirectory directory;
  FakeQemu::Manners half;
  half.instead = R"({"return": [)";
  for (int i = 0; i < 15'000; ++i) half.instead += "{},";  // costs nearly 2 MiB
  std::vector<std::unique_ptr<FakeQemu>> qemus;
  FakeHost host;
  auto needs = std::make_shared<Needs>(Needs{{}, {"begin"}});
  for (int i = 0; i < 12; ++i) {
    std::string path = directory / std::to_string(i);
    qemus.push_back(std::make_unique<FakeQemu>(path, kOff, half));
    host.targets.push_back({path, needs, {}, true, false});
  }
  FakeQemu good(directory / "good", kOff);
  host.targets.push_back({directory / "good", needs, {}, true, false});
  Keeper keeper(host, {}, Fast());
  StepUntil(keeper, [&] { return Failures(keeper, Reason::kProtocol) >= 4; });
  StepUntil(keeper, [&] { return keeper.report().sockets.back().up; });
  Keeper::Report report = keeper.report();
  CHECK(std::any_of(report.sockets.begin(), report.sockets.end(),
                    [](const auto& socket) { return socket.error.find("limit of 16 MiB") != std::string::npos; }));
}

TEST_CASE("A config that comes during a conversation is asked for right after it") {
  TestDirectory directory;
  FakeQemu qemu(directory / "qmp", kOff);
  FakeHost host;
  host.Want(directory / "qmp", {"begin"});
  Keeper::Pace pace = Fast();
  pace.check = std::chrono::hours(1);
  Keeper keeper(host, {}, pace);
  keeper.Step(milliseconds(0));  // it has connected
  host.Want(directory / "qmp", {"other"});
  keeper.ConfigChanged();
  StepUntil(keeper, [&] { return qemu.Enabled() == Names{"open", "read", "other"}; });
  // It leaves, and comes back while its events are switched off.
  auto targets = std::exchange(host.targets, {});
  keeper.ConfigChanged();
  StepUntil(keeper, [&] { return qemu.clients() >= 3; });
  host.targets = targets;
  keeper.ConfigChanged();
  StepUntil(keeper, [&] { return qemu.Enabled() == Names{"open", "read", "other"}; });
}

}  // namespace
}  // namespace qte::qmp
