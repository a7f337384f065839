// serve: the daemon from start to SIGTERM.
#include "daemon/serve.h"

#include <malloc.h>
#include <poll.h>
#include <spdlog/spdlog.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <future>
#include <iostream>
#include <mutex>
#include <vector>

#include "base/unique_fd.h"
#include "base/wake_event.h"
#include "commands/load.h"
#include "daemon/logging.h"
#include "daemon/server.h"

namespace qte::daemon {
namespace {

constexpr auto kTick = page::ChartHistory::kStep;
// What the first logs show to be wrong should not take a whole tick to tell.
constexpr std::chrono::seconds kFirstTick{1};
constexpr std::chrono::seconds kReloadTimeout{60};

// What other threads ask of the main thread: reloads, and to tick again.
class Requests {
 public:
  int fd() const { return wake_.fd(); }

  void Wake() { wake_.Set(); }

  Status RequestReload() {
    std::future<Status> answer;
    {
      std::lock_guard lock(mutex_);
      if (closed_) return Error{"the daemon is ending"};
      waiting_.emplace_back();
      answer = waiting_.back().get_future();
    }
    Wake();
    if (answer.wait_for(kReloadTimeout) != std::future_status::ready) return Error{"the reload takes too long"};
    return answer.get();
  }

  // Answers all that wait and refuses the rest, so that no thread waits while the daemon ends.
  void Close() {
    std::lock_guard lock(mutex_);
    closed_ = true;
    for (std::promise<Status>& promise : waiting_) promise.set_value(Error{"the daemon is ending"});
    waiting_.clear();
  }

  // One reload answers all who asked before it began.
  template <class Reload>
  void AnswerRequests(Reload&& reload) {
    if (!wake_.Clear()) return;
    std::vector<std::promise<Status>> waiting;
    {
      std::lock_guard lock(mutex_);
      waiting.swap(waiting_);
    }
    if (waiting.empty()) return;
    Status status = reload();
    for (std::promise<Status>& promise : waiting) promise.set_value(status);
  }

 private:
  WakeEvent wake_;
  std::mutex mutex_;
  std::vector<std::promise<Status>> waiting_;  // guarded by mutex_
  bool closed_ = false;                        // guarded by mutex_
};

// Blocks the signals that the daemon takes, for all threads to come, and gives a descriptor to read them from.
UniqueFd BlockSignals() {
  std::signal(SIGPIPE, SIG_IGN);
  sigset_t signals;
  sigemptyset(&signals);
  for (int signal : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&signals, signal);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  return UniqueFd(signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK));
}

// One descriptor a followed file, and some for files that were rotated away: as many as the system lets us have.
// Returns how many of them logs may take; the others are for HTTP, checkpoints and QMP.
size_t RaiseDescriptorLimit() {
  constexpr rlim_t kLeastReserve = 40;
  constexpr rlim_t kLeastForLogs = 16;
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return kLeastForLogs;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  getrlimit(RLIMIT_NOFILE, &limit);
  rlim_t reserve = std::max(kLeastReserve, limit.rlim_cur / 8);
  return std::max(kLeastForLogs, limit.rlim_cur - std::min(limit.rlim_cur, reserve));
}

// An answer with 100,000 series is 10 MB. glibc takes the first such block that is freed for a sign that more will
// come, keeps them from then on, and does so in a heap for each of the server's threads: after a hundred scrapes of
// eight clients the process held 270 MB instead of 30. With 10,000 VMs, each
// further heap kept another 15 MB.
void ReturnFreedMemory() {
#ifdef __GLIBC__
  constexpr int kLargestKept = 1 << 20;
  mallopt(M_MMAP_THRESHOLD, kLargestKept);
  mallopt(M_ARENA_MAX, 1);
#endif
}

// Serves until SIGTERM or SIGINT.
void WaitForTheEnd(Server& server, Requests& requests, int signals) {
  using Clock = std::chrono::steady_clock;
  Clock::time_point next_tick = Clock::now() + kFirstTick;
  while (true) {
    pollfd fds[] = {{signals, POLLIN, 0}, {requests.fd(), POLLIN, 0}};
    const bool rests = server.Rest();
    const auto rest_of_tick = std::chrono::ceil<std::chrono::milliseconds>(next_tick - Clock::now());
    ::poll(fds, std::size(fds), rests ? -1 : static_cast<int>(std::max<int64_t>(rest_of_tick.count(), 0)));
    const bool is_due = !rests && Clock::now() >= next_tick;
    if (rests) server.EndRest();
    if (is_due) server.Tick();
    if (rests || is_due) next_tick = Clock::now() + kTick;
    if ((fds[1].revents & POLLIN) != 0) requests.AnswerRequests([&] { return server.Reload(); });
    signalfd_siginfo info{};
    if ((fds[0].revents & POLLIN) == 0 || ::read(signals, &info, sizeof info) != sizeof info) continue;
    if (info.ssi_signo == SIGHUP) {
      if (Status status = server.Reload(); !status) spdlog::error("the old config stays");
      continue;
    }
    spdlog::info("{}: draining remaining input, then shutting down", info.ssi_signo == SIGTERM ? "SIGTERM" : "SIGINT");
    return;
  }
}

}  // namespace

int Serve(const commands::Options& options) {
  SetUpLogging(options.log_level, options.log_format);
  commands::LoadOutcome outcome = commands::LoadConfig(options);
  if (!outcome.loaded) {
    commands::PrintProblems(outcome);
    return commands::kExitBadInput;
  }
  for (const config::Diagnostic& warning : outcome.warnings) spdlog::warn("{}", warning.Format());
  const size_t max_open_logs = RaiseDescriptorLimit();
  ReturnFreedMemory();
  UniqueFd signals = BlockSignals();
  Requests requests;
  Server server(options, std::move(*outcome.loaded),
                {.request_reload = [&] { return requests.RequestReload(); },
                 .wake = [&] { requests.Wake(); },
                 .max_open_logs = max_open_logs});
  if (Status status = server.Start(); !status) {
    std::cerr << "qemu-trace-exporter: " << status.error() << '\n';
    return commands::kExitBadInput;
  }
  WaitForTheEnd(server, requests, signals.get());
  requests.Close();
  server.Stop();
  spdlog::info("ended");
  return commands::kExitFine;
}

}  // namespace qte::daemon
