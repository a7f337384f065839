#include "commands/top/sampler.h"

#include <poll.h>

#include <algorithm>
#include <utility>

namespace qte::commands::top {

using Clock = std::chrono::steady_clock;

// Until the daemon has read what was there, it is asked more often.
constexpr std::chrono::milliseconds kWhileWaiting{200};

bool SleepUntil(Clock::time_point time, int fd) {
  while (true) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(time - Clock::now()).count();
    if (left <= 0) return true;
    pollfd polled{fd, POLLIN, 0};
    if (::poll(&polled, 1, static_cast<int>(std::min<int64_t>(left, 60'000))) > 0) return false;
  }
}

Sampler::Sampler(Feed& feed, std::chrono::milliseconds interval, Scrape::State first)
    : feed_(feed), interval_(interval), thread_([this, first] { Run(first); }) {}

Sampler::~Sampler() {
  stop_.Set();
  thread_.join();
}

std::optional<Scrape> Sampler::Take() {
  arrived_.Clear();
  const std::lock_guard lock(mutex_);
  return std::exchange(newest_, std::nullopt);
}

std::chrono::milliseconds Sampler::PauseAfter(Scrape::State state) const {
  return state == Scrape::State::kWaiting ? std::min(kWhileWaiting, interval_) : interval_;
}

void Sampler::Run(Scrape::State last) {
  Clock::time_point begin = Clock::now();
  while (SleepUntil(begin + PauseAfter(last), stop_.fd())) {
    begin = Clock::now();
    Scrape scrape = feed_.Get(stop_.fd());
    last = scrape.state;
    if (last == Scrape::State::kCancelled) return;
    {
      const std::lock_guard lock(mutex_);
      newest_ = std::move(scrape);
    }
    arrived_.Set();
  }
}

}  // namespace qte::commands::top
