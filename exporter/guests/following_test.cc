// Every way in which a log comes, goes and changes under its reader, by name: each line is counted once.
#include <sys/stat.h>

#include <fstream>

#include "guests/following_for_test.h"

namespace qte::guests {
namespace {

using std::chrono::seconds;

UniqueFd OpenForWriting(const std::string& path, int flags) {
  return UniqueFd(::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | flags, 0644));
}

TEST_CASE("following: rename and recreate, with late writes to the old file") {
  FollowingGuests f;
  UniqueFd old = OpenForWriting(f.log(), O_APPEND);
  f.Write(old.get(), 3);
  f.Follow(f.log());
  f.Rename(f.log(), f.log() + ".1");
  f.Write(f.log(), 2);
  f.Settle();
  f.Write(old.get(), 1);
  f.Pass(seconds(4));
  f.Write(old.get(), 1);
  f.CheckExact();
  CHECK(f.sources().Totals().rotations == 1);
}

TEST_CASE("following: 20 rotations between two looks") {
  FollowingGuests f;
  f.Write(f.log(), 1);
  f.Follow(f.log());
  for (int n = 20; n > 0; --n) {
    f.Rename(f.log(), f.log() + "." + std::to_string(n));
    f.Write(f.log(), n);
  }
  f.CheckExact();
}

TEST_CASE("following: a glob that also matches the rotated name") {
  FollowingGuests f;
  f.Follow(f.log() + "*");
  for (int i = 0; i < 10; ++i) {
    f.Write(f.log(), 3);
    if (i % 2 == 0) f.Settle();
    f.Rename(f.log(), f.log() + "." + std::to_string(i));
  }
  f.CheckExact();
}

TEST_CASE("following: rename onto another followed file") {
  FollowingGuests f;
  f.Write(f / "a.log", 3);
  f.Write(f / "b.log", 2);
  f.Follow({f / "a.log", f / "b.log"});
  f.Write(f / "b.log", 1);
  f.Rename(f / "a.log", f / "b.log");
  f.Settle();
  f.Write(f / "b.log", 4);
  f.Write(f / "a.log", 5);
  f.CheckExact();
}

TEST_CASE("following: several files rotate at once") {
  FollowingGuests f;
  for (int vm = 0; vm < 30; ++vm) f.Write(f / ("vm" + std::to_string(vm) + ".log"), vm);
  f.Follow(f / "vm*.log");
  for (int vm = 0; vm < 30; ++vm) {
    std::string log = f / ("vm" + std::to_string(vm) + ".log");
    f.Write(log, 2);
    f.Rename(log, log + ".1");
    f.Write(log, 3);
  }
  f.CheckExact();
  CHECK(f.sources().Totals().rotations == 30);
}

TEST_CASE("following: a large unread backlog at rotation") {
  FollowingGuests f;
  f.Follow(f.log());
  f.Write(f.log(), 200'000);
  f.Rename(f.log(), f.log() + ".1");
  f.Write(f.log(), 100'000);
  f.Rename(f.log(), f.log() + ".2");
  f.Write(f.log(), 7);
  f.CheckExact();
}

TEST_CASE("following: copytruncate") {
  FollowingGuests f;
  UniqueFd log = OpenForWriting(f.log(), O_APPEND);
  f.Follow(f.log());
  for (int i = 0; i < 5; ++i) {
    f.Write(log.get(), 10);
    f.Settle();
    std::filesystem::copy(f.log(), f.log() + "." + std::to_string(i));
    REQUIRE(::ftruncate(log.get(), 0) == 0);
    f.Write(log.get(), 10);
  }
  f.CheckExact();
  CHECK(f.sources().Totals().truncations == 5);
}

TEST_CASE("following: a writer without append goes on behind a hole of NULs after a truncation") {
  FollowingGuests f;
  UniqueFd log = OpenForWriting(f.log(), 0);
  f.Follow(f.log());
  int before = GENERATE(1, 400, 100'000);
  f.Write(log.get(), before);
  f.Settle();
  REQUIRE(::ftruncate(log.get(), 0) == 0);
  if (GENERATE(false, true)) f.Settle();
  f.Write(log.get(), 3);
  f.CheckExact();
  f.Write(log.get(), 2);
  f.CheckExact();
}

TEST_CASE("following: a large hole is skipped, not read") {
  FollowingGuests f;
  UniqueFd log = OpenForWriting(f.log(), 0);
  // At the speed of reading NULs this would take a minute.
  REQUIRE(::lseek(log.get(), off_t{1} << 38, SEEK_SET) == off_t{1} << 38);
  f.Write(log.get(), 3);
  f.Follow(f.log());
  f.CheckExact();
}

TEST_CASE("following: what a hole shows to have been written and destroyed is told as lost") {
  FollowingGuests f;
  UniqueFd log = OpenForWriting(f.log(), 0);
  f.Write(log.get(), 3);
  f.Follow(f.log());
  FollowingGuests::Put(log.get(), f.Lines(5));
  REQUIRE(::ftruncate(log.get(), 0) == 0);
  f.Write(log.get(), 1);
  f.lost_bytes = f.Lines(5).size();
  f.CheckExact();
}

TEST_CASE("following: regrowth to the same size and past the old offset") {
  FollowingGuests f;
  UniqueFd log = OpenForWriting(f.log(), O_APPEND);
  f.Write(log.get(), 1);
  f.Follow(f.log());
  REQUIRE(::ftruncate(log.get(), 0) == 0);
  f.Write(log.get(), 1);
  if (GENERATE(false, true)) f.Write(log.get(), 50);
  f.CheckExact();
  CHECK(f.sources().Totals().truncations == 1);
}

TEST_CASE("following: truncation with a partial line pending") {
  FollowingGuests f;
  UniqueFd log = OpenForWriting(f.log(), O_APPEND);
  f.Write(log.get(), 1);
  FollowingGuests::Put(log.get(), "ps2_put_keyc");
  f.Follow(f.log());
  REQUIRE(::ftruncate(log.get(), 0) == 0);
  if (GENERATE(false, true)) f.Settle();
  f.Write(log.get(), 2);
  f.partial_lines = 1;
  f.CheckExact();
}

TEST_CASE("following: delete and recreate") {
  FollowingGuests f;
  f.Write(f.log(), 3);
  f.Follow(f.log());
  for (int i = 0; i < 5; ++i) {
    f.Write(f.log(), 2);
    std::filesystem::remove(f.log());
    f.Write(f.log(), 1);
    f.CheckExact();
  }
}

TEST_CASE("following: an inode that comes again is another file") {
  FollowingGuests f;
  f.Follow(f.log());
  struct stat first;
  struct stat second;
  f.Write(f.log(), 3);
  f.Settle();
  REQUIRE(::stat(f.log().c_str(), &first) == 0);
  std::filesystem::remove(f.log());
  f.Pass(seconds(6));
  f.Pass(seconds(6));
  // Closed by now, so the inode is free.
  f.Write(f.log(), 4);
  REQUIRE(::stat(f.log().c_str(), &second) == 0);
  f.CheckExact();
  if (first.st_ino != second.st_ino) WARN("the file system did not give the inode again");
}

TEST_CASE("following: a link is switched, dangles, and is repaired") {
  FollowingGuests f;
  std::string log = f.log();
  f.Write(f / "a", 1);
  std::filesystem::create_symlink("a", log);
  f.Follow(log);
  f.Write(f / "b", 2);
  std::filesystem::create_symlink("b", log + ".new");
  f.Rename(log + ".new", log);
  f.CheckExact();
  std::filesystem::remove(log);
  std::filesystem::create_symlink("later", log);
  f.Settle();
  CHECK(f.sources().Streams().back().error == "No such file or directory; create it, or correct the path");
  f.Write(f / "later", 3);
  f.CheckExact();
}

TEST_CASE("following: directories and nested globs that appear later") {
  FollowingGuests f;
  f.Follow(f / "hosts/*/logs/*.log");
  f.CheckExact();
  std::filesystem::create_directories(f / "hosts/a/logs");
  f.Write(f / "hosts/a/logs/1.log", 1);
  f.CheckExact();
  std::filesystem::create_directories(f / "staging/logs");
  f.Write(f / "staging/logs/2.log", 2);
  f.Rename(f / "staging", f / "hosts/b");
  f.CheckExact();
}

TEST_CASE("following: a directory that matches is no log") {
  FollowingGuests f;
  std::filesystem::create_directories(f / "dir.log");
  f.Write(f / "vm.log", 2);
  f.Follow(f / "*.log");
  f.CheckExact();
}

TEST_CASE("following: overlapping globs, links and paths count once") {
  FollowingGuests f;
  f.Write(f.log(), 2);
  std::filesystem::create_hard_link(f.log(), f / "hard.log");
  std::filesystem::create_symlink(f.log(), f / "soft.log");
  f.Follow({f / "*.log", f.log(), f / "v*", f.log()});
  f.Write(f.log(), 1);
  f.CheckExact();
}

TEST_CASE("following: a relative path") {
  FollowingGuests f;
  std::filesystem::path before = std::filesystem::current_path();
  std::filesystem::current_path(f / ".");
  f.Follow("./vm.log");
  std::filesystem::current_path(before);
  f.Write(f.log(), 2);
  f.CheckExact();
}

TEST_CASE("following: an inotify queue that overflows") {
  size_t most = 0;
  std::ifstream("/proc/sys/fs/inotify/max_queued_events") >> most;
  REQUIRE(most > 0);
  if (most > 100'000) return;  // it would take too long
  FollowingGuests f;
  f.Follow(f / "*.log");
  for (size_t i = 0; i < most / 2 + 10; ++i) {
    OpenForWriting(f / "noise.log", 0);
    std::filesystem::remove(f / "noise.log");
  }
  f.Write(f.log(), 2);
  f.CheckExact();
}

TEST_CASE("following: a FIFO whose writer closes and reopens") {
  FollowingGuests f;
  REQUIRE(::mkfifo(f.log().c_str(), 0644) == 0);
  f.Follow(f.log());
  for (int i = 0; i < 5; ++i) {
    {
      UniqueFd writer = OpenForWriting(f.log(), 0);
      f.Write(writer.get(), 3);
    }
    f.sources().Drain();
  }
  f.CheckExact();
}

}  // namespace
}  // namespace qte::guests
