// What tests of the Keeper share: a host, a fast pace, and steps until something is so.
#pragma once

#include <algorithm>

#include "qmp/fake_qemu_for_test.h"
#include "qmp/keeper.h"

namespace qte::qmp {

using nlohmann::json;
using std::chrono::milliseconds;
using Events = std::map<std::string, std::string>;
using Names = std::set<std::string>;
using List = std::vector<std::string>;

const Events kOff = {{"open", "disabled"}, {"read", "disabled"}, {"begin", "disabled"}, {"other", "disabled"}};

struct FakeHost final : Host {
  std::vector<Target> targets;
  bool is_early = false;
  std::set<std::string> unknown;  // files
  bool is_unsettled = false;
  std::vector<Probe> expected;
  List heard;  // of processes: "new socket", "gone socket"

  void Want(const std::string& socket, std::vector<std::string> rest) {
    targets = {{socket, std::make_shared<Needs>(Needs{{"open", "read"}, std::move(rest)}), {1}, true, false}};
  }

  std::optional<std::vector<Target>> Targets() override {
    if (is_early) return std::nullopt;
    return targets;
  }
  std::vector<Drive> Unknown(const Target&, std::vector<Drive> drives) override {
    std::erase_if(drives, [this](const Drive& drive) { return !unknown.contains(drive.file); });
    return drives;
  }
  std::set<std::string> Unsettled(const std::vector<const Target*>& asked) override {
    std::set<std::string> sockets;
    for (const Target* target : asked) {
      if (is_unsettled) sockets.insert(target->socket);
    }
    return sockets;
  }
  void Expect(const Target&, const std::vector<Probe>& probes) override { expected = probes; }
  void OnNewProcess(const Target& target) override { heard.push_back("new " + NameOf(target)); }
  void OnGone(const Target& target) override { heard.push_back("gone " + NameOf(target)); }
  static std::string NameOf(const Target& target) { return std::filesystem::path(target.socket).filename(); }
};

inline Keeper::Pace Fast() {
  Keeper::Pace pace;
  pace.check = pace.last_retry = milliseconds(200);
  pace.first_retry = milliseconds(10);
  pace.look = pace.slow_look = milliseconds(20);
  pace.limits.greeting = milliseconds(100);
  return pace;
}

// Goes on until it is so.
inline void StepUntil(Keeper& keeper, const std::function<bool()>& is_so) {
  auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (!is_so()) {
    REQUIRE(std::chrono::steady_clock::now() < deadline);
    keeper.Step(milliseconds(20));
  }
}

// Both fakes are of one process, and the file system may give the second socket the inode of the first: the time of
// birth tells them apart, in ticks of the kernel.
inline void PassATick() {
  std::this_thread::sleep_for(milliseconds(20));
}

inline uint64_t Failures(const Keeper& keeper, Reason reason) {
  return keeper.report().failures[static_cast<size_t>(reason)];
}

}  // namespace qte::qmp
