#include <atomic>
#include <functional>
#include <string>
#include <thread>
#include <utility>

#include "source/following.h"
#include "source/rename_trail.h"
#include "source/stream_table.h"

namespace qte::source {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

TEST_CASE("rename and recreate: late lines to the old file come too") {
  Following f;
  std::string path = f.dir / "vm.log";
  f.Append(path, "one\n");
  f.Follow(path);
  f.Settle();
  UniqueFd old(::open(path.c_str(), O_WRONLY | O_APPEND));
  f.Rename(path, f.dir / "vm.log.1");
  f.WriteTo(old.get(), "late one\n");
  f.Append(path, "two\n");
  f.Settle();
  f.WriteTo(old.get(), "late two\n");
  f.Settle();
  CHECK(f.seen.bytes_of[1] == "one\nlate one\nlate two\n");
  CHECK(f.seen.bytes_of[2] == "two\n");
  CHECK(f.seen.paths[2] == path);
  CHECK(f.seen.order == std::vector<StreamId>{1, 2, 1});
  CHECK(f.StatusOf(path).id == 2);
  CHECK(f.set->Totals().rotations == 1);

  f.Pass(seconds(4));
  f.WriteTo(old.get(), "late three\n");
  f.Settle();
  f.Pass(seconds(4));
  CHECK_FALSE(f.seen.Has("close #1"));
  size_t open = f.OpenDescriptors();
  f.Pass(seconds(2));
  CHECK(f.OpenDescriptors() == open - 1);
  CHECK(f.seen.bytes_of[1] == "one\nlate one\nlate two\nlate three\n");

  // The file is known as long as it has a name.
  f.Pass(seconds(61));
  CHECK_FALSE(f.seen.Has("close #1"));
  f.Remove(f.dir / "vm.log.1");
  f.Pass(seconds(61));
  CHECK(f.seen.Has("close #1"));
  CHECK(f.set->Totals().rotations == 1);
  CHECK(f.set->TakeWarnings().empty());
}

TEST_CASE("the old file is read to its end before the new one") {
  Following f;
  std::string path = f.dir / "vm.log";
  f.Append(path, std::string(1000 * 1000, 'a'));
  f.Follow(path);
  f.set->Step(std::chrono::milliseconds(0));
  f.Rename(path, f.dir / "old");
  f.Append(path, "b");
  f.Settle();
  CHECK(f.seen.order == std::vector<StreamId>{1, 2});
  CHECK(f.seen.All() == std::string(1000 * 1000, 'a') + "b");
}

TEST_CASE("delete and recreate") {
  Following f;
  std::string path = f.dir / "vm.log";
  f.Append(path, "one\n");
  f.Follow(path);
  f.Settle();
  f.Append(path, "two\n");
  f.Remove(path);
  f.Settle();
  CHECK_FALSE(f.StatusOf(path).up);
  f.Append(path, "three\n");
  f.Settle();
  CHECK(f.seen.bytes_of[1] == "one\ntwo\n");
  CHECK(f.seen.bytes_of[2] == "three\n");
  CHECK(f.StatusOf(path).up);
  CHECK(f.set->Totals().rotations == 1);
}

TEST_CASE("a new file moved over the old one") {
  Following f;
  std::string path = f.dir / "vm.log";
  f.Append(path, "one\n");
  f.Follow(path);
  f.Settle();
  f.Append(f.dir / "next", "two\n");
  f.Rename(f.dir / "next", path);
  f.Settle();
  CHECK(f.seen.bytes_of[2] == "two\n");
  CHECK(f.set->Totals().rotations == 1);
}

TEST_CASE("a switched link") {
  Following f;
  std::string link = f.dir / "vm.log";
  f.Append(f.dir / "a", "one\n");
  f.Append(f.dir / "b", "two\n");
  std::filesystem::create_symlink("a", link);
  f.Follow(link);
  f.Settle();
  f.Append(f.dir / "a", "late\n");
  std::filesystem::create_symlink("b", f.dir / "tmp");
  f.Rename(f.dir / "tmp", link);
  f.Settle();
  CHECK(f.seen.bytes_of[1] == "one\nlate\n");
  CHECK(f.seen.bytes_of[2] == "two\n");
  CHECK(f.StatusOf(link).id == 2);

  // Switched back at once: not read again.
  std::filesystem::create_symlink("a", f.dir / "tmp");
  f.Rename(f.dir / "tmp", link);
  f.Settle();
  CHECK(f.seen.All() == "one\nlate\ntwo\n");
  CHECK(f.StatusOf(link).id == 1);
}

TEST_CASE("a switched link to a directory") {
  Following f;
  f.MakeDirectory(f.dir / "a");
  f.MakeDirectory(f.dir / "b");
  f.Append(f.dir / "a/vm.log", "one\n");
  f.Append(f.dir / "b/vm.log", "two\n");
  std::filesystem::create_directory_symlink("a", f.dir / "current");
  f.Follow(f.dir / "current/vm.log");
  f.Settle();
  std::filesystem::create_directory_symlink("b", f.dir / "tmp");
  f.Rename(f.dir / "tmp", f.dir / "current");
  f.Settle();
  CHECK(f.seen.bytes_of[2] == "two\n");
}

TEST_CASE("the file behind a link is rotated") {
  Following f;
  f.MakeDirectory(f.dir / "data");
  f.Append(f.dir / "data/vm.log", "one\n");
  std::filesystem::create_symlink("data/vm.log", f.dir / "vm.log");
  f.Follow(f.dir / "vm.log");
  f.Settle();
  f.Rename(f.dir / "data/vm.log", f.dir / "data/vm.log.1");
  f.Append(f.dir / "data/vm.log", "two\n");
  f.Settle();
  CHECK(f.seen.bytes_of[2] == "two\n");
}

TEST_CASE("a renamed file that matches under its new name is not read again") {
  Following f;
  f.Append(f.dir / "vm.log", "one\n");
  f.Follow(f.dir / "vm.log*");
  f.Settle();
  f.Rename(f.dir / "vm.log", f.dir / "vm.log.1");
  f.Append(f.dir / "vm.log", "two\n");
  f.Settle();
  f.Pass(minutes(20));
  CHECK(f.seen.All() == "one\ntwo\n");
  CHECK(f.StatusOf(f.dir / "vm.log.1").id == 1);
  CHECK(f.StatusOf(f.dir / "vm.log").id == 2);
  CHECK(f.set->Totals().rotations == 1);
}

TEST_CASE("a file moved away without a successor is followed on") {
  Following f;
  f.Append(f.dir / "vm.log", "one\n");
  f.Follow(f.dir / "vm.log");
  f.Settle();
  f.Rename(f.dir / "vm.log", f.dir / "old");
  f.Settle();
  CHECK_FALSE(f.StatusOf(f.dir / "vm.log").up);
  f.Pass(minutes(9));
  f.Append(f.dir / "old", "two\n");
  f.Settle();
  f.Pass(minutes(9));
  CHECK(f.seen.All() == "one\ntwo\n");
  CHECK_FALSE(f.seen.Has("close #1"));
  size_t open = f.OpenDescriptors();
  f.Pass(minutes(2));
  CHECK(f.OpenDescriptors() == open - 1);
  f.Append(f.dir / "old", "three\n");
  f.Pass(minutes(1));
  CHECK(f.seen.All() == "one\ntwo\nthree\n");
  f.Pass(minutes(11));
  f.Remove(f.dir / "old");
  f.Pass(minutes(1));
  CHECK(f.seen.Has("close #1"));
  CHECK(f.set->Totals().rotations == 0);
}

TEST_CASE("rotations between two looks: the files in the middle are found where they went") {
  for (const char* pattern : {"vm.log", "vm.log*"}) {
    INFO(pattern);
    Following f;
    std::string path = f.dir / "vm.log";
    f.Append(path, "0 ");
    f.Follow(f.dir / pattern);
    f.Settle();
    for (int i = 1; i <= 4; ++i) {
      for (int k = i - 1; k >= 1; --k) f.Rename(path + "." + std::to_string(k), path + "." + std::to_string(k + 1));
      f.Rename(path, path + ".1");
      f.Append(path, std::to_string(i) + " ");
    }
    f.Settle();
    CHECK(f.seen.All() == "0 1 2 3 4 ");
    CHECK(f.seen.order == std::vector<StreamId>{1, 2, 3, 4, 5});
    for (StreamId id = 1; id <= 5; ++id) CHECK(f.seen.paths[id] == path);
    CHECK(f.set->Totals().rotations == 4);
    f.Pass(seconds(10));
    CHECK(f.seen.All() == "0 1 2 3 4 ");
  }
}

// Notes all bytes in the order in which they come, and does something when those of one stream do.
class Interrupted final : public Receiver {
 public:
  void OnOpen(StreamId, size_t, const std::string&, StreamId) override {}
  void OnBytes(StreamId id, std::string_view bytes, uint64_t) override {
    all += bytes;
    if (id == 2 && interrupt) std::exchange(interrupt, nullptr)();
  }
  void OnRestart(StreamId, Restart) override {}
  void OnClose(StreamId) override {}

