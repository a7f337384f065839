#include <array>

#include "source/following.h"

namespace qte::source {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

UniqueFd OpenWriter(const std::string& fifo) {
  UniqueFd writer(::open(fifo.c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC));
  REQUIRE(writer);  // ENXIO without a reader
  return writer;
}

TEST_CASE("FIFO writers come and go") {
  Following f;
  REQUIRE(::mkfifo((f.dir / "fifo").c_str(), 0600) == 0);
  f.Follow(f.dir / "fifo");
  f.Settle();
  CHECK(f.seen.log == std::vector<std::string>{"open #1"});
  for (const char* text : {"one\n", "two\n", "three\n"}) {
    UniqueFd writer = OpenWriter(f.dir / "fifo");
    f.WriteTo(writer.get(), text);
    f.Settle();
    writer.Reset();
    f.Settle();
  }
  CHECK(f.seen.All() == "one\ntwo\nthree\n");
  CHECK(f.seen.log == std::vector<std::string>{"open #1", "writer ended #1", "writer ended #1", "writer ended #1"});
}

TEST_CASE("what a FIFO's writer left at its end is delivered before the restart") {
  Following f;
  REQUIRE(::mkfifo((f.dir / "fifo").c_str(), 0600) == 0);
  f.Follow(f.dir / "fifo");
  f.Settle();
  UniqueFd writer = OpenWriter(f.dir / "fifo");
  std::string text(600 * 1000, 'x');  // more than two chunks, less than the pipe
  f.WriteTo(writer.get(), text);
  writer.Reset();
  f.set->Step(milliseconds(0));
  CHECK_FALSE(f.seen.Has("writer ended #1"));
  f.Settle();
  CHECK(f.seen.All() == text);
  CHECK(f.seen.Has("writer ended #1"));
}

TEST_CASE("a FIFO without a writer lets the thread sleep") {
  Following f;
  REQUIRE(::mkfifo((f.dir / "fifo").c_str(), 0600) == 0);
  SourceSet set({{.path = f.dir / "fifo"}}, f.seen);
  set.Step(milliseconds(0));
  OpenWriter(f.dir / "fifo").Reset();
  // The directory is looked at a second time, some rest after the first.
  for (int i = 0; i < 4; ++i) set.Step(milliseconds(20));
  // Where the machine stands still for a moment, such a look falls into the next step.
  auto longest = std::chrono::steady_clock::duration::zero();
  for (int tries = 0; tries < 5 && longest < milliseconds(55); ++tries) {
    auto begin = std::chrono::steady_clock::now();
    set.Step(milliseconds(60));
    longest = std::max(longest, std::chrono::steady_clock::now() - begin);
  }
  CHECK(longest >= milliseconds(55));
}

TEST_CASE("a FIFO is not closed under its writer, be its name gone") {
  Following f;
  REQUIRE(::mkfifo((f.dir / "fifo").c_str(), 0600) == 0);
  f.Follow(f.dir / "fifo");
  f.Settle();
  UniqueFd writer = OpenWriter(f.dir / "fifo");
  f.WriteTo(writer.get(), "one ");
  f.Settle();
  f.Remove(f.dir / "fifo");
  for (int i = 0; i < 3; ++i) f.Pass(seconds(10));
  f.WriteTo(writer.get(), "two ");
  f.Settle();
  CHECK(f.seen.All() == "one two ");
  writer.Reset();
  for (int i = 0; i < 3; ++i) f.Pass(seconds(10));
  CHECK(f.seen.Has("close #1"));
}

TEST_CASE("standard input from a pipe ends and the rest goes on") {
  Following f;
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  UniqueFd out(ends[0]);
  UniqueFd in(ends[1]);
  AsStdin stdin_is(out.get());
  f.Follow(std::vector<SourceSpec>{{.path = "-"}, {.path = f.dir / "vm.log"}});
  f.Settle();
  f.WriteTo(in.get(), "one ");
  f.Settle();
  CHECK(f.seen.paths[1] == "-");
  CHECK((::fcntl(0, F_GETFL) & O_NONBLOCK) == 0);
  CHECK(f.StatusOf("-").up);
  f.WriteTo(in.get(), "two");
  in.Reset();
  f.Settle();
  CHECK(f.seen.bytes_of[1] == "one two");
  CHECK(f.seen.Has("close #1"));
  CHECK_FALSE(f.StatusOf("-").up);
  f.Append(f.dir / "vm.log", "three");
  f.Settle();
  CHECK(f.seen.bytes_of[2] == "three");
  f.set->Reconfigure({{.path = "-"}});
  f.Settle();
  CHECK_FALSE(f.StatusOf("-").up);
}

TEST_CASE("standard input from a file ends at its end") {
  Following f;
  std::string text(600 * 1000, 'x');
  f.Append(f.dir / "in", text);
  UniqueFd file(::open((f.dir / "in").c_str(), O_RDONLY | O_CLOEXEC));
  AsStdin stdin_is(file.get());
  f.Follow("-");
  f.Settle();
  CHECK(f.seen.All() == text);
  CHECK(f.seen.Has("close #1"));
}

TEST_CASE("drain takes what is in the FIFO now") {
  Following f;
  REQUIRE(::mkfifo((f.dir / "fifo").c_str(), 0600) == 0);
  f.Follow(f.dir / "fifo");
  UniqueFd writer = OpenWriter(f.dir / "fifo");
  f.WriteTo(writer.get(), std::string(300 * 1000, 'x'));
  f.set->Drain();
  CHECK(f.seen.All().size() == 300 * 1000);
}

namespace {

// Follows files, and a pipe that it attaches; returns the end to write to.
UniqueFd AttachPipe(Following& f, StreamId& id) {
  std::array<int, 2> ends{};
  f.Follow({{.path = f.dir / "*.log"}, {.path = "usdt:/q", .is_attached = true}});
  REQUIRE(::pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK) == 0);
  id = f.set->Attach(UniqueFd(ends[0]), "usdt:7::vm", "usdt:/q");
  return UniqueFd(ends[1]);
}

}  // namespace

TEST_CASE("a pipe is attached to a source, and ends with its writers") {
  Following f;
  StreamId id = 0;
  UniqueFd writer = AttachPipe(f, id);
  REQUIRE(id != 0);
  f.Settle();
  CHECK(f.seen.paths.at(id) == "usdt:7::vm");
  CHECK(f.seen.sources.at(id) == 1);
  f.WriteTo(writer.get(), "one\n");
  f.Settle();
  f.Pass(seconds(30));  // looks at names leave it alone
  f.WriteTo(writer.get(), "two\n");
  writer.Reset();
  f.Settle();
  CHECK(f.seen.bytes_of.at(id) == "one\ntwo\n");
  CHECK(f.seen.Has("close #" + std::to_string(id)));
  CHECK(f.set->Streams().empty());
}

TEST_CASE("an attached pipe stays as long as its source does") {
  Following f;
  StreamId id = 0;
  UniqueFd writer = AttachPipe(f, id);
  f.Settle();
  f.set->Reconfigure({{.path = "usdt:/q", .is_attached = true}});
  f.Settle();
  REQUIRE(f.set->Streams().size() == 1);
  CHECK(f.set->Streams()[0].source == 0);
  f.set->Reconfigure({{.path = f.dir / "*.log"}});
  f.Settle();
  CHECK(f.seen.Has("close #" + std::to_string(id)));
  CHECK(f.set->Attach(UniqueFd(::open("/dev/null", O_RDONLY)), "usdt:8::vm", "usdt:/q") == 0);
}

}  // namespace
}  // namespace qte::source
