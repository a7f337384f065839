// Mounts over logs, how long positions are kept, and what counts as read at the start.
#include <sys/mount.h>

#include "source/parking.h"
#include "source/stream_table.h"

namespace qte::source {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

// A bind mount of one directory over another, where that is allowed.
class Mount {
 public:
  Mount(const std::string& from, const std::string& to)
      : to_(to), is_there_(::mount(from.c_str(), to.c_str(), nullptr, MS_BIND, nullptr) == 0) {}
  ~Mount() {
    if (is_there_) ::umount2(to_.c_str(), MNT_DETACH);
  }
  bool is_there() const { return is_there_; }

 private:
  const std::string to_;
  const bool is_there_;
};

TEST_CASE("parking: another directory is mounted over that of the logs, and taken off again") {
  Parking f;
  f.MakeDirectory(f.dir / "other");
  f.Append(f.dir / "other/vm1.log", "other\n");
  f.Start(f.logs + "/*.log");
  Positions saved;
  {
    Mount mount(f.dir / "other", f.logs);
    if (!mount.is_there()) {
      WARN("mounts are not allowed here");
      return;
    }
    f.Pass(seconds(6));
    CHECK(f.seen.bytes_of == Bytes{{1, "one\n"}, {2, "two\n"}, {3, "other\n"}});
    f.Pass(minutes(12));
    f.Pass(minutes(12));
    f.Append(f.dir / "other/vm1.log", "more\n");
    f.Pass(seconds(6));
  }
  f.Append(f.log, "more\n");
  f.Pass(seconds(6));
  CHECK(f.seen.bytes_of == Bytes{{1, "one\nmore\n"}, {2, "two\n"}, {3, "other\nmore\n"}});
}

TEST_CASE("parking: a file system that is mounted again with another device number") {
  Parking f;
  f.Append(f.log, std::string(600, 'x') + "\n");
  f.Start(f.log);
  Positions saved = f.set->SavePositions();
  saved.streams.at(0).file.device += 1;
  saved.streams.at(0).directory.device += 1;
  if (saved.streams.at(0).birth == 0) return;
  f.Append(f.log, "more\n");
  f.set = std::make_unique<SourceSet>(f.specs, f.seen, saved, FollowOptions{.clock = f.clock});
  f.Settle();
  CHECK(f.seen.bytes_of == Bytes{{1, "one\n" + std::string(600, 'x') + "\nmore\n"}});
  CHECK(f.set->SavePositions().streams.size() == 1);
}

TEST_CASE("parking: a file system that is unmounted is let go") {
  Parking f;
  f.MakeDirectory(f.dir / "mnt");
  if (::mount("none", (f.dir / "mnt").c_str(), "tmpfs", 0, nullptr) != 0) {
    WARN("mounts are not allowed here");
    return;
  }
  f.Append(f.dir / "mnt/vm.log", "one\n");
  f.Start(f.dir / "mnt/*.log");
  size_t open = f.OpenDescriptors();
  REQUIRE(::umount2((f.dir / "mnt").c_str(), MNT_DETACH) == 0);
  f.Pass(seconds(6));
  f.Pass(seconds(6));
  CHECK(f.OpenDescriptors() == open - 1);
  CHECK_FALSE(f.seen.Has("close #1"));
}

TEST_CASE("parked positions are forgotten in the end") {
  Parking f;
  f.Start(f.log);
  f.specs = {{.path = f.dir / "typo/*.log"}};
  f.Reload(f.specs);
  f.Pass(ParkedStreams::kLongest - minutes(20));
  CHECK(f.set->SavePositions().streams.size() == 1);
  f.Restart();
  CHECK_FALSE(f.seen.Has("close #1"));
  f.Pass(minutes(30));
  CHECK(f.seen.Has("close #1"));
  CHECK(f.set->SavePositions().streams.empty());
}

TEST_CASE("no more positions are kept than memory allows") {
  Parking f;
  Positions saved;
  for (StreamId id = 1; id <= ParkedStreams::kMost + 2; ++id) {
    StreamPosition& position = saved.streams.emplace_back();
    position.id = id;
    position.path = f.dir / "gone/" + std::to_string(id);
    position.place = position.path;
    position.file = {1, id};
    position.directory = {1, 1};
    position.unseen_seconds = id == 7 || id == 9 ? 100 : 0;
  }
  SourceSet set({{.path = f.log}}, f.seen, saved, {.clock = f.clock});
  set.Step(std::chrono::milliseconds(0));
  CHECK(set.SavePositions().streams.size() == ParkedStreams::kMost + 1);  // and the log's own
  CHECK(f.seen.Has("close #7"));
  CHECK(f.seen.Has("close #9"));
}

TEST_CASE("a file that gives less than its size says has caught up") {
  Parking f;
  std::string special;
  for (const char* path : {"/sys/kernel/mm/transparent_hugepage/enabled", "/sys/power/state",
                           "/sys/kernel/uevent_seqnum", "/sys/devices/system/cpu/online"}) {
    if (special.empty() && ::access(path, R_OK) == 0) special = path;
  }
  if (special.empty()) return;
  std::filesystem::create_symlink(special, f.logs + "/vm0.log");
  f.Start(f.logs + "/*.log");
  CHECK(f.set->caught_up());
  f.Restart();
  CHECK(f.set->caught_up());
}

TEST_CASE("a log that is truncated before it is read has caught up") {
  Parking f;
  f.Follow(f.logs + "/*.log");
  CHECK_FALSE(f.set->caught_up());
  CatchUp begin = f.set->catch_up();
  CHECK(begin.read_bytes == 0);
  CHECK(begin.total_bytes == 8);
  REQUIRE(::truncate(f.log.c_str(), 0) == 0);
  f.Settle();
  CHECK(f.set->caught_up());
  CHECK(f.set->catch_up().read_bytes == 8);
}

}  // namespace
}  // namespace qte::source
