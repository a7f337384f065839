// Streams of several lanes, read on several threads: every byte once and in order, whatever happens to the files.
#include <atomic>
#include <functional>
#include <set>
#include <thread>

#include "source/following.h"

namespace qte::source {
namespace {

using std::chrono::milliseconds;

// Lanes by the digit in a path's file name. Keeps what each stream brought, on which threads, and how it ended.
class LaneRecorder final : public Receiver {
 public:
  struct Heard {
    std::string path;
    size_t lane = 0;
    std::string bytes;
    std::set<std::thread::id> threads;
    std::vector<Restart> restarts;
    bool is_closed = false;
  };

  explicit LaneRecorder(size_t lanes) : lanes_(lanes) {}

  void OnOpen(StreamId id, size_t /*source*/, const std::string& path, StreamId) override {
    size_t digit = path.find_first_of("0123456789", path.rfind('/') + 1);
    size_t number = digit == std::string::npos ? 0 : static_cast<size_t>(path[digit] - '0');
    heard[id].path = path;
    heard[id].lane = number % lanes_;
  }
  // Streams have their own entries, so that those of different lanes have nothing in common.
  void OnBytes(StreamId id, std::string_view bytes, uint64_t) override {
    Heard& stream = heard.at(id);
    stream.bytes += bytes;
    stream.threads.insert(std::this_thread::get_id());
    if (before_bytes) before_bytes(stream);
  }
  void OnRestart(StreamId id, Restart why) override { heard.at(id).restarts.push_back(why); }
  void OnClose(StreamId id) override { heard.at(id).is_closed = true; }
  size_t LaneOf(StreamId id) const override { return heard.at(id).lane; }

  // All that came from a path, in the order of its streams.
  std::string BytesOf(const std::string& path) const {
    std::string all;
    for (const auto& [id, stream] : heard) all += stream.path == path ? stream.bytes : "";
    return all;
  }
  std::set<std::thread::id> Threads() const {
    std::set<std::thread::id> all;
    for (const auto& [id, stream] : heard) all.insert(stream.threads.begin(), stream.threads.end());
    return all;
  }

  std::map<StreamId, Heard> heard;
  std::function<void(const Heard&)> before_bytes;

 private:
  size_t lanes_;
};

// Each look at it takes a millisecond; from any thread.
class TickingClock final : public Clock {
 public:
  Time Now() const override { return Time(std::chrono::hours(1)) + milliseconds(++looks_); }

