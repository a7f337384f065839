// What the tests of parked streams share.
#pragma once

#include "source/following.h"

namespace qte::source {

using Bytes = std::map<StreamId, std::string>;

// A directory of logs that goes away and comes back.
class Parking : public Following {
 public:
  Parking() {
    MakeDirectory(logs);
    Append(log, "one\n");
    Append(logs + "/vm2.log", "two\n");
  }
  void Start(const std::string& pattern) {
    specs = {{.path = pattern}};
    Follow(specs);
    Settle();
  }
  // kill -9, and a new life.
  void Restart() {
    Positions saved = set->SavePositions();
    set.reset();
    set = std::make_unique<SourceSet>(specs, seen, std::move(saved), FollowOptions{.clock = clock});
    Settle();
  }
  void Reload(std::vector<SourceSpec> next) {
    set->Reconfigure(std::move(next));
    Settle();
  }
  void MoveAway() { Rename(logs, away); }
  void MoveBack() {
    Rename(away, logs);
    Pass(std::chrono::seconds(6));
  }
  uint64_t rotations() const { return set->Totals().rotations; }

  std::string logs = dir / "logs";
  std::string away = dir / "away";
  std::string log = logs + "/vm1.log";
  std::vector<SourceSpec> specs;
};

}  // namespace qte::source
