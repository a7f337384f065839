// The thread that reads pipes ahead, while the receiver is held up: the SourceSet is not stepped then.
#include <poll.h>

#include <array>
#include <thread>

#include "source/following.h"

namespace qte::source {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr size_t kMiB = 1 << 20;

// The byte that stands at a place of an endless text without short periods.
char ByteAt(uint64_t at) {
  return static_cast<char>((at * 2654435761U) >> 24);
}

// Checks that streams bring the endless text, and keeps nothing of it.
class Checker final : public Receiver {
 public:
  void OnOpen(StreamId id, size_t, const std::string& path, StreamId) override { paths[id] = path; }
  void OnBytes(StreamId id, std::string_view bytes, uint64_t) override {
    uint64_t& at = bytes_of[paths[id]];
    for (char byte : bytes) wrong += byte != ByteAt(at++);
    total += bytes.size();
  }
  void OnRestart(StreamId, Restart) override { ++restarts; }
  void OnClose(StreamId) override { ++closed; }

  std::map<StreamId, std::string> paths;
  std::map<std::string, uint64_t> bytes_of;
  uint64_t wrong = 0;
  uint64_t total = 0;
  int restarts = 0;
  int closed = 0;
};

// Writes the endless text, as far as the pipe takes it. Once open it may be used in any thread, for it has no
// assertions.
class Writer {
 public:
  explicit Writer(UniqueFd fd) : fd_(std::move(fd)) { ::fcntl(fd_.get(), F_SETFL, O_NONBLOCK); }
  explicit Writer(const std::string& fifo) : fd_(::open(fifo.c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC)) {
    REQUIRE(fd_);
  }

  // False if the pipe is full.
  bool WriteSome(size_t max) {
    std::array<char, 64 * 1024> piece;
    size_t size = std::min(max, piece.size());
    for (size_t i = 0; i < size; ++i) piece[i] = ByteAt(written_ + i);
    ssize_t n = ::write(fd_.get(), piece.data(), size);
    if (n < 0) return false;
    written_ += static_cast<uint64_t>(n);
    return true;
  }
  // Waits, for other threads than this one, until all is written; false if they do nothing about it.
  bool WriteTo(uint64_t end) {
    while (written_ < end) {
      if (!WriteSome(end - written_) && !HasRoom(seconds(20))) return false;
    }
    return true;
  }
  bool HasRoom(milliseconds timeout) const {
    pollfd entry{.fd = fd_.get(), .events = POLLOUT, .revents = 0};
    return ::poll(&entry, 1, static_cast<int>(timeout.count())) == 1;
  }
  uint64_t written() const { return written_; }
  void Close() { fd_.Reset(); }

 private:
  UniqueFd fd_;
  uint64_t written_ = 0;
};

class Ahead {
 public:
  std::string MakeFifo(const std::string& name) {
    REQUIRE(::mkfifo((dir / name).c_str(), 0600) == 0);
    return dir / name;
  }
  void Follow(const std::string& path) { Follow(std::vector<SourceSpec>{{.path = path}}); }
  void Follow(std::vector<SourceSpec> specs) { set = std::make_unique<SourceSet>(std::move(specs), seen); }
  // Steps until the receiver has all that.
  void TakeAll(uint64_t bytes) {
    StepUntil([&] { return seen.total >= bytes; });
  }
  template <class Condition>
  void StepUntil(Condition&& is_met) {
    Await([&] {
      set->Step(milliseconds(10));
      return is_met();
    });
  }
  template <class Condition>
  static void Await(Condition&& is_met) {
    auto begin = std::chrono::steady_clock::now();
    while (!is_met()) {
      REQUIRE(std::chrono::steady_clock::now() - begin < seconds(60));
      std::this_thread::yield();
    }
  }
  // Writes until the reader thread says that it has no room, and the pipe is full, too.
  void Flood(Writer& writer) const {
    Await([&] { return !writer.WriteSome(kMiB) && set->Totals().pipe_full_time > Clock::Duration::zero(); });
  }
  static size_t VirtualBytes() {
    size_t pages = 0;
    std::ifstream("/proc/self/statm") >> pages;
    return pages * static_cast<size_t>(::sysconf(_SC_PAGESIZE));
  }

