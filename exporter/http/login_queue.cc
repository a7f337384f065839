#include "http/login_queue.h"

#include <algorithm>
#include <cmath>

namespace qte::http {
namespace {

// After this time an attempt counts half.
constexpr std::chrono::seconds kHalfLife{30};
constexpr double kForgotten = 0.5;
// Attempts of a trusted address until it counts as any other.
constexpr int kMostAttemptsOfTrusted = 4;

}  // namespace

double LoginQueue::Attempts::CountAt(Clock::time_point now) const {
  return count * std::exp2(-std::chrono::duration<double>(now - at) / std::chrono::duration<double>(kHalfLife));
}

int LoginQueue::CountAttempt(const std::string& address) {
  const Clock::time_point now = Clock::now();
  auto known = attempts_.find(address);
  if (known == attempts_.end() && attempts_.size() >= kMostAddresses) {
    std::erase_if(attempts_, [now](const auto& entry) { return entry.second.CountAt(now) < kForgotten; });
    // The rarest: guesses from ever more addresses must not clear the busy ones.
    auto is_rarer = [now](const auto& a, const auto& b) { return a.second.CountAt(now) < b.second.CountAt(now); };
    if (attempts_.size() >= kMostAddresses) {
      attempts_.erase(std::min_element(attempts_.begin(), attempts_.end(), is_rarer));
    }
  }
  Attempts& attempts = attempts_[address];
  const double before = attempts.CountAt(now);
  attempts = {before + 1, now};
  const int count = static_cast<int>(std::lround(before));
  return count < kMostAttemptsOfTrusted && trusted_.contains(address) ? -1 : count;
}

// If the queue is full, the newest of those who tried most often goes, unless the newcomer tried more often still.
bool LoginQueue::MakeRoom(const Turn& newcomer) {
  auto is_same = [&](const Turn* turn) { return turn->address_ == newcomer.address_; };
  if (std::count_if(turns_.begin(), turns_.end(), is_same) >= static_cast<std::ptrdiff_t>(kMostOfAnAddress))
    return false;
  if (turns_.size() < kMostWaiting) return true;
  Turn* worst = nullptr;
  for (Turn* turn : turns_) {
    if (turn->state_ == Turn::State::kWaits && (worst == nullptr || turn->attempts_ >= worst->attempts_)) worst = turn;
  }
  if (worst == nullptr || worst->attempts_ < newcomer.attempts_) return false;
  worst->state_ = Turn::State::kRefused;
  Remove(*worst);
  changed_.notify_all();
  return true;
}

bool LoginQueue::IsNext(const Turn& turn) const {
  const Turn* next = turns_.front();
  for (const Turn* other : turns_) {
    if (other->state_ == Turn::State::kHasTurn) return false;
    if (other->attempts_ < next->attempts_) next = other;
  }
  return next == &turn;
}

void LoginQueue::Remove(const Turn& turn) {
  std::erase(turns_, &turn);
}

LoginQueue::Turn::Turn(LoginQueue& queue, const std::string& address) : queue_(queue), address_(address) {
  std::unique_lock lock(queue_.mutex_);
  attempts_ = queue_.CountAttempt(address_);
  if (queue_.closed_ || !queue_.MakeRoom(*this)) {
    state_ = State::kRefused;
    return;
  }
  queue_.turns_.push_back(this);
  queue_.changed_.wait(lock, [this] { return queue_.closed_ || state_ == State::kRefused || queue_.IsNext(*this); });
  if (state_ == State::kRefused) return;
  state_ = queue_.closed_ ? State::kRefused : State::kHasTurn;
  if (state_ == State::kRefused) queue_.Remove(*this);
}

LoginQueue::Turn::~Turn() {
  if (!has_come()) return;
  std::lock_guard lock(queue_.mutex_);
  queue_.Remove(*this);
  queue_.changed_.notify_all();
}

void LoginQueue::Turn::Succeed() {
  std::lock_guard lock(queue_.mutex_);
  queue_.attempts_.erase(address_);
  if (queue_.trusted_.size() < kMostTrusted && queue_.trusted_.insert(address_).second) ++queue_.trust_changes_;
}

std::vector<std::string> LoginQueue::trusted() const {
  std::lock_guard lock(mutex_);
  return {trusted_.begin(), trusted_.end()};
}

void LoginQueue::Trust(const std::vector<std::string>& addresses) {
  std::lock_guard lock(mutex_);
  for (const std::string& address : addresses) {
    if (trusted_.size() < kMostTrusted) trusted_.insert(address);
  }
}

uint64_t LoginQueue::trust_changes() const {
  std::lock_guard lock(mutex_);
  return trust_changes_;
}

void LoginQueue::Turn::Pause(std::chrono::steady_clock::duration time) {
  std::unique_lock lock(queue_.mutex_);
  queue_.changed_.wait_for(lock, time, [this] { return queue_.closed_; });
}

void LoginQueue::Close() {
  std::lock_guard lock(mutex_);
  closed_ = true;
  changed_.notify_all();
}

size_t LoginQueue::size() const {
  std::lock_guard lock(mutex_);
  return turns_.size();
}

size_t LoginQueue::address_count() const {
  std::lock_guard lock(mutex_);
  return attempts_.size();
}

}  // namespace qte::http
