#include "source/file_follower.h"
#include "source/following.h"

namespace qte::source {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

TEST_CASE("what a file holds and what is appended comes in order") {
  Following f;
  f.Append(f.dir / "vm.log", "one\n");
  f.Follow(f.dir / "vm.log");
  CHECK(f.seen.log.empty());
  f.Settle();
  CHECK(f.seen.paths[1] == f.dir / "vm.log");
  CHECK(f.seen.bytes_of[1] == "one\n");
  f.Append(f.dir / "vm.log", "two\n");
  f.Settle();
  CHECK(f.seen.bytes_of[1] == "one\ntwo\n");
}

TEST_CASE("partial lines are handed up as they come") {
  Following f;
  f.Follow(f.dir / "vm.log");
  for (const char* piece : {"pci_", "cfg_re", "ad e1000\nne", "xt"}) {
    f.Append(f.dir / "vm.log", piece);
    f.Settle();
  }
  CHECK(f.seen.bytes_of[1] == "pci_cfg_read e1000\nnext");
}

TEST_CASE("a NUL hole is bytes like any other") {
  Following f;
  f.Append(f.dir / "vm.log", "a\n");
  REQUIRE(::truncate((f.dir / "vm.log").c_str(), 1000) == 0);
  f.Append(f.dir / "vm.log", "b\n");
  f.Follow(f.dir / "vm.log");
  f.Settle();
  CHECK(f.seen.bytes_of[1] == "a\n" + std::string(998, '\0') + "b\n");
}

TEST_CASE("an idle file wakes up at once") {
  Following f;
  f.Append(f.dir / "vm.log", "one\n");
  f.Follow(f.dir / "vm.log");
  f.Settle();
  f.Pass(seconds(2));
  f.Append(f.dir / "vm.log", "two\n");
  f.Settle();
  CHECK(f.seen.All() == "one\ntwo\n");
  f.Pass(seconds(2));
  f.Append(f.dir / "vm.log", "three\n");
  f.Settle();
  CHECK(f.seen.All() == "one\ntwo\nthree\n");
}

TEST_CASE("a file that is written anew to the same size is found, soon after a look or long after") {
  Following f;
  const std::string path = f.dir / "vm.log";
  f.Append(path, "0000\n");
  f.Follow(path);
  f.Settle();
  std::string want = "0000\n";
  for (int i = 1; i < 40; ++i) {
    // Without a pause it is as likely as not the same tick of the clock that stamps files.
    auto until = std::chrono::steady_clock::now() + milliseconds(i % 2 == 0 ? 0 : 30);
    while (std::chrono::steady_clock::now() < until) f.Settle();
    f.Settle();
    std::string text = std::to_string(1000 + i) + "\n";
    UniqueFd file(::open(path.c_str(), O_WRONLY | O_TRUNC | O_CLOEXEC));
    f.WriteTo(file.get(), text);
    want += text;
    f.Settle();
    REQUIRE(f.seen.All() == want);
  }
}

TEST_CASE("a truncated file starts over and what was not read is counted") {
  Following f;
  f.Append(f.dir / "vm.log", "0123456789\n");
  f.Follow(f.dir / "vm.log");
  f.Settle();
  f.Append(f.dir / "vm.log", "read\n");
  f.Settle();
  REQUIRE(::truncate((f.dir / "vm.log").c_str(), 0) == 0);
  f.Append(f.dir / "vm.log", "new\n");
  f.Settle();
  CHECK(f.seen.bytes_of[1] == "0123456789\nread\nnew\n");
  CHECK(f.seen.log == std::vector<std::string>{"open #1", "truncated #1"});
  CHECK(f.set->Totals().truncations == 1);
  CHECK(f.set->Totals().lost_bytes == 0);
  CHECK(f.StatusOf(f.dir / "vm.log").offset == 4);
}

TEST_CASE("bytes known of and truncated away are lost bytes") {
  Following f;
  f.Append(f.dir / "vm.log", std::string(300 * 1024, 'x'));
  f.Follow(f.dir / "vm.log");
  f.set->Step(milliseconds(0));  // one chunk
  REQUIRE(::truncate((f.dir / "vm.log").c_str(), 0) == 0);
  f.Settle();
  CHECK(f.seen.bytes_of[1].size() == 256 * 1024);
  CHECK(f.set->Totals().lost_bytes == 44 * 1024);
}

TEST_CASE("a file that cannot be read says why") {
  Following f;
  f.Append(f.dir / "vm.log", "x");
  FileFollower file(UniqueFd(::open((f.dir / "vm.log").c_str(), O_WRONLY | O_CLOEXEC)));
  char buffer[8];
  Reading reading = file.Next(buffer);
  CHECK(reading.kind == Reading::Kind::kFailed);
  CHECK_THAT(reading.error, ContainsSubstring("cannot read: "));
}

TEST_CASE("padding behind a chunk is readable") {
  struct Toucher final : Receiver {
    void OnOpen(StreamId, size_t, const std::string&, StreamId) override {}
    void OnBytes(StreamId, std::string_view bytes, uint64_t) override {
      for (size_t i = 0; i < kReadPadding; ++i) sum += static_cast<unsigned char>(bytes.data()[bytes.size() + i]);
    }
    void OnRestart(StreamId, Restart) override {}
    void OnClose(StreamId) override {}
    unsigned sum = 0;
  } toucher;
  Following f;
  f.Append(f.dir / "vm.log", std::string(256 * 1024, 'x'));
  SourceSet set({{.path = f.dir / "vm.log"}}, toucher);
  set.Step(milliseconds(0));  // the sanitizer would object
}

TEST_CASE("start at the end") {
  struct Case {
    const char* name;
    const char* before;
    const char* after;
    const char* want;
  };
  const Case kCases[] = {
      {"at a line's end", "old\n", "new\n", "new\n"},
      {"in mid-line", "old\nhal", "f\nnew\n", "new\n"},
      {"in mid-line that ends later", "hal", "f", ""},
      {"an empty file", "", "new\n", "new\n"},
  };
  for (const Case& c : kCases) {
    INFO(c.name);
    Following f;
    f.Append(f.dir / "vm.log", c.before);
    f.Follow(std::vector<SourceSpec>{{.path = f.dir / "*.log", .start_at_end = true}});
    f.Append(f.dir / "vm.log", c.after);
    f.Append(f.dir / "later.log", "later\n");
    f.Settle();
    CHECK(f.seen.bytes_of[1] == c.want);
    CHECK(f.seen.bytes_of[2] == "later\n");
    CHECK(f.set->caught_up());
  }
}

TEST_CASE("a backlog in one file does not delay another") {
  Following f;
  f.Append(f.dir / "a.log", std::string(10 * 256 * 1024, 'a'));
  f.Append(f.dir / "b.log", std::string(3 * 256 * 1024, 'b'));
  f.Follow(f.dir / "?.log");
  for (size_t round = 1; round <= 3; ++round) {
    f.set->Step(milliseconds(0));
    CHECK(f.seen.bytes_of[1].size() == round * 256 * 1024);
    CHECK(f.seen.bytes_of[2].size() == round * 256 * 1024);
  }
}

TEST_CASE("caught up means at the end that the files had at the start") {
  Following f;
  f.Append(f.dir / "a.log", std::string(2 * 256 * 1024, 'a'));
  f.Follow(f.dir / "?.log");
  CHECK_FALSE(f.set->caught_up());
  f.set->Step(milliseconds(0));
  f.Append(f.dir / "a.log", std::string(256 * 1024, 'a'));
  CHECK_FALSE(f.set->caught_up());
  f.set->Step(milliseconds(0));
  CHECK(f.set->caught_up());
  f.Append(f.dir / "b.log", "late");
  CHECK(f.set->caught_up());
}

TEST_CASE("nothing to catch up with") {
  Following f;
  f.Follow(f.dir / "missing.log");
  CHECK(f.set->caught_up());
}

TEST_CASE("drain reads every file to its end") {
  Following f;
  f.Append(f.dir / "a.log", std::string(1000 * 1000, 'a'));
  f.Follow(f.dir / "*.log");
  f.Append(f.dir / "b.log", std::string(700 * 1000, 'b'));
  f.set->Drain();
  CHECK(f.seen.All().size() == 1700 * 1000);
}

TEST_CASE("a file without permission is read when it is granted") {
  if (::geteuid() != 0) return;  // the owner could read it
  Following f;
  f.Append(f.dir / "vm.log", "secret\n");
  ::chmod((f.dir / "vm.log").c_str(), 0600);
  REQUIRE(::seteuid(65534) == 0);
  f.Follow(f.dir / "*.log");
  f.Settle();
  StreamStatus denied = f.StatusOf(f.dir / "vm.log");
  REQUIRE(::seteuid(0) == 0);
  CHECK_FALSE(denied.up);
  CHECK(denied.id == 0);
  CHECK_THAT(denied.error, ContainsSubstring("Permission denied"));

  ::chmod((f.dir / "vm.log").c_str(), 0644);
  REQUIRE(::seteuid(65534) == 0);
  f.Settle();
  REQUIRE(::seteuid(0) == 0);
  CHECK(f.seen.bytes_of[1] == "secret\n");
  CHECK(f.StatusOf(f.dir / "vm.log").up);
}

}  // namespace
}  // namespace qte::source
