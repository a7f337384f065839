// More files than descriptors.
#include <sys/resource.h>

#include "source/following.h"

namespace qte::source {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class Few : public Following {
 public:
  void Write(int files, const std::string& text) {
    for (int i = 0; i < files; ++i) Append(Path(i), text);
  }
  void Start(size_t max_open, Positions saved = {}) {
    set = std::make_unique<SourceSet>(std::vector<SourceSpec>{{.path = dir / "*.log"}}, seen, std::move(saved),
                                      FollowOptions{.clock = clock, .max_open = max_open});
    Settle();
  }
  // Long enough for every file to have its turn.
  void TakeTurns(int turns) {
    for (int i = 0; i < turns; ++i) Pass(milliseconds(250));
  }
  std::string Path(int file) const { return dir / ("vm" + std::to_string(1000 + file) + ".log"); }
  std::map<StreamId, std::string> Bytes(int files, const std::string& text) const {
    std::map<StreamId, std::string> bytes;
    for (int i = 0; i < files; ++i) bytes[static_cast<StreamId>(i + 1)] = text;
    return bytes;
  }
};

TEST_CASE("descriptors: quiet logs take turns, and each is read once") {
  Few f;
  size_t before = f.OpenDescriptors();
  f.Write(100, "one\n");
  f.Start(20);
  CHECK_FALSE(f.set->caught_up());
  CHECK(f.OpenDescriptors() <= before + 20);
  f.TakeTurns(20);
  CHECK(f.seen.bytes_of == f.Bytes(100, "one\n"));
  CHECK(f.set->caught_up());
  std::vector<std::string> warnings = f.set->TakeWarnings();
  REQUIRE(warnings.size() == 1);
  CHECK_THAT(warnings[0], ContainsSubstring("100 logs") && ContainsSubstring("only 12") &&
                              ContainsSubstring("LimitNOFILE=") && ContainsSubstring("ulimit -n"));
  size_t down = 0;
  for (const StreamStatus& status : f.set->Streams()) {
    down += !status.up && status.takes_turns && !status.error.empty() ? 1 : 0;
  }
  CHECK(down == 88);
  CHECK(f.set->Streams().size() == 100);

  // At rest nothing is opened and closed.
  uint64_t opened = f.set->Totals().opened;
  f.TakeTurns(20);
  CHECK(f.set->Totals().opened == opened);

  for (const char* line : {"two\n", "three\n"}) {
    f.Write(100, line);
    f.TakeTurns(25);
  }
  CHECK(f.seen.bytes_of == f.Bytes(100, "one\ntwo\nthree\n"));
  CHECK(f.OpenDescriptors() <= before + 20);
  CHECK(f.set->TakeWarnings().empty());
}

TEST_CASE("descriptors: busy logs do not keep theirs for ever") {
  Few f;
  f.Write(6, "x");
  f.Start(10);  // two logs
  for (int i = 0; i < 200; ++i) {
    f.Write(6, "x");
    f.TakeTurns(1);
  }
  f.TakeTurns(20);
  CHECK(f.seen.bytes_of == f.Bytes(6, std::string(201, 'x')));
}

TEST_CASE("descriptors: rotations of logs that wait are read in order") {
  Few f;
  f.Write(10, "one\n");
  f.Start(10);
  f.TakeTurns(20);
  for (int i = 0; i < 10; ++i) {
    f.Append(f.Path(i), "two\n");
    f.Rename(f.Path(i), f.Path(i) + ".1");
    f.Append(f.Path(i), "three\n");
  }
  f.TakeTurns(60);
  f.Pass(seconds(6));
  f.TakeTurns(60);
  std::map<std::string, std::string> by_path;
  for (const auto& [id, bytes] : f.seen.bytes_of) by_path[f.seen.paths[id]] += bytes;
  for (int i = 0; i < 10; ++i) CHECK(by_path[f.Path(i)] == "one\ntwo\nthree\n");
  CHECK(f.set->Totals().rotations == 10);
  CHECK(f.set->Totals().lost_bytes == 0);
}

TEST_CASE("descriptors: a restart with fewer of them loses nothing and doubles nothing") {
  Few f;
  f.Write(30, "one\n");
  f.Start(1000);
  Positions saved = f.set->SavePositions();
  f.set.reset();
  f.Write(30, "two\n");
  f.Start(12, saved);
  f.TakeTurns(20);
  CHECK(f.seen.bytes_of == f.Bytes(30, "one\ntwo\n"));
  CHECK(f.set->caught_up());
  f.Write(30, "three\n");
  f.set->Drain();
  CHECK(f.seen.bytes_of == f.Bytes(30, "one\ntwo\nthree\n"));
}

#if !defined(__SANITIZE_ADDRESS__)
TEST_CASE("descriptors: the kernel refuses more") {
  Few f;
  f.Write(20, "one\n");
  rlimit limit;
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &limit) == 0);
  rlim_t lowest_free = static_cast<rlim_t>(UniqueFd(::dup(0)).get());
  rlimit few{.rlim_cur = lowest_free + 10, .rlim_max = limit.rlim_max};
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &few) == 0);
  f.Start(1000);
  f.TakeTurns(80);
  std::string all = f.seen.All();
  size_t warnings = f.set->TakeWarnings().size();
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &limit) == 0);
  CHECK(f.seen.bytes_of == f.Bytes(20, "one\n"));
  CHECK(warnings == 1);
}
#endif

}  // namespace
}  // namespace qte::source