 private:
  mutable std::atomic<int> looks_ = 0;
};

std::string Numbers(int begin, int end) {
  std::string text;
  for (int i = begin; i < end; ++i) text += std::to_string(i) + "\n";
  return text;
}

void Settle(SourceSet& set, const LaneRecorder& seen) {
  auto heard = [&] {
    size_t size = seen.heard.size();
    for (const auto& [id, stream] : seen.heard) size += stream.bytes.size() + stream.restarts.size();
    return size;
  };
  for (int quiet = 0; quiet < 4; ++quiet) {
    size_t before = heard();
    set.Step(milliseconds(0));
    if (heard() != before) quiet = 0;
  }
}

TEST_CASE("parallel: lanes read on threads of their own, and every byte comes once") {
  size_t lanes = GENERATE(1, 2, 3, 4);
  TempDir dir;
  FakeClock clock;
  LaneRecorder seen(lanes);
  std::map<std::string, std::string> want;
  for (int i = 0; i < 6; ++i) {
    std::string path = dir / (std::to_string(i) + ".log");
    want[path] = Numbers(i * 1'000'000, i * 1'000'000 + 40'000 * (i + 1));
    Following::Append(path, want[path]);
  }
  SourceSet set({{.path = dir / "*.log"}}, seen, {}, {.clock = clock});
  Settle(set, seen);
  CHECK(set.caught_up());
  for (const auto& [path, text] : want) CHECK(seen.BytesOf(path) == text);
  CHECK(seen.Threads().size() == lanes);
  // Little is read by the one thread alone.
  for (auto& [id, stream] : seen.heard) stream.threads.clear();
  for (auto& [path, text] : want) Following::Append(path, "end\n");
  Settle(set, seen);
  CHECK(seen.Threads() == std::set{std::this_thread::get_id()});
}

TEST_CASE("parallel: rotation, truncation, deletion and recreation of one file while others flood") {
  TempDir dir;
  FakeClock clock;
  LaneRecorder seen(3);
  std::map<std::string, std::string> flood;
  std::string log = dir / "0.log";
  std::string want;
  auto write = [&](int begin, int end) {
    Following::Append(log, Numbers(begin, end));
    want += Numbers(begin, end);
  };
  SourceSet set({{.path = dir / "*.log"}}, seen, {}, {.clock = clock});
  for (int round = 0; round < 8; ++round) {
    for (int i = 1; i < 4; ++i) {
      std::string path = dir / (std::to_string(i) + ".log");
      flood[path] += Numbers(round * 200'000, round * 200'000 + 60'000);
      Following::Append(path, Numbers(round * 200'000, round * 200'000 + 60'000));
    }
    write(round * 100'000, round * 100'000 + 90'000);
    set.Step(milliseconds(0));
    switch (round % 4) {
      case 0:
        Following::Rename(log, dir / ("old" + std::to_string(round)));
        break;
      case 1:
        Settle(set, seen);
        REQUIRE(::truncate(log.c_str(), 0) == 0);
        break;
      case 2:
        set.Step(milliseconds(0));
        Following::Remove(log);
        break;
      default:
        break;
    }
    write(round * 100'000 + 90'000, round * 100'000 + 90'010);
  }
  Settle(set, seen);
  CHECK(seen.BytesOf(log) == want);
  for (const auto& [path, text] : flood) CHECK(seen.BytesOf(path) == text);
  CHECK(set.Totals().rotations == 4);
  CHECK(set.Totals().truncations == 2);
  CHECK(set.Totals().lost_bytes == 0);
  CHECK(seen.Threads().size() == 3);
}

TEST_CASE("parallel: a file waits for the end of the one it follows, though their lane is not the only one") {
  TempDir dir;
  FakeClock clock;
  LaneRecorder seen(2);
  Following::Append(dir / "0.log", Numbers(0, 80'000));
  Following::Append(dir / "1.log", Numbers(0, 80'000));
  SourceSet set({{.path = dir / "*.log"}}, seen, {}, {.clock = clock});
  set.Step(milliseconds(0));
  for (int i = 1; i < 5; ++i) {
    Following::Rename(dir / "0.log", dir / ("old" + std::to_string(i)));
    Following::Append(dir / "0.log", Numbers(i * 80'000, (i + 1) * 80'000));
  }
  bool is_in_order = true;
  seen.before_bytes = [&](const LaneRecorder::Heard& stream) {
    for (const auto& [id, other] : seen.heard) {
      if (&other == &stream) return;
      if (other.path == stream.path && !other.bytes.ends_with("9999\n")) is_in_order = false;
    }
  };
  Settle(set, seen);
  CHECK(is_in_order);
  CHECK(seen.BytesOf(dir / "0.log") == Numbers(0, 400'000));
}

TEST_CASE("parallel: a FIFO in one lane, a file in another") {
  TempDir dir;
  FakeClock clock;
  LaneRecorder seen(2);
  REQUIRE(::mkfifo((dir / "0.fifo").c_str(), 0644) == 0);
  Following::Append(dir / "1.log", Numbers(0, 100'000));
  SourceSet set({{.path = dir / "0.fifo"}, {.path = dir / "1.log"}}, seen, {}, {.clock = clock});
  std::string want;
  for (int writer = 0; writer < 3; ++writer) {
    std::string text = Numbers(writer * 1'000'000, writer * 1'000'000 + 60'000);
    {
      UniqueFd fifo(::open((dir / "0.fifo").c_str(), O_WRONLY | O_CLOEXEC));
      for (size_t at = 0; at < text.size(); at += 4096) Following::WriteTo(fifo.get(), text.substr(at, 4096));
    }
    want += text;
    Following::Append(dir / "1.log", Numbers(100'000 * (writer + 1), 100'000 * (writer + 2)));
    while (seen.BytesOf(dir / "0.fifo").size() < want.size()) set.Step(milliseconds(10));
    Settle(set, seen);
  }
  CHECK(seen.BytesOf(dir / "0.fifo") == want);
  CHECK(seen.BytesOf(dir / "1.log") == Numbers(0, 400'000));
  CHECK(seen.heard.begin()->second.restarts == std::vector<Restart>(3, Restart::kWriterEnded));
}

TEST_CASE("parallel: a busy file does not starve a quiet one, in its lane or another") {
  TempDir dir;
  TickingClock clock;
  LaneRecorder seen(2);
  Following::Append(dir / "0.log", Numbers(0, 1'000'000));  // 7 MB
  Following::Append(dir / "1.log", Numbers(0, 100'000));
  SourceSet set({{.path = dir / "*.log"}}, seen, {}, {.clock = clock});
  std::string quiet;
  for (int round = 0; round < 9; ++round) {
    Following::Append(dir / "2.log", "line\n");  // beside 0.log
    Following::Append(dir / "3.log", "line\n");
    quiet += "line\n";
    set.Step(milliseconds(0));
    set.Step(milliseconds(0));
    INFO(round);
    // Discovery, which is bounded to a part of the time, may still have to find them in the first rounds.
    if (round > 3) CHECK(seen.BytesOf(dir / "2.log") == quiet);
    if (round > 3) CHECK(seen.BytesOf(dir / "3.log") == quiet);
  }
  CHECK(seen.BytesOf(dir / "0.log").size() < Numbers(0, 1'000'000).size());
  CHECK(seen.Threads().size() == 2);
}

TEST_CASE("parallel: a round ends in time however many files have a backlog, and all have their turn") {
  size_t lanes = GENERATE(1, 2);
  constexpr int kFiles = 40;
  TempDir dir;
  TickingClock clock;
  LaneRecorder seen(lanes);
  auto path_of = [&](int i) { return dir / (std::to_string(i % 2) + "-" + std::to_string(i) + ".log"); };
  const std::string text = Numbers(0, 250'000);
  for (int i = 0; i < kFiles; ++i) Following::Append(path_of(i), text);
  Following::Append(dir / "0-quiet.log", "line\n");
  SourceSet set({{.path = dir / "*.log"}}, seen, {}, {.clock = clock});
  std::atomic<int> chunks = 0;
  seen.before_bytes = [&](const LaneRecorder::Heard&) { ++chunks; };
  int rounds = 0;
  while (seen.BytesOf(dir / "0-quiet.log") != "line\nline\n") {
    // After every stream has been met once.
    if (rounds == kFiles) Following::Append(dir / "0-quiet.log", "line\n");
    chunks = 0;
    set.Step(milliseconds(0));
    // One a millisecond in each lane, and as much again by the one thread.
    CHECK(chunks <= 5 * static_cast<int>(lanes) + 5 + 2);
    REQUIRE(++rounds < 2 * kFiles);
  }
  // No stream was left behind.
  for (int i = 0; i < kFiles; ++i) CHECK(seen.BytesOf(path_of(i)).size() > 4 * 16 * 1024);
  CHECK_FALSE(set.caught_up());
  while (!set.caught_up()) set.Step(milliseconds(0));
  for (int i = 0; i < kFiles; ++i) CHECK(seen.BytesOf(path_of(i)) == text);
}

}  // namespace
}  // namespace qte::source
