#include "source/pipe_reader.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/thread_name.h"

namespace qte::source {
namespace {

// The fastest writer that no rest may stall: 1 ms for a pipe of 1 MiB, though never less than the shortest.
constexpr size_t kBytesPerMicrosecond = 1000;
constexpr std::chrono::microseconds kShortestRest{200};
constexpr std::chrono::hours kForever{1};

}  // namespace

PipeReader::PipeReader() = default;

PipeReader::~PipeReader() {
  is_stopping_ = true;
  sleeper_.Wake();
  if (thread_.joinable()) thread_.join();
}

std::shared_ptr<Pipe> PipeReader::Add(UniqueFd input, Pipe::WithoutWriter without_writer) {
  auto pipe = std::make_shared<Pipe>(std::move(input), without_writer, pool_, sleeper_);
  std::lock_guard lock(mutex_);
  pipes_.push_back(pipe);
  smallest_pipe_ = std::min<size_t>(smallest_pipe_, pipe->capacity());
  if (!thread_.joinable()) thread_ = std::thread([this] { Run(); });
  sleeper_.Wake();
  return pipe;
}

void PipeReader::Remove(const std::shared_ptr<Pipe>& pipe) {
  pipe->Close();
  std::lock_guard lock(mutex_);
  std::erase(pipes_, pipe);
}

void PipeReader::Run() {
  NameThread("pipes");
  while (!is_stopping_) {
    Pipe::Look most = Round();
    if (most == Pipe::Look::kMuch) continue;
    if (most == Pipe::Look::kLittle) {
      sleeper_.Sleep(std::max(kShortestRest, std::chrono::microseconds(smallest_pipe_ / kBytesPerMicrosecond)));
    } else {
      Wait();
    }
  }
}

// One look at each pipe. Where there is nothing it costs 0.2 us, less than to be told which pipes have something.
Pipe::Look PipeReader::Round() {
  {
    std::lock_guard lock(mutex_);
    looked_at_ = pipes_;
  }
  Pipe::Look most = Pipe::Look::kNothing;
  bool is_full = false;
  for (const auto& pipe : looked_at_) {
    Pipe::Look look = pipe->ReadAhead(scratch_);
    is_full = is_full || look == Pipe::Look::kNoRoom;
    if (look != Pipe::Look::kNoRoom) most = std::max(most, look);
  }
  KeepFullTime(is_full);
  return most;
}

// A pipe that is closed meanwhile lives on in poll(2) until that ends, so it is woken for it.
void PipeReader::Wait() {
  awaited_fds_.clear();
  for (const auto& pipe : looked_at_) awaited_fds_.push_back(pipe->awaited_fd());
  sleeper_.Sleep(kForever, awaited_fds_);
}

void PipeReader::KeepFullTime(bool is_full) {
  std::lock_guard lock(mutex_);
  if (is_full == full_since_.has_value()) return;
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
