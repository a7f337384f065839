// Files that are closed for a while and found again: nothing counts twice, and nothing is lost.
#include "source/parking.h"
#include "source/stream_table.h"

namespace qte::source {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

TEST_CASE("parking: a directory that is moved away and back") {
  struct Case {
    const char* name;
    void (*meanwhile)(Parking&);
    Bytes want;
    uint64_t rotations;
  };
  const Case kCases[] = {
      {"nothing happened", [](Parking&) {}, {{1, "one\n"}, {2, "two\n"}}, 0},
      {"a log grew",
       [](Parking& f) { f.Append(f.away + "/vm1.log", "more\n"); },
       {{1, "one\nmore\n"}, {2, "two\n"}},
       0},
      {"a log was rotated",
       [](Parking& f) {
         f.Append(f.away + "/vm1.log", "more\n");
         f.Rename(f.away + "/vm1.log", f.away + "/vm1.log.1");
         f.Append(f.away + "/vm1.log", "new\n");
       },
       {{1, "one\nmore\n"}, {2, "two\n"}, {3, "new\n"}},
       1},
      {"a log was rotated twice",
       [](Parking& f) {
         f.Rename(f.away + "/vm1.log", f.away + "/vm1.log.2");
         f.Append(f.away + "/vm1.log.1", "middle\n");
         f.Append(f.away + "/vm1.log", "new\n");
       },
       {{1, "one\n"}, {2, "two\n"}, {3, "middle\n"}, {4, "new\n"}},
       2},
      {"a log was truncated",
       [](Parking& f) {
         REQUIRE(::truncate((f.away + "/vm1.log").c_str(), 0) == 0);
         f.Append(f.away + "/vm1.log", "1\n");
       },
       {{1, "one\n1\n"}, {2, "two\n"}},
       0},
      {"a log was replaced",
       [](Parking& f) {
         f.Append(f.away + "/new", "another file\n");
         f.Rename(f.away + "/new", f.away + "/vm1.log");
       },
       {{1, "one\n"}, {2, "two\n"}, {3, "another file\n"}},
       1},
  };
  for (const Case& c : kCases) {
    for (int kind = 0; kind < 4; ++kind) {
      INFO(c.name << ", kind " << kind);
      Parking f;
      f.Start(f.logs + "/*.log");
      f.MoveAway();
      f.Settle();
      if (kind == 1) f.Pass(minutes(11));  // closed by then
      if (kind == 1) f.Pass(minutes(1));
      if (kind == 2) f.Restart();
      if (kind == 3) f.Restart();
      if (kind == 3) f.Pass(minutes(20));
      c.meanwhile(f);
      f.MoveBack();
      CHECK(f.seen.bytes_of == c.want);
      CHECK(f.rotations() == c.rotations);
      CHECK(f.set->Totals().lost_bytes == 0);
      CHECK(f.StatusOf(f.log).up);
      f.Append(f.log, "last\n");
      f.Pass(seconds(6));
      CHECK(f.seen.bytes_of.at(f.StatusOf(f.log).id).ends_with("last\n"));
    }
  }
}

TEST_CASE("parking: a parent of the directory is renamed and comes back") {
  Parking f;
  f.MakeDirectory(f.dir / "a/b/c");
  f.Append(f.dir / "a/b/c/vm.log", "one\n");
  f.Start(f.dir / "a/*/c/*.log");
  for (int i = 0; i < 3; ++i) {
    f.Rename(f.dir / "a", f.dir / "z");
    f.Pass(minutes(11));
    f.Pass(minutes(1));
    f.Append(f.dir / "z/b/c/vm.log", "more\n");
    f.Rename(f.dir / "z", f.dir / "a");
    f.Pass(seconds(6));
  }
  CHECK(f.seen.bytes_of == Bytes{{1, "one\nmore\nmore\nmore\n"}});
}

TEST_CASE("parking: more logs than are kept open while they drain") {
  Parking f;
  for (size_t i = 0; i < kMaxDraining + 44; ++i) f.Append(f.logs + "/x" + std::to_string(i) + ".log", "line\n");
  f.Start(f.logs + "/*.log");
  std::string before = f.seen.All();
  f.MoveAway();
  f.Pass(seconds(6));
  f.MoveBack();
  CHECK(f.seen.All() == before);
}

TEST_CASE("parking: the directory is there again after the start") {
  Parking f;
  f.Start(f.logs + "/*.log");
  SECTION("there was none") {
    f.MoveAway();
  }
  SECTION("there was an empty one, as before a mount") {
    f.MoveAway();
    f.MakeDirectory(f.logs);
  }
  SECTION("there was one with other files of the same names") {
    f.MoveAway();
    f.MakeDirectory(f.logs);
    f.Append(f.log, "another\n");
  }
  f.Restart();
  f.Pass(seconds(30));
  bool has_other = std::filesystem::exists(f.log);
  CHECK(f.seen.All() == (has_other ? "one\ntwo\nanother\n" : "one\ntwo\n"));
  if (!has_other) {
    StreamStatus status = f.StatusOf(f.log);
    CHECK_FALSE(status.up);
    CHECK_THAT(status.error, ContainsSubstring("directory"));
  }
  f.Append(f.away + "/vm2.log", "more\n");
  f.Remove(f.logs);
  f.MoveBack();
  CHECK(f.seen.bytes_of.at(1) == "one\n");
  CHECK(f.seen.bytes_of.at(2) == "two\nmore\n");
  CHECK(f.rotations() == 0);
  CHECK(f.set->TakeWarnings().empty());
}

TEST_CASE("parking: a directory that was deleted and made anew holds other files, whatever their inodes") {
  for (bool is_down : {false, true}) {
    Parking f;
    f.Start(f.logs + "/*.log");
    Positions saved = f.set->SavePositions();
    if (is_down) f.set.reset();
    f.Remove(f.logs);
    f.NextTick();  // an inode that comes again has another time of birth then
    f.MakeDirectory(f.logs);
    f.Append(f.log, "one\nafter\n");
    f.Append(f.logs + "/vm2.log", "two\nafter\n");
    if (is_down) f.set = std::make_unique<SourceSet>(f.specs, f.seen, saved, FollowOptions{.clock = f.clock});
    f.Pass(seconds(6));
    f.Pass(seconds(6));
    CHECK(f.seen.bytes_of == Bytes{{1, "one\n"}, {2, "two\n"}, {3, "one\nafter\n"}, {4, "two\nafter\n"}});
  }
}

TEST_CASE("parking: a source leaves the config and comes back") {
  Parking f;
  f.Start(f.logs + "/*.log");
  auto reload = [&f](const std::string& pattern) { f.Reload({{.path = pattern}}); };
  reload(f.dir / "typo/*.log");
  CHECK(f.seen.log == std::vector<std::string>{"open #1", "open #2"});
  SECTION("nothing happened") {
    reload(f.logs + "/*.log");
    CHECK(f.seen.bytes_of == Bytes{{1, "one\n"}, {2, "two\n"}});
    CHECK(f.seen.log == std::vector<std::string>{"open #1", "open #2", "open #1", "open #2"});
  }
  SECTION("a rotation in between") {
    f.Append(f.log, "more\n");
    f.Rename(f.log, f.log + ".2");
    f.Append(f.log, "middle\n");
    f.Rename(f.log, f.log + ".1");
    f.Append(f.log, "new\n");
    f.Pass(minutes(1));
    reload(f.logs + "/*.log");
    CHECK(f.seen.bytes_of == Bytes{{1, "one\nmore\n"}, {2, "two\n"}, {3, "middle\n"}, {4, "new\n"}});
    CHECK(f.seen.predecessors == std::map<StreamId, StreamId>{{3, 1}, {4, 3}});
    CHECK(f.rotations() == 2);
  }
  SECTION("deleted in between") {
    f.Append(f.log, "unread\n");
    f.Remove(f.log);
    reload(f.logs + "/*.log");
    CHECK(f.seen.Has("close #1"));
    CHECK(f.rotations() == 1);
    CHECK(f.set->TakeWarnings().size() == 1);
  }
  SECTION("away and back under another name") {
    f.Rename(f.logs, f.dir / "renamed");
    reload(f.dir / "renamed/*.log");
    CHECK(f.seen.bytes_of == Bytes{{1, "one\n"}, {2, "two\n"}});
    CHECK(f.seen.paths[1] == f.dir / "renamed/vm1.log");
  }
  SECTION("a restart in between") {
    f.specs = {{.path = f.dir / "typo/*.log"}};
    f.Restart();
    f.specs = {{.path = f.logs + "/*.log"}};
    f.Append(f.log, "more\n");
    f.Restart();
    CHECK(f.seen.bytes_of == Bytes{{1, "one\nmore\n"}, {2, "two\n"}});
  }
}

TEST_CASE("parking: a pattern that comes to match the rotated files does not read them again") {
  Parking f;
  f.Start(f.logs + "/*.log");
  f.Rename(f.log, f.log + ".1");
  f.Append(f.log, "new\n");
  f.Pass(seconds(6));
  f.Pass(seconds(6));
  f.Reload({{.path = f.logs + "/*"}});
  CHECK(f.seen.bytes_of == Bytes{{1, "one\n"}, {2, "two\n"}, {3, "new\n"}});
  CHECK(f.StatusOf(f.log + ".1").id == 1);
}

TEST_CASE("parking: a rotated file that is moved back goes on") {
  Parking f;
  f.Start(f.log);
  f.Rename(f.log, f.log + ".1");
  f.Append(f.log, "new\n");
  f.Pass(seconds(6));
  f.Pass(seconds(6));
  f.Rename(f.log + ".1", f.log);
  f.Append(f.log, "more\n");
  f.Pass(seconds(6));
  CHECK(f.seen.bytes_of == Bytes{{1, "one\nmore\n"}, {2, "new\n"}});
}

TEST_CASE("parking: what was compressed while nobody looked is told as lost") {
  Parking f;
  f.Start(f.log);
  Positions saved = f.set->SavePositions();
  f.set.reset();
  f.Append(f.log, "unread\n");
  f.Remove(f.log);
  f.Append(f.log + ".1.gz", "compressed");
  f.Append(f.log, "new\n");
  saved.streams.at(0).point.known_size += 7;
  f.set = std::make_unique<SourceSet>(f.specs, f.seen, saved, FollowOptions{.clock = f.clock});
  f.Settle();
  CHECK(f.seen.bytes_of == Bytes{{1, "one\n"}, {2, "new\n"}});
  CHECK(f.seen.predecessors == std::map<StreamId, StreamId>{{2, 1}});
  CHECK(f.seen.log == std::vector<std::string>{"open #1", "open #2", "close #1"});
  CHECK(f.rotations() == 1);
  CHECK(f.set->Totals().lost_bytes == 7);
  std::vector<std::string> warnings = f.set->TakeWarnings();
  REQUIRE(warnings.size() == 1);
  CHECK_THAT(warnings[0], ContainsSubstring(f.log));
}

// As another user, since root may list any directory.
TEST_CASE("parking: a directory that may not be listed for a while") {
  if (::geteuid() != 0) return;
  Parking f;
  ::chmod(f.log.c_str(), 0644);
  auto as_user = [&](auto&& what) {
    REQUIRE(::seteuid(65534) == 0);
    what();
    REQUIRE(::seteuid(0) == 0);
  };
  as_user([&] { f.Start(f.logs + "/*.log"); });
  size_t streams = f.set->Streams().size();
  ::chmod(f.logs.c_str(), 0);
  as_user([&] {
    f.Pass(seconds(6));
    f.Pass(minutes(11));
  });
  REQUIRE(f.set->Streams().size() == streams + 1);
  StreamStatus problem = f.set->Streams().back();
  CHECK_FALSE(problem.up);
  CHECK(problem.error.starts_with("cannot list " + f.logs + ": Permission denied; let user 65534 "));
  f.Append(f.log, "more\n");
  as_user([&] { f.Pass(seconds(6)); });
  CHECK(f.seen.bytes_of[1] == "one\nmore\n");  // its descriptor serves on
  ::chmod(f.logs.c_str(), 0755);
  f.Append(f.logs + "/vm3.log", "three\n");
  as_user([&] { f.Pass(seconds(6)); });
  CHECK(f.seen.bytes_of == Bytes{{1, "one\nmore\n"}, {2, "two\n"}, {3, "three\n"}});
  CHECK(f.set->Streams().size() == 3);
  CHECK(f.rotations() == 0);
}

TEST_CASE("parking: the directory of a plain path may not be entered for a while") {
  if (::geteuid() != 0) return;
  Parking f;
  REQUIRE(::seteuid(65534) == 0);
  f.Start(f.log);
  REQUIRE(::seteuid(0) == 0);
  ::chmod(f.logs.c_str(), 0);
  f.Append(f.log, "more\n");
  REQUIRE(::seteuid(65534) == 0);
  f.Pass(seconds(6));
  f.Pass(minutes(11));
  StreamStatus status = f.StatusOf(f.log);
  Positions saved = f.set->SavePositions();
  f.set = std::make_unique<SourceSet>(f.specs, f.seen, saved, FollowOptions{.clock = f.clock});
  f.Settle();
  StreamStatus restarted = f.StatusOf(f.log);
  REQUIRE(::seteuid(0) == 0);
  CHECK(status.up);
  CHECK_FALSE(restarted.up);
  CHECK_THAT(restarted.error, ContainsSubstring("Permission denied"));
  ::chmod(f.logs.c_str(), 0755);
  f.Append(f.log, "last\n");
  f.Pass(seconds(6));
  CHECK(f.seen.bytes_of == Bytes{{1, "one\nmore\nlast\n"}});
  CHECK(f.set->TakeWarnings().empty());
}

TEST_CASE("a pattern in a directory that does not exist is a problem") {
  Following f;
  f.MakeDirectory(f.dir / "a");
  f.Follow(std::vector<SourceSpec>{{.path = f.dir / "none/*.log"}, {.path = f.dir / "*/logs/*.log"}});
  f.Settle();
  REQUIRE(f.set->Streams().size() == 1);
  CHECK(f.StatusOf(f.dir / "none/*.log").error ==
        "cannot list " + f.dir / "none" + ": No such file or directory; create it, or correct the path");
}

TEST_CASE("a link's target is written while the directory of the link is away") {
  for (bool is_empty : {false, true}) {
    for (int seconds_away : {1, 30, 1000}) {
      INFO(is_empty << " " << seconds_away);
      Following f;
      f.MakeDirectory(f.dir / "logs");
      f.MakeDirectory(f.dir / "elsewhere");
      f.Append(f.dir / "elsewhere/run", is_empty ? "" : "one\n");
      std::filesystem::create_symlink(f.dir / "elsewhere/run", f.dir / "logs/vm.log");
      f.Follow(f.dir / "logs/vm*.log");
      f.Settle();
      f.Append(f.dir / "elsewhere/run2", "");
      std::filesystem::create_symlink(f.dir / "elsewhere/run2", f.dir / "logs/new");
      f.Rename(f.dir / "logs/new", f.dir / "logs/vm.log");
      f.Settle();
      f.Rename(f.dir / "logs", f.dir / "away");
      f.MakeDirectory(f.dir / "logs");
      f.Settle();
      f.Append(f.dir / "elsewhere/run2", "two\n");
      f.Pass(seconds(seconds_away));
      f.Remove(f.dir / "logs");
      f.Rename(f.dir / "away", f.dir / "logs");
      f.Pass(seconds(6));
      f.Append(f.dir / "elsewhere/run2", "three\n");
      f.Pass(seconds(6));
      CHECK(f.seen.All() == (is_empty ? "two\nthree\n" : "one\ntwo\nthree\n"));
    }
  }
}

}  // namespace
}  // namespace qte::source
