// What needs real time: waking, sleeping, and how long a line takes from write() to the receiver.
#include "source/source_set.h"

#include <atomic>
#include <climits>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "source/following.h"

namespace qte::source {
namespace {

using std::chrono::milliseconds;
using Now = std::chrono::steady_clock;

TEST_CASE("wake from another thread ends a waiting step") {
  Following f;
  SourceSet set({{.path = f.dir / "vm.log"}}, f.seen);
  for (int i = 0; i < 4; ++i) set.Step(milliseconds(0));
  auto begin = Now::now();
  std::thread waker([&] {
    std::this_thread::sleep_for(milliseconds(20));
    set.Wake();
  });
  set.Step(milliseconds(4000));
  CHECK(Now::now() - begin < milliseconds(2000));
  waker.join();
}

TEST_CASE("a wake before the step is not lost") {
  Following f;
  SourceSet set({{.path = f.dir / "vm.log"}}, f.seen);
  for (int i = 0; i < 4; ++i) set.Step(milliseconds(0));
  set.Wake();
  auto begin = Now::now();
  set.Step(milliseconds(4000));
  CHECK(Now::now() - begin < milliseconds(2000));
}

// Steps a SourceSet on its own thread and tells when the bytes awaited have come.
class Stepper final : public Receiver {
 public:
  explicit Stepper(const std::string& path) : set_({{.path = path}}, *this), thread_([this] { Run(); }) {}
  ~Stepper() {
    is_done_ = true;
    set_.Wake();
    thread_.join();
  }
  void OnOpen(StreamId, size_t, const std::string&, StreamId) override {}
  void OnBytes(StreamId, std::string_view bytes, uint64_t) override {
    std::lock_guard lock(mutex_);
    received_ += bytes.size();
    came_.notify_all();
  }
  void OnRestart(StreamId, Restart) override {}
  void OnClose(StreamId) override {}

  void Await(size_t bytes) {
    std::unique_lock lock(mutex_);
    REQUIRE(came_.wait_for(lock, std::chrono::seconds(10), [&] { return received_ >= bytes; }));
  }
  int steps() const { return steps_; }

 private:
  void Run() {
    while (!is_done_) {
      set_.Step(milliseconds(1000));
      ++steps_;
    }
  }

  std::mutex mutex_;
  std::condition_variable came_;
  size_t received_ = 0;
  std::atomic<bool> is_done_ = false;
  std::atomic<int> steps_ = 0;
  SourceSet set_;
  std::thread thread_;  // last: it uses all of the above
};

milliseconds MedianLatency(const std::string& path, int writes, milliseconds pause) {
  Stepper stepper(path);
  std::vector<Now::duration> latencies;
  for (int i = 0; i < writes; ++i) {
    std::this_thread::sleep_for(pause);
    auto begin = Now::now();
    Following::Append(path, "x");
    stepper.Await(static_cast<size_t>(i + 1));
    latencies.push_back(Now::now() - begin);
  }
  std::sort(latencies.begin(), latencies.end());
  Now::duration median = latencies[latencies.size() / 2];
  WARN("median latency with pauses of " << pause.count() << " ms: "
                                        << std::chrono::duration_cast<std::chrono::microseconds>(median).count()
                                        << " us");
  return std::chrono::duration_cast<milliseconds>(median);
}

TEST_CASE("latency of a busy file") {
  TempDir dir;
  Following::Append(dir / "vm.log", "");
  CHECK(MedianLatency(dir / "vm.log", 31, milliseconds(13)) < milliseconds(20));
}

TEST_CASE("latency of an idle file") {
  TempDir dir;
  Following::Append(dir / "vm.log", "");
  CHECK(MedianLatency(dir / "vm.log", 3, milliseconds(1300)) < milliseconds(100));
}

TEST_CASE("a fast writer of small lines does not make the reader spin") {
  TempDir dir;
  Following::Append(dir / "vm.log", "");
  Stepper stepper(dir / "vm.log");
  UniqueFd writer(::open((dir / "vm.log").c_str(), O_WRONLY | O_APPEND | O_CLOEXEC));
  int before = stepper.steps();
  auto begin = Now::now();
  size_t lines = 0;
  while (Now::now() - begin < milliseconds(300)) {
    Following::WriteTo(writer.get(), "line\n");
    ++lines;
  }
  stepper.Await(lines * 5);
  auto steps_of_5_ms = std::chrono::duration_cast<milliseconds>(Now::now() - begin) / milliseconds(5);
  CHECK(stepper.steps() - before <= steps_of_5_ms + 10);
}

TEST_CASE("idle files cost next to no rounds") {
  TempDir dir;
  Following::Append(dir / "vm.log", "x");
  Stepper stepper(dir / "vm.log");
  std::this_thread::sleep_for(milliseconds(1200));  // until it is idle
  // On a busy machine it may have begun later than this thread has.
  int rounds = INT_MAX;
  for (int tries = 0; tries < 3 && rounds > 4; ++tries) {
    int before = stepper.steps();
    std::this_thread::sleep_for(milliseconds(1500));
    rounds = stepper.steps() - before;
  }
  CHECK(rounds <= 4);
}

}  // namespace
}  // namespace qte::source
