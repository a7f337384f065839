// A later SourceSet that continues from saved positions: what happened to the files in between.
#include "source/following.h"

namespace qte::source {
namespace {

class Resuming : public Following {
 public:
  // Follows anew, from what was saved; what was heard before is forgotten.
  void Resume(const std::vector<SourceSpec>& next, Positions saved) {
    seen = Recorder();
    set = std::make_unique<SourceSet>(next, seen, std::move(saved), FollowOptions{.clock = clock});
    Settle();
  }
  // Saves, and forgets the SourceSet as kill -9 would.
  Positions Kill() {
    Positions saved = set->SavePositions();
    set.reset();
    return saved;
  }
  // Reads what is there, and is killed.
  Positions FirstLife() {
    Follow(specs);
    Settle();
    return Kill();
  }
  void Truncate(const std::string& path) { REQUIRE(::truncate(path.c_str(), 0) == 0); }

  std::string log = dir / "vm.log";
  std::vector<SourceSpec> specs{{.path = log}};
};

TEST_CASE("resume: a file goes on at its offset, as the stream that it was") {
  Resuming f;
  f.Append(f.log, "one\ntw");
  Positions saved = f.FirstLife();
  f.Append(f.log, "o\nthree\n");
  f.Resume(f.specs, saved);
  CHECK(f.seen.All() == "o\nthree\n");
  CHECK(f.seen.log == std::vector<std::string>{"open #1"});
}

TEST_CASE("resume: a file that was rotated away is read first, then its successor") {
  Resuming f;
  f.Append(f.log, "one\n");
  Positions saved = f.FirstLife();
  f.Append(f.log, "two\n");
  f.Rename(f.log, f.log + ".1");
  f.Append(f.log, "three\n");
  f.Resume(f.specs, saved);
  CHECK(f.seen.bytes_of == std::map<StreamId, std::string>{{1, "two\n"}, {2, "three\n"}});
  CHECK(f.seen.order == std::vector<StreamId>{1, 2});
  CHECK(f.seen.paths[1] == f.log);
  CHECK(f.seen.predecessors == std::map<StreamId, StreamId>{{2, 1}});
  CHECK(f.set->Totals().rotations == 1);
}

TEST_CASE("resume: a rotation that was counted is not counted again") {
  Resuming f;
  f.Append(f.log, "one\n");
  f.Follow(f.specs);
  f.Settle();
  f.Rename(f.log, f.log + ".1");
  f.Append(f.log, "two\n");
  f.Settle();
  REQUIRE(f.set->Totals().rotations == 1);
  Positions saved = f.Kill();
  f.Append(f.log + ".1", "late\n");
  f.Append(f.log, "three\n");
  f.Resume(f.specs, saved);
  CHECK(f.seen.All() == "late\nthree\n");
  CHECK(f.set->Totals().rotations == 0);
  CHECK(f.seen.predecessors.empty());  // it was told in the first life
  f.Pass(std::chrono::seconds(6));
  f.Remove(f.log + ".1");
  f.Pass(std::chrono::seconds(61));
  CHECK(f.seen.Has("close #1"));
}

TEST_CASE("resume: files that came and were rotated away while nobody looked are read") {
  Resuming f;
  f.Append(f.log, "one\n");
  Positions saved = f.FirstLife();
  for (int i = 20; i > 0; --i) {
    f.Rename(f.log, f.log + "." + std::to_string(i));
    f.Append(f.log, "file " + std::to_string(i) + "\n");
  }
  f.Resume(f.specs, saved);
  CHECK(f.seen.bytes_of.size() == 20);
  CHECK(f.set->Totals().rotations == 20);
}

TEST_CASE("resume: files in the middle of rotations are known where a glob matches rotated names") {
  Resuming f;
  f.specs = {{.path = f.dir / "vm*.log*"}};
  auto check = [&f](const std::vector<std::string>& ends) {
    f.Append(f.log, "one\n");
    f.Append(f.dir / "vm2.log", "other\n");
    Positions saved = f.FirstLife();
    f.NextTick();
    f.Rename(f.log, f.log + ends[0]);
    f.Append(f.log, "two\n");
    f.NextTick();
    f.Rename(f.log, f.log + ends[1]);
    f.Append(f.log, "three\n");
    f.Append(f.dir / "vm2.log.old", "new\n");  // does not have a name that logrotate gives
    f.Resume(f.specs, saved);
  };
  SECTION("numbers") { check({".2", ".1"}); }
  SECTION("dates") { check({"-20261128", "-20261129"}); }
  REQUIRE(f.seen.bytes_of.size() == 3);
  CHECK(f.seen.bytes_of[3] == "two\n");
  CHECK(f.seen.paths[3] == f.log);
  CHECK(f.seen.predecessors[3] == 1);
  CHECK(f.seen.order.front() == 3);
  std::map<std::string, StreamId> by_bytes;
  for (const auto& [id, bytes] : f.seen.bytes_of) by_bytes[bytes] = id;
  CHECK(f.seen.predecessors[by_bytes["three\n"]] == 3);
  CHECK(f.seen.paths[by_bytes["new\n"]] == f.dir / "vm2.log.old");
  CHECK(f.set->Totals().rotations == 2);
}

TEST_CASE("resume: a file that was there for minutes and then rotated is told from older ones") {
  Resuming f;
  f.Append(f.log, "one\n");
  f.Follow(f.specs);
  f.Settle();
  f.Rename(f.log, f.log + ".1");
  f.Append(f.log, "two\n");
  f.Settle();
  f.Pass(std::chrono::seconds(30));
  f.Pass(std::chrono::seconds(30));  // parked by now
  Positions saved = f.Kill();
  f.Rename(f.log + ".1", f.log + ".2");
  f.Rename(f.log, f.log + ".1");
  f.Append(f.log, "three\n");
  f.Resume(f.specs, saved);
  CHECK(f.seen.All() == "three\n");
}

TEST_CASE("resume: rotated logs from before the daemon are left alone") {
  Resuming f;
  f.Append(f.log + ".1", "old\n");
  f.Append(f.log + ".2.gz", "old\n");
  f.NextTick();
  Positions saved = f.FirstLife();
  f.Append(f.log, "new\n");
  f.Resume(f.specs, saved);
  CHECK(f.seen.All() == "new\n");
}

TEST_CASE("resume: a log that came and was rotated before the first look at it is read") {
  Resuming f;
  Positions saved = f.FirstLife();
  f.Append(f.log, "one\n");
  f.Rename(f.log, f.log + ".1");
  f.Append(f.log, "two\n");
  f.Resume(f.specs, saved);
  CHECK(f.seen.All() == "one\ntwo\n");
}

TEST_CASE("resume: a truncated file starts over") {
  Resuming f;
  f.Append(f.log, "one\ntw");
  Positions saved = f.FirstLife();
  f.Truncate(f.log);
  SECTION("shorter") {
    f.Append(f.log, "x\n");
  }
  SECTION("of the same size") {
    f.Append(f.log, "2ne\n2w");
  }
  SECTION("longer") {
    f.Append(f.log, "two\nthree\nfour\n");
  }
  std::string now = f.TextOf(f.log);
  f.Resume(f.specs, saved);
  CHECK(f.seen.All() == now);
  CHECK(f.seen.log == std::vector<std::string>{"open #1", "truncated #1"});
  CHECK(f.set->Totals().truncations == 1);
}

TEST_CASE("resume: deleted and made anew, under an inode that may be the same") {
  Resuming f;
  f.Append(f.log, "one\n");
  Positions saved = f.FirstLife();
  f.Remove(f.log);
  f.NextTick();
  f.Append(f.log, "one\ntwo\n");
  f.Resume(f.specs, saved);
  CHECK(f.seen.All() == "one\ntwo\n");
  CHECK(f.seen.log == std::vector<std::string>{"open #2", "close #1"});
  CHECK(f.seen.predecessors == std::map<StreamId, StreamId>{{2, 1}});
  CHECK(f.set->Totals().rotations == 1);
}

TEST_CASE("resume: a file that is gone is closed, and what it still had is lost") {
  Resuming f;
  f.Append(f.log, "one\n");
  Positions saved = f.FirstLife();
  saved.streams.at(0).point.known_size += 100;
  f.Remove(f.log);
  f.Resume(f.specs, saved);
  CHECK(f.seen.log == std::vector<std::string>{"close #1"});
  CHECK(f.set->Totals().lost_bytes == 100);
  CHECK(f.set->Totals().rotations == 1);
  std::vector<std::string> warnings = f.set->TakeWarnings();
  REQUIRE(warnings.size() == 1);
  CHECK_THAT(warnings[0], ContainsSubstring(f.log + ": ") && ContainsSubstring("100 bytes"));
  CHECK(f.set->TakeWarnings().empty());
}

TEST_CASE("resume: a directory that is not there yet is waited for") {
  Resuming f;
  std::string directory = f.dir / "mount";
  f.MakeDirectory(directory);
  f.Append(directory + "/vm.log", "one\n");
  f.specs = {{.path = directory + "/vm.log"}};
  Positions saved = f.FirstLife();
  f.Rename(directory, f.dir / "unmounted");
  f.Resume(f.specs, saved);
  CHECK(f.seen.log.empty());
  SECTION("and found in a second life") {
    f.Resume(f.specs, f.Kill());
  }
  f.Rename(f.dir / "unmounted", directory);
  f.Append(directory + "/vm.log", "two\n");
  f.Pass(std::chrono::seconds(10));
  CHECK(f.seen.All() == "two\n");
}

TEST_CASE("resume: what came and was rotated while it was not followed, or its directory was away, is read") {
  Resuming f;
  std::string logs = f.dir / "logs";
  f.MakeDirectory(logs);
  f.Append(logs + "/vm1.log", "one\n");
  f.specs = {{.path = logs + "/*.log"}};
  Positions saved = f.FirstLife();
  f.NextTick();
  auto come_and_go = [&] {
    f.Append(logs + "/vm2.log", "two\n");
    f.Rename(logs + "/vm2.log", logs + "/vm2.log.1");
    f.Append(logs + "/vm2.log", "three\n");
  };
  SECTION("a typo in the sources") {
    f.specs = {{.path = f.dir / "lgos/*.log"}};
    f.MakeDirectory(f.dir / "lgos");
    f.Resume(f.specs, saved);
    come_and_go();
    f.Pass(std::chrono::seconds(10));
    saved = f.Kill();
    f.specs = {{.path = logs + "/*.log"}};
    f.Resume(f.specs, saved);
  }
  SECTION("an empty directory in its place, over a restart") {
    f.Rename(logs, f.dir / "away");
    f.MakeDirectory(logs);
    f.Resume(f.specs, saved);
    f.Pass(std::chrono::seconds(10));
    saved = f.Kill();
    f.Remove(logs);
    f.Rename(f.dir / "away", logs);
    come_and_go();
    f.Resume(f.specs, saved);
  }
  SECTION("a plain path, whose directory is away") {
    f.specs = {{.path = logs + "/vm2.log"}};
    f.Resume(f.specs, {});
    saved = f.Kill();
    f.Rename(logs, f.dir / "away");
    f.Resume(f.specs, saved);
    f.Pass(std::chrono::seconds(10));
    saved = f.Kill();
    f.Rename(f.dir / "away", logs);
    come_and_go();
    f.Resume(f.specs, saved);
    f.Pass(std::chrono::seconds(10));
  }
  CHECK(f.seen.All() == "two\nthree\n");
}

TEST_CASE("resume: the link was switched while nobody looked") {
  Resuming f;
  std::filesystem::create_symlink(f.dir / "a.txt", f.log);
  f.Append(f.dir / "a.txt", "one\n");
  Positions saved = f.FirstLife();
  f.Append(f.dir / "a.txt", "two\n");
  f.Append(f.dir / "b.txt", "three\n");
  std::filesystem::create_symlink(f.dir / "b.txt", f.dir / "new");
  f.Rename(f.dir / "new", f.log);
  f.Resume(f.specs, saved);
  CHECK(f.seen.All() == "two\nthree\n");
}

TEST_CASE("resume: start at the end skips only what was there before the first life") {
  Resuming f;
  f.specs[0] = {.path = f.dir / "*.log", .start_at_end = true};
  f.Append(f.log, "old\n");
  Positions saved = f.FirstLife();
  f.Append(f.log, "one\n");
  f.Append(f.dir / "new.log", "two\n");
  f.Resume(f.specs, saved);
  CHECK(f.seen.bytes_of == std::map<StreamId, std::string>{{1, "one\n"}, {2, "two\n"}});
}

TEST_CASE("resume: a file under a glob that was renamed keeps the path that it came with") {
  Resuming f;
  f.specs = {{.path = f.log + "*"}};
  f.Append(f.log, "one\n");
  Positions saved = f.FirstLife();
  f.Append(f.log, "two\n");
  f.Rename(f.log, f.log + ".1");
  f.Append(f.log, "three\n");
  f.Resume(f.specs, saved);
  CHECK(f.seen.bytes_of == std::map<StreamId, std::string>{{1, "two\n"}, {2, "three\n"}});
  CHECK(f.seen.order == std::vector<StreamId>{1, 2});
  CHECK(f.seen.paths[1] == f.log);
  CHECK(f.seen.predecessors == std::map<StreamId, StreamId>{{2, 1}});
  CHECK(f.set->Totals().rotations == 1);
}

TEST_CASE("resume: a source that left the config is not heard of") {
  Resuming f;
  f.Append(f.log, "one\n");
  Positions saved = f.FirstLife();
  f.Resume({{.path = f.dir / "other.log"}}, saved);
  CHECK(f.seen.log.empty());
}

}  // namespace
}  // namespace qte::source
