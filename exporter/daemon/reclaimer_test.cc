// What is given back, and what never is: a user who can write to the logs' directory must not harm other files.
#include "daemon/reclaimer.h"

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "catch.h"
#include "source/following.h"

namespace qte::daemon {
namespace {

constexpr uint64_t kSize = 4 << 20;

class Reclaiming : public source::Following {
 public:
  Reclaiming() { MakeDirectory(logs); }
  // Follows the log to its end, and gives back what was read.
  void Run(Reclaimer& reclaimer) {
    if (set == nullptr) Follow(std::vector<source::SourceSpec>{{.path = logs + "/*.log", .reclaim_above = 1 << 20}});
    Settle();
    positions = set->SavePositions();
    reclaimer.Reclaim(positions);
    reclaimer.Fill(positions);
  }
  static bool HasHoles(const std::string& path) { return TextOf(path).find('\0') != std::string::npos; }

  std::string logs = dir / "logs";
  std::string log = logs + "/vm.log";
  source::Positions positions;
};

TEST_CASE("Reclaimed bytes count once over restarts") {
  Reclaiming f;
  f.Append(f.log, std::string(kSize, 'x'));
  Reclaimer first;
  f.Run(first);
  if (first.bytes() == 0) return;  // the file system cannot
  CHECK(first.bytes() > kSize - 16384);
  CHECK(f.HasHoles(f.log));
  Reclaimer second;
  CHECK_FALSE(second.IsUrgent(f.positions));
  second.Reclaim(f.positions);
  CHECK(second.bytes() == 0);

  f.Append(f.log, std::string(kSize, 'x'));
  source::Positions saved = f.positions;
  f.set = std::make_unique<source::SourceSet>(
      std::vector<source::SourceSpec>{{.path = f.logs + "/*.log", .reclaim_above = 1 << 20}}, f.seen, saved,
      source::FollowOptions{.clock = f.clock});
  Reclaimer third;
  f.Run(third);
  CHECK(third.bytes() > kSize - 16384);
  CHECK(third.bytes() < kSize + 16384);
}

TEST_CASE("A log that was truncated is given back again") {
  Reclaiming f;
  f.Append(f.log, std::string(kSize, 'x'));
  Reclaimer reclaimer;
  f.Run(reclaimer);
  uint64_t first = reclaimer.bytes();
  if (first == 0) return;
  REQUIRE(::truncate(f.log.c_str(), 0) == 0);
  f.Settle();
  f.Append(f.log, std::string(kSize / 2, 'y'));
  f.Run(reclaimer);
  CHECK(reclaimer.bytes() > first + kSize / 2 - 16384);
}

TEST_CASE("Nothing is given back of files that are not the log's own") {
  Reclaiming f;
  std::string victim = f.dir / "victim";
  SECTION("a symbolic link out of the directory") {
    f.Append(victim, std::string(kSize, 'x'));
    std::filesystem::create_symlink(victim, f.log);
  }
  SECTION("a symbolic link inside the directory") {
    victim = f.logs + "/other";
    f.Append(victim, std::string(kSize, 'x'));
    std::filesystem::create_symlink(victim, f.log);
  }
  SECTION("a hard link") {
    f.Append(victim, std::string(kSize, 'x'));
    std::filesystem::create_hard_link(victim, f.log);
  }
  SECTION("moved to another directory after it was read") {
    f.Append(f.log, std::string(kSize, 'x'));
    f.Follow(std::vector<source::SourceSpec>{{.path = f.logs + "/*.log", .reclaim_above = 1 << 20}});
    f.Settle();
    f.Rename(f.log, victim);
  }
  SECTION("a link that took its place after it was read") {
    f.Append(f.log, std::string(kSize, 'x'));
    f.Follow(std::vector<source::SourceSpec>{{.path = f.logs + "/*.log", .reclaim_above = 1 << 20}});
    f.Settle();
    f.positions = f.set->SavePositions();
    f.Rename(f.log, victim);
    std::filesystem::create_symlink(victim, f.log);
    Reclaimer reclaimer;
    reclaimer.Reclaim(f.positions);
    CHECK_FALSE(f.HasHoles(victim));
    return;
  }
  Reclaimer reclaimer;
  f.Run(reclaimer);
  f.Run(reclaimer);
  CHECK(f.seen.All().size() == kSize);
  CHECK_FALSE(f.HasHoles(victim));
  CHECK(reclaimer.bytes() == 0);
  CHECK_FALSE(reclaimer.IsUrgent(f.positions));
}

TEST_CASE("A rotated log is given back under its new name, and behind a link of its directory") {
  Reclaiming f;
  std::filesystem::create_directory_symlink(f.logs, f.dir / "link");
  f.Append(f.log, std::string(kSize, 'x'));
  f.Follow(std::vector<source::SourceSpec>{{.path = f.dir / "link/*.log", .reclaim_above = 1 << 20}});
  f.Settle();
  f.Rename(f.log, f.log + ".1");
  Reclaimer reclaimer;
  f.Run(reclaimer);
  if (reclaimer.bytes() == 0) {
    WARN("the file system cannot punch holes");
    return;
  }
  CHECK(f.HasHoles(f.log + ".1"));
}

}  // namespace
}  // namespace qte::daemon