  std::string all;
  std::function<void()> interrupt;
};

TEST_CASE("late lines of all files before it are read before a file begins, whenever they come") {
  Following f;
  const std::string path = f.dir / "vm.log";
  f.Append(path, "1 ");
  f.Append(f.dir / "other.log", "other ");
  Interrupted seen;
  SourceSet set({{.path = path}, {.path = f.dir / "other.log"}}, seen, Positions{}, FollowOptions{.clock = f.clock});
  auto settle = [&] {
    for (int i = 0; i < 8; ++i) set.Step(std::chrono::milliseconds(0));
  };
  settle();
  f.Rename(path, path + ".1");
  f.Append(path, "2 ");
  settle();
  f.Rename(path + ".1", path + ".2");
  f.Rename(path, path + ".1");
  f.Append(path, "");
  f.Append(f.dir / "other.log", "more ");
  seen.interrupt = [&] {
    f.Append(path + ".2", "late ");
    f.Append(path, "3 ");
  };
  settle();
  CHECK(seen.all == "1 other 2 more late 3 ");
}

TEST_CASE("rotations in the middle of looks: each file in its turn, and none uncounted") {
  Following f;
  std::string path = f.dir / "vm.log";
  f.Append(path, "0 ");
  f.Follow(path);
  f.Settle();
  std::string want = "0 ";
  std::vector<StreamId> order = {1};
  uint64_t rotations = 0;
  for (uint64_t burst = 0; burst < 300; ++burst) {
    std::atomic<bool> is_over = false;
    std::jthread rotator([&] {
      for (uint64_t i = 0; i <= burst % 4; ++i) {
        std::filesystem::rename(path, path + "." + std::to_string(++rotations));
        std::ofstream(path) << rotations << ' ';
      }
      is_over = true;
    });
    while (!is_over) f.set->Step(std::chrono::milliseconds(0));
    rotator.join();
    f.Settle();
    for (StreamId id = order.back(); id <= rotations; ++id) {
      want += std::to_string(id) + " ";
      order.push_back(id + 1);
    }
    INFO("after burst " << burst);
    REQUIRE(f.seen.All() == want);
    REQUIRE(f.seen.order == order);
    REQUIRE(f.set->Totals().rotations == rotations);
  }
}

TEST_CASE("where renamed files went") {
  struct Case {
    const char* name;
    std::vector<Watcher::Move> moves;
    std::vector<std::string> want;
  };
  const Case kCases[] = {
      {"one", {{"log", "1"}}, {"1"}},
      {"a chain", {{"log", "1"}, {"1", "2"}, {"log", "1"}}, {"2", "1"}},
      {"overwritten", {{"log", "1"}, {"log", "1"}}, {"1"}},
      {"something else now", {{"log", "1"}, {"1", "2"}, {"", "2"}}, {}},
      {"not followed", {{"x", "y"}, {"", "z"}}, {}},
  };
  for (const Case& c : kCases) {
    INFO(c.name);
    RenameTrail trail;
    for (const Watcher::Move& move : c.moves) {
      trail.Add(move, [](const std::string& path) { return path == "log" ? std::optional<size_t>(7) : std::nullopt; });
    }
    std::vector<std::string> got;
    for (const RenameTrail::Entry& entry : trail.entries()) {
      CHECK(entry.origin == "log");
      CHECK(entry.source == 7);
      got.push_back(entry.path);
    }
    CHECK(got == c.want);
  }
}

TEST_CASE("a file that moves on while it is looked for is looked for again") {
  auto is_log = [](const std::string& path) { return path == "log" ? std::optional<size_t>(0) : std::nullopt; };
  RenameTrail trail;
  trail.Add({"log", "1"}, is_log);
  trail.MarkLookedFor();
  trail.Add({"1", "2"}, is_log);
  trail.ForgetSettled();
  REQUIRE(trail.entries().size() == 1);
  CHECK(trail.entries()[0].path == "2");
  trail.MarkLookedFor();
  trail.ForgetSettled();
  CHECK(trail.entries().empty());
}

TEST_CASE("200 rotations leave the descriptors as they were") {
  Following f;
  std::string path = f.dir / "vm.log";
  f.Append(path, "0\n");
  f.Follow(path);
  f.Settle();
  size_t before = f.OpenDescriptors();
  std::string want = "0\n";
  for (int i = 1; i <= 200; ++i) {
    f.Rename(path, path + ".1");
    f.Append(path, std::to_string(i) + "\n");
    want += std::to_string(i) + "\n";
    f.Settle();
    CHECK(f.OpenDescriptors() <= before + kMaxDraining);
  }
  CHECK(f.seen.All() == want);
  CHECK(f.set->Totals().rotations == 200);
  f.Pass(seconds(6));
  f.Pass(seconds(6));
  CHECK(f.OpenDescriptors() == before);
}

}  // namespace
}  // namespace qte::source
