#include "source/discovery.h"

#include <sys/resource.h>

#include "source/following.h"

namespace qte::source {
namespace {

using std::chrono::milliseconds;

TEST_CASE("paths are made absolute and simple") {
  std::string here = std::filesystem::current_path().string();
  CHECK(PathPattern("vm.log").text() == here + "/vm.log");
  CHECK(PathPattern("./logs//vm.log").text() == here + "/logs/vm.log");
  CHECK(PathPattern("/a/../b/*.log").text() == "/a/../b/*.log");
  CHECK(PathPattern("/").text() == "/");
}

TEST_CASE("what a pattern matches") {
  struct Case {
    const char* pattern;
    const char* path;
    bool want;
  };
  const Case kCases[] = {
      {"/log/*.log", "/log/vm.log", true},
      {"/log/*.log", "/log/a/vm.log", false},
      {"/log/*.log", "/log/.vm.log", false},
      {"/log/*/qemu?.log", "/log/a/qemu1.log", true},
      {"/log/*/qemu?.log", "/log/a/qemu.log", false},
      {"/log/vm[0-3].log", "/log/vm2.log", true},
      {"/log/vm[0-3].log", "/log/vm4.log", false},
      {"/log/vm.log", "/log/vm.log", true},
      {"/log/vm.log", "/log/vm.log.1", false},
      {"/log/a[*]", "/log/a*", true},
      {"/log/a\\b", "/log/a\\b", true},
  };
  for (const Case& c : kCases) {
    INFO(c.pattern << " " << c.path);
    CHECK(PathPattern(c.pattern).Matches(c.path) == c.want);
  }
}

TEST_CASE("what an exclusion matches") {
  struct Case {
    const char* glob;
    const char* path;
    bool want;
  };
  const Case kCases[] = {
      {"*.gz", "/log/vm.log.gz", true},   {"*.gz", "/log/vm.log", false},      {"*.gz", "/a.gz/vm.log", false},
      {"vm.log", "/log/vm.log", true},    {"/log/*.1", "/log/vm.log.1", true}, {"/log/*.1", "/old/vm.log.1", false},
      {"/log/*", "/log/a/vm.log", false}, {"*", "/log/vm.log", true},
  };
  for (const Case& c : kCases) {
    INFO(c.glob << " " << c.path);
    CHECK(Exclusion(c.glob).Matches(c.path) == c.want);
  }
}

TEST_CASE("excluded files are not followed") {
  Following f;
  f.Append(f.dir / "a.log", "one ");
  f.Append(f.dir / "b.log", "two ");
  f.Append(f.dir / "a.log.gz", "three ");
  f.Follow(
      std::vector<SourceSpec>{{.path = f.dir / "*", .exclude = {"*.gz", f.dir / "b*"}}, {.path = f.dir / "b.log"}});
  f.Settle();
  CHECK(f.seen.All() == "one two ");
  CHECK(f.seen.sources[1] == 0);
  CHECK(f.seen.sources[2] == 1);
  f.Append(f.dir / "c.log.gz", "four ");
  f.Append(f.dir / "c.log", "five ");
  f.Pass(std::chrono::seconds(1));
  CHECK(f.seen.All() == "one two five ");
}

TEST_CASE("a rotated file whose new name is excluded is read to its end and then left") {
  Following f;
  f.Append(f.dir / "vm.log", "one ");
  f.Follow(std::vector<SourceSpec>{{.path = f.dir / "vm.log*", .exclude = {"*.1"}}});
  f.Settle();
  f.Rename(f.dir / "vm.log", f.dir / "vm.log.1");
  f.Append(f.dir / "vm.log.1", "two ");
  f.Append(f.dir / "vm.log", "three ");
  f.Pass(std::chrono::seconds(1));
  CHECK(f.seen.bytes_of[1] == "one two ");
  CHECK(f.seen.bytes_of[2] == "three ");
  f.Pass(std::chrono::seconds(10));
  f.Pass(std::chrono::seconds(10));
  CHECK(f.set->Streams().size() == 1);
  CHECK(f.seen.paths.size() == 2);
}

TEST_CASE("a file that a reload excludes is parked, one that it includes is opened") {
  Following f;
  f.Append(f.dir / "a.log", "one ");
  f.Append(f.dir / "b.log", "two ");
  f.Follow(std::vector<SourceSpec>{{.path = f.dir / "*.log", .exclude = {"b.log"}}});
  f.Settle();
  CHECK(f.seen.All() == "one ");
  f.set->Reconfigure({{.path = f.dir / "*.log", .exclude = {"a.log"}}});
  f.Settle();
  f.Append(f.dir / "a.log", "three ");
  f.Pass(std::chrono::seconds(1));
  CHECK(f.seen.All() == "one two ");
  CHECK(f.set->Streams().size() == 1);
  f.set->Reconfigure({{.path = f.dir / "*.log"}});
  f.Settle();
  CHECK(f.seen.bytes_of == std::map<StreamId, std::string>{{1, "one three "}, {2, "two "}});
}

TEST_CASE("directories on the way are asked for their own fate only") {
  TempDir dir;
  std::filesystem::create_directories(dir / "a/b");
  Expansion expansion;
  PathPattern(dir / "a/b/vm.log").Expand(expansion);
  CHECK(expansion.paths == std::vector<std::string>{dir / "a/b/vm.log"});
  CHECK(expansion.directories[dir / "a/b"].names == std::vector<std::string>{"vm.log"});
  CHECK(expansion.directories[dir / "a"].names.empty());
  CHECK(expansion.directories["/"].names.empty());
}

TEST_CASE("globs match in directory components, too") {
  Following f;
  f.MakeDirectory(f.dir / "a");
  f.MakeDirectory(f.dir / "b");
  f.Append(f.dir / "a/qemu1.log", "one ");
  f.Append(f.dir / "b/qemu2.log", "two ");
  f.Append(f.dir / "b/other.log", "no ");
  f.Follow(f.dir / "*/qemu[0-9].log");
  f.Settle();
  CHECK(f.seen.All() == "one two ");
}

TEST_CASE("files that appear later") {
  Following f;
  f.Follow(std::vector<SourceSpec>{{.path = f.dir / "vm.log"}, {.path = f.dir / "x*.log"}});
  f.Settle();
  StreamStatus missing = f.StatusOf(f.dir / "vm.log");
  CHECK_FALSE(missing.up);
  CHECK_THAT(missing.error, ContainsSubstring("No such file"));
  f.Append(f.dir / "vm.log", "one ");
  f.Append(f.dir / "x1.log", "two ");
  f.Settle();
  CHECK(f.seen.All() == "one two ");
  CHECK(f.seen.sources == std::map<StreamId, size_t>{{1, 0}, {2, 1}});
  CHECK(f.StatusOf(f.dir / "vm.log").up);
}

TEST_CASE("directories that appear later") {
  Following f;
  f.Follow(std::vector<SourceSpec>{{.path = f.dir / "a/b/c/vm.log"}, {.path = f.dir / "d/*/vm*.log"}});
  f.Settle();
  f.MakeDirectory(f.dir / "a/b");
  f.Settle();
  f.MakeDirectory(f.dir / "a/b/c");
  f.Settle();
  f.Append(f.dir / "a/b/c/vm.log", "one ");
  f.Settle();
  CHECK(f.seen.All() == "one ");
  f.MakeDirectory(f.dir / "d/e");
  f.Append(f.dir / "d/e/vm1.log", "two ");
  f.Settle();
  f.MakeDirectory(f.dir / "d/f");
  f.Settle();
  f.Append(f.dir / "d/f/vm2.log", "three ");
  f.Settle();
  CHECK(f.seen.All() == "one two three ");
}

TEST_CASE("a directory on the way is replaced") {
  Following f;
  f.MakeDirectory(f.dir / "a/b");
  f.Append(f.dir / "a/b/vm.log", "one ");
  f.Follow(f.dir / "a/b/vm.log");
  f.Settle();
  f.Rename(f.dir / "a", f.dir / "old");
  f.MakeDirectory(f.dir / "a/b");
  f.Append(f.dir / "a/b/vm.log", "two ");
  f.Settle();
  CHECK(f.seen.All() == "one two ");
}

TEST_CASE("a file that two specs match is followed once") {
  Following f;
  f.Append(f.dir / "vm.log", "one ");
  std::filesystem::create_hard_link(f.dir / "vm.log", f.dir / "vm2.log");
  f.Follow(std::vector<SourceSpec>{{.path = f.dir / "vm.log"}, {.path = f.dir / "*.log"}, {.path = f.dir / "vm*"}});
  f.Settle();
  CHECK(f.seen.All() == "one ");
  CHECK(f.seen.sources[1] == 0);
  CHECK(f.set->Streams().size() == 1);
}

TEST_CASE("directories that match are ignored") {
  Following f;
  f.MakeDirectory(f.dir / "dir.log");
  f.Append(f.dir / "vm.log", "one ");
  f.Follow(std::vector<SourceSpec>{{.path = f.dir / "*.log"}, {.path = f.dir.path()}});
  f.Settle();
  CHECK(f.seen.All() == "one ");
  CHECK(f.set->Streams().size() == 2);
  CHECK_THAT(f.StatusOf(f.dir.path()).error, ContainsSubstring("is a directory"));
}

TEST_CASE("two ways to one directory") {
  Following f;
  f.MakeDirectory(f.dir / "real");
  std::filesystem::create_directory_symlink("real", f.dir / "link");
  f.Follow(std::vector<SourceSpec>{{.path = f.dir / "real/a.log"}, {.path = f.dir / "link/b.log"}});
  f.Settle();
  f.Append(f.dir / "real/a.log", "one ");
  f.Settle();
  f.Append(f.dir / "real/b.log", "two ");
  f.Settle();
  CHECK(f.seen.All() == "one two ");
}

TEST_CASE("reconfigured: what still matches goes on, the rest is parked") {
  Following f;
  f.Append(f.dir / "a.log", "a1 ");
  f.Append(f.dir / "b.log", "b1 ");
  f.Append(f.dir / "c.log", "old ");
  f.Follow(std::vector<SourceSpec>{{.path = f.dir / "a.log"}, {.path = f.dir / "b.log"}});
  f.Settle();
  f.Append(f.dir / "b.log", "b2 ");
  f.set->Reconfigure({{.path = f.dir / "[bc].log"}, {.path = f.dir / "c.log", .start_at_end = true}});
  f.Append(f.dir / "a.log", "a2 ");
  f.Append(f.dir / "b.log", "b3 ");
  f.Settle();
  CHECK(f.seen.bytes_of[1] == "a1 ");
  CHECK(f.seen.bytes_of[2] == "b1 b2 b3 ");
  CHECK(f.seen.bytes_of[3] == "old ");  // the first spec that matches decides
  CHECK(f.seen.log == std::vector<std::string>{"open #1", "open #2", "open #3"});
  CHECK(f.StatusOf(f.dir / "b.log").source == 0);
}

// Without descriptors there is no inotify, and no file can be opened at first. UBSan's check of virtual calls needs a
// pipe itself, and takes its lack for a bad object.
#if !defined(__SANITIZE_ADDRESS__)
TEST_CASE("without inotify everything is found by looking") {
  Following f;
  f.Append(f.dir / "vm.log", "one ");
  rlimit limit;
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &limit) == 0);
  rlim_t lowest_free = static_cast<rlim_t>(UniqueFd(::dup(0)).get());
  rlimit none{.rlim_cur = lowest_free + 1, .rlim_max = limit.rlim_max};  // one, for waking
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &none) == 0);
  f.Follow(f.dir / "vm.log");
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &limit) == 0);
  CHECK_THAT(f.StatusOf(f.dir / "vm.log").error, ContainsSubstring("Too many open files"));

  f.Pass(milliseconds(1100));
  CHECK(f.seen.All() == "one ");
  f.Pass(milliseconds(1100));
  f.Append(f.dir / "vm.log", "two ");
  f.Pass(milliseconds(60));
  CHECK(f.seen.All() == "one two ");
  f.Rename(f.dir / "vm.log", f.dir / "old");
  f.Append(f.dir / "vm.log", "three ");
  f.Pass(milliseconds(1100));
  CHECK(f.seen.All() == "one two three ");
}
#endif

}  // namespace
}  // namespace qte::source