  TempDir dir;
  Checker seen;
  std::unique_ptr<SourceSet> set;
};

TEST_CASE("a FIFO's writer does not wait for a receiver that is held up") {
  Ahead a;
  a.Follow(a.MakeFifo("fifo"));
  Writer writer(a.dir / "fifo");
  REQUIRE(writer.WriteTo(8 * kMiB));
  a.Await([&] { return a.set->Totals().pipe_buffered_bytes == 8 * kMiB; });
  CHECK(a.set->Totals().pipe_full_time == Clock::Duration::zero());
  writer.Close();
  a.StepUntil([&] { return a.seen.restarts == 1; });
  CHECK(a.seen.total == 8 * kMiB);
  CHECK(a.seen.wrong == 0);
  CHECK(a.set->Totals().pipe_buffered_bytes == 0);
}

TEST_CASE("beyond the bound the writer waits, nothing is lost, and the memory goes back") {
  Ahead a;
  a.Follow(a.MakeFifo("fifo"));
  Writer writer(a.dir / "fifo");
  a.Flood(writer);
  uint64_t buffered = a.set->Totals().pipe_buffered_bytes;
  CHECK(buffered == 14 * kMiB);          // of 16, of which one flood is not given all
  CHECK(writer.written() <= 15 * kMiB);  // with what is in the pipe
  CHECK_FALSE(writer.HasRoom(milliseconds(0)));
  Clock::Duration full = a.set->Totals().pipe_full_time;
  CHECK(full > Clock::Duration::zero());

  size_t memory = Ahead::VirtualBytes();
  a.TakeAll(writer.written());
  CHECK(a.seen.wrong == 0);
  CHECK(a.set->Totals().pipe_buffered_bytes == 0);
  // The next look gives back the last chunk, and with it all.
  a.StepUntil([&] { return Ahead::VirtualBytes() + buffered <= memory + kMiB; });

  std::jthread more([&] { writer.WriteTo(40 * kMiB); });
  a.TakeAll(40 * kMiB);
  more.join();
  CHECK(a.seen.total == 40 * kMiB);
  CHECK(a.seen.wrong == 0);
}

TEST_CASE("one flood leaves room for others") {
  Ahead a;
  a.Follow({{.path = a.MakeFifo("flood")}, {.path = a.MakeFifo("other")}});
  Writer flood(a.dir / "flood");
  a.Flood(flood);
  Writer other(a.dir / "other");
  REQUIRE(other.WriteTo(2 * kMiB));  // more than the pipe holds
  a.TakeAll(flood.written() + other.written());
  CHECK(a.seen.wrong == 0);
}

TEST_CASE("standard input is read ahead, and its end comes after its bytes") {
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  UniqueFd out(ends[0]);
  AsStdin stdin_is(out.get());
  Ahead a;
  a.Follow("-");
  Writer writer((UniqueFd(ends[1])));
  REQUIRE(writer.WriteTo(8 * kMiB));
  writer.Close();
  CHECK((::fcntl(0, F_GETFL) & O_NONBLOCK) == 0);
  a.StepUntil([&] { return a.seen.closed == 1; });
  CHECK(a.seen.total == 8 * kMiB);
  CHECK(a.seen.wrong == 0);
}

TEST_CASE("drain takes what was read ahead and what is still in the pipe") {
  Ahead a;
  a.Follow(a.MakeFifo("fifo"));
  Writer writer(a.dir / "fifo");
  a.Flood(writer);
  a.set->Drain();
  CHECK(a.seen.total == writer.written());
  CHECK(a.seen.wrong == 0);
}

TEST_CASE("a FIFO that leaves the config takes its bytes and its thread's attention with it") {
  Ahead a;
  a.Follow({{.path = a.MakeFifo("gone")}, {.path = a.MakeFifo("kept")}});
  Writer gone(a.dir / "gone");
  Writer kept(a.dir / "kept");
  a.Flood(gone);
  a.set->Reconfigure({{.path = a.dir / "kept"}});
  CHECK(a.set->Totals().pipe_buffered_bytes == 0);
  REQUIRE(kept.WriteTo(8 * kMiB));
  a.TakeAll(8 * kMiB);
  CHECK(a.seen.bytes_of[a.dir / "kept"] == 8 * kMiB);
  CHECK(a.seen.wrong == 0);
}

TEST_CASE("many writers at once, each on its FIFO, while the receiver steps") {
  constexpr size_t kWriters = 20;
  Ahead a;
  std::vector<SourceSpec> specs;
  for (size_t i = 0; i < kWriters; ++i) specs.push_back({.path = a.MakeFifo(std::to_string(i))});
  a.Follow(specs);
  std::vector<Writer> writers;
  for (const SourceSpec& spec : specs) writers.emplace_back(spec.path);
  std::vector<std::jthread> threads;
  for (Writer& writer : writers) {
    threads.emplace_back([&writer] {
      writer.WriteTo(kMiB + kMiB / 2);
      writer.Close();
    });
  }
  a.TakeAll(kWriters * (kMiB + kMiB / 2));
  for (std::jthread& thread : threads) thread.join();
  CHECK(a.seen.wrong == 0);
  CHECK(a.seen.bytes_of.size() == kWriters);
  a.StepUntil([&] { return a.seen.restarts == kWriters; });
}

}  // namespace
}  // namespace qte::source
