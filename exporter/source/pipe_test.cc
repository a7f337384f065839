// One pipe, looked at by hand as the reader thread and the ingest thread do, in an order that the test decides.
#include "source/pipe.h"

#include <poll.h>

#include <random>

#include "source/following.h"
#include "source/pipe_follower.h"

namespace qte::source {
namespace {

using Kind = Reading::Kind;
using Look = Pipe::Look;

constexpr size_t kChunks = 16;

bool IsReadable(int fd) {
  pollfd entry{.fd = fd, .events = POLLIN, .revents = 0};
  return ::poll(&entry, 1, 0) == 1;
}

class Fifo {
 public:
  Fifo() {
    REQUIRE(::mkfifo(path_.c_str(), 0600) == 0);
    UniqueFd input(::open(path_.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
    pipe = std::make_unique<Pipe>(std::move(input), Pipe::WithoutWriter::kNextMayCome, pool, reader);
  }

  void Open() {
    writer_ = UniqueFd(::open(path_.c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC));
    REQUIRE(writer_);
  }
  void Write(std::string_view text) { Following::WriteTo(writer_.get(), text); }
  void Close() { writer_.Reset(); }
  void WriteAll(std::string_view text) {
    Open();
    Write(text);
    Close();
  }

  Look LookOnce() { return pipe->ReadAhead(scratch_); }
  // As the reader thread does, until there is nothing or no room.
  Look ReadAhead() {
    while (true) {
      Look look = LookOnce();
      if (look == Look::kNothing || look == Look::kNoRoom) return look;
    }
  }
  // All that Next() gives: bytes as they are, '|' for the end of a writer.
  std::string Take() {
    std::string taken;
    while (TakeOne(taken)) {
    }
    return taken;
  }
  bool TakeOne(std::string& taken) {
    Reading reading = pipe->Next(buffer_);
    if (reading.kind == Kind::kBytes) {
      CHECK(reading.bytes.data()[reading.bytes.size() + kReadPadding - 1] + 1 != 4711);  // it may be read
      taken += reading.bytes;
    } else if (reading.kind == Kind::kWriterEnded) {
      taken += '|';
    }
    return reading.kind != Kind::kAtEnd;
  }
  bool IsReady() const { return IsReadable(pipe->ready_fd()); }
  // The reader thread would wake up.
  bool IsReported() const { return IsReadable(pipe->awaited_fd()); }
  Sleeper reader;
  ChunkPool pool{kChunks, reader};
  std::unique_ptr<Pipe> pipe;

 private:
  TempDir dir_;
  std::string path_ = dir_ / "fifo";
  UniqueFd writer_;
  Chunk scratch_;
  std::vector<char> buffer_ = std::vector<char>(256 * 1024 + kReadPadding);
};

TEST_CASE("bytes read ahead and the ends of twenty writers keep their order") {
  Fifo fifo;
  std::string want;
  for (int i = 0; i < 20; ++i) {
    std::string text = std::to_string(i) + std::string(static_cast<size_t>(i) * 3000, 'x') + "\n";
    fifo.WriteAll(text);
    CHECK(fifo.ReadAhead() == Look::kNothing);
    want += text + "|";
  }
  CHECK(fifo.pool.buffered_bytes == want.size() - 20);
  CHECK(fifo.pipe->Pending() == want.size() - 20);
  CHECK(fifo.pipe->offset() == 0);
  CHECK(fifo.Take() == want);
  CHECK(fifo.pipe->offset() == want.size() - 20);
  CHECK(fifo.pool.buffered_bytes == 0);
}

TEST_CASE("what was read ahead comes before what is still in the pipe") {
  Fifo fifo;
  fifo.Open();
  fifo.Write("one ");
  CHECK(fifo.ReadAhead() == Look::kNothing);
  fifo.Write("two ");
  CHECK(fifo.pipe->Pending() == 8);
  CHECK(fifo.Take() == "one two ");
  fifo.Write("three ");  // no thread reads ahead
  fifo.Close();
  CHECK(fifo.Take() == "three |");
  CHECK_FALSE(fifo.pipe->has_writer());
}

TEST_CASE("an ingest thread that keeps up is left alone") {
  Fifo fifo;
  fifo.Open();
  std::string taken;
  for (int i = 0; i < 5; ++i) {
    fifo.Write("line\n");
    CHECK(fifo.LookOnce() == Look::kLittle);
    CHECK(fifo.pool.buffered_bytes == 0);
    CHECK(fifo.IsReady());
    taken += fifo.Take();
    CHECK_FALSE(fifo.IsReady());
  }
  CHECK(taken.size() == 25);
  fifo.Write(std::string(fifo.pipe->capacity() / 2 + 1, 'x'));  // too much to wait for it
  CHECK(fifo.LookOnce() == Look::kMuch);
  CHECK(fifo.pool.buffered_bytes > 0);
}

TEST_CASE("writers that leave nothing behind end once") {
  Fifo fifo;
  for (int i = 0; i < 5; ++i) {
    fifo.WriteAll("");
    fifo.ReadAhead();
  }
  CHECK(fifo.Take() == "|");
}

TEST_CASE("the ready descriptor tells whether the ingest thread has something to take") {
  Fifo fifo;
  CHECK_FALSE(fifo.IsReady());
  fifo.Open();
  fifo.Write("one");
  CHECK_FALSE(fifo.IsReady());  // it is the reader thread that has to look
  CHECK(fifo.IsReported());
  fifo.ReadAhead();
  CHECK(fifo.IsReady());
  CHECK(fifo.Take() == "one");
  CHECK_FALSE(fifo.IsReady());
  fifo.Close();
  CHECK(fifo.IsReported());
  fifo.ReadAhead();
  CHECK(fifo.IsReady());
  CHECK(fifo.Take() == "|");
  CHECK_FALSE(fifo.IsReady());
  CHECK_FALSE(fifo.IsReported());
}

TEST_CASE("a pipe without room is left alone until chunks come back") {
  Fifo fifo;
  fifo.Open();
  std::string text(Chunk::kCapacity, 'x');
  size_t written = 0;
  while (fifo.ReadAhead() != Look::kNoRoom) {
    fifo.Write(text);  // the last one stays in the pipe
    written += text.size();
    REQUIRE(written <= kChunks * Chunk::kCapacity);
  }
  CHECK(written >= kChunks * 7 / 8 * Chunk::kCapacity);
  fifo.Write("more");
  CHECK_FALSE(fifo.IsReported());
  fifo.reader.Sleep({});  // what has woken it until then
  std::string taken;
  while (taken.size() < 3 * text.size()) fifo.TakeOne(taken);
  CHECK(fifo.reader.Sleep({}));  // room: the thread is woken
  CHECK(fifo.ReadAhead() == Look::kNothing);
  taken += fifo.Take();
  CHECK(taken == std::string(written, 'x') + "more");
}

TEST_CASE("ends of writers are bounded as bytes are") {
  Fifo fifo;
  size_t writers = 0;
  Look look = Look::kNothing;
  while (look != Look::kNoRoom && writers < 10000) {
    fifo.WriteAll("x");
    look = fifo.ReadAhead();
    ++writers;
  }
  CHECK(writers < 10000);
  std::string taken = fifo.Take();
  CHECK(std::count(taken.begin(), taken.end(), 'x') == static_cast<ptrdiff_t>(writers));
  CHECK(fifo.reader.Sleep({}));
}

TEST_CASE("a closed pipe gives its memory back, whoever still holds it") {
  Fifo fifo;
  fifo.WriteAll(std::string(500 * 1000, 'x'));
  fifo.ReadAhead();
  std::string taken;
  fifo.TakeOne(taken);
  fifo.pipe->Close();
  CHECK(fifo.pool.buffered_bytes == 0);
  CHECK(fifo.ReadAhead() == Look::kNothing);
  CHECK(fifo.pool.HasRoom(kChunks * 7 - 1));  // all of it is free
}

TEST_CASE("a pipe that must stay blocking for others is never waited for") {
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  UniqueFd writer(ends[1]);
  Sleeper reader;
  ChunkPool pool(kChunks, reader);
  Pipe pipe(UniqueFd{ends[0]}, Pipe::WithoutWriter::kEnded, pool, reader);
  Chunk scratch;
  std::vector<char> buffer(1000);
  CHECK(pipe.ReadAhead(scratch) == Look::kNothing);
  CHECK(pipe.Next(buffer).kind == Kind::kAtEnd);
  Following::WriteTo(writer.get(), "one");
  CHECK(pipe.ReadAhead(scratch) == Look::kLittle);  // left to the ingest thread
  CHECK(pipe.ReadAhead(scratch) == Look::kLittle);
  CHECK(pipe.ReadAhead(scratch) == Look::kNothing);
  writer.Reset();
  CHECK(pipe.ReadAhead(scratch) == Look::kLittle);
  CHECK(pipe.Next(buffer).bytes == "one");
  CHECK(pipe.Next(buffer).kind == Kind::kEnded);
}

TEST_CASE("looks of both threads in any order lose nothing and keep the order") {
  for (unsigned seed = 0; seed < 40; ++seed) {
    INFO("seed " << seed);
    std::mt19937 random(seed);
    Fifo fifo;
    std::string want;
    std::string taken;
    bool has_writer = false;
    for (int i = 0; i < 400; ++i) {
      switch (random() % 5) {
        case 0:
          fifo.ReadAhead();
          break;
        case 1:
        case 2:
          fifo.TakeOne(taken);
          break;
        case 3:
          if (!has_writer) fifo.Open();
          has_writer = true;
          // Not more than the pipe holds, or this thread would wait for itself.
          if (want.size() - taken.size() > 500 * 1000) break;
          want += std::string(1 + random() % (random() % 10 == 0 ? 100000 : 100), static_cast<char>('a' + i % 26));
          fifo.Write(want.substr(want.find_last_of('|') + 1));
          fifo.Close();
          has_writer = false;
          fifo.ReadAhead();
          want += '|';
          break;
        default:
          break;
      }
    }
    taken += fifo.Take();
    CHECK(taken == want);
  }
}

}  // namespace
}  // namespace qte::source
