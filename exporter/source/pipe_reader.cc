#include "source/pipe_reader.h"

#include <sys/epoll.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <utility>

namespace qte::source {
namespace {

// After a round that found little. A pipe of 64 KiB holds so long for a writer of 64 MB/s, one of 1 MiB for any.
constexpr std::chrono::milliseconds kRest{1};
constexpr std::chrono::hours kForever{1};
constexpr int kEventsPerRound = 64;

}  // namespace

PipeReader::PipeReader() : epoll_(::epoll_create1(EPOLL_CLOEXEC)) {}

PipeReader::~PipeReader() {
  is_stopping_ = true;
  sleeper_.Wake();
  if (thread_.joinable()) thread_.join();
}

std::shared_ptr<Pipe> PipeReader::Add(UniqueFd input, Pipe::WithoutWriter without_writer) {
  std::lock_guard lock(mutex_);
  uint64_t key = ++last_key_;
  auto pipe = std::make_shared<Pipe>(std::move(input), without_writer, pool_, epoll_.get(), key);
  pipes_.emplace(key, pipe);
  if (!thread_.joinable()) thread_ = std::thread([this] { Run(); });
  return pipe;
}

void PipeReader::Remove(Pipe& pipe) {
  pipe.Close();
  std::lock_guard lock(mutex_);
  pipes_.erase(pipe.key());
}

void PipeReader::Run() {
  while (!is_stopping_) {
    Pipe::Look most = Round();
    KeepFullTime();
    if (most == Pipe::Look::kMuch) continue;
    bool is_woken = most == Pipe::Look::kLittle && sleeper_.Sleep(kRest);
    int epoll = epoll_.get();
    if (!is_woken) sleeper_.Sleep(kForever, {&epoll, 1});
  }
}

// One look at each pipe that has something or waits for room, at most one chunk from each.
Pipe::Look PipeReader::Round() {
  Pipe::Look most = Pipe::Look::kNothing;
  for (const auto& pipe : std::exchange(without_room_, {})) LookAt(pipe, most);
  std::array<epoll_event, kEventsPerRound> events;
  int n = ::epoll_wait(epoll_.get(), events.data(), kEventsPerRound, 0);
  for (int i = 0; i < n; ++i) {
    if (std::shared_ptr<Pipe> pipe = Find(events[static_cast<size_t>(i)].data.u64)) LookAt(pipe, most);
  }
  return most;
}

void PipeReader::LookAt(const std::shared_ptr<Pipe>& pipe, Pipe::Look& most) {
  Pipe::Look look = pipe->ReadAhead(scratch_);
  if (look != Pipe::Look::kNoRoom) {
    most = std::max(most, look);
  } else if (std::find(without_room_.begin(), without_room_.end(), pipe) == without_room_.end()) {
    without_room_.push_back(pipe);
  }
}

std::shared_ptr<Pipe> PipeReader::Find(uint64_t key) const {
  std::lock_guard lock(mutex_);
  auto found = pipes_.find(key);
  return found == pipes_.end() ? nullptr : found->second;
}

void PipeReader::KeepFullTime() {
  std::lock_guard lock(mutex_);
  if (without_room_.empty() == !full_since_) return;
  Clock::Time now = Clock::Steady().Now();
  if (full_since_) {
    full_time_ += now - *full_since_;
    full_since_.reset();
  } else {
    full_since_ = now;
  }
}

Clock::Duration PipeReader::full_time() const {
  std::lock_guard lock(mutex_);
  return full_time_ + (full_since_ ? Clock::Steady().Now() - *full_since_ : Clock::Duration::zero());
}

}  // namespace qte::source
