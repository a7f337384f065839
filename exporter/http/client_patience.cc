#include "http/client_patience.h"

namespace qte::http {
namespace {

using std::chrono::milliseconds;

// What a client is given while there are threads enough, and while there are not.
struct Allowance {
  milliseconds standstill;  // without reading anything of the answer
  double least_rate;        // bytes a second, beyond `standstill`
};
constexpr Allowance kAmple{milliseconds(5000), 16e3};
constexpr Allowance kShort{milliseconds(250), 4e6};

}  // namespace

void ClientPatience::Enter() {
  bool was_short = IsShort();
  taken_.fetch_add(1, std::memory_order_relaxed);
  if (was_short || !IsShort()) return;
  std::lock_guard lock(mutex_);
  changed_.notify_all();
}

bool ClientPatience::IsShort() const {
  return taken_.load(std::memory_order_relaxed) * 2 > threads_ || stopping_.load(std::memory_order_relaxed);
}

void ClientPatience::AwaitShortage() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return IsShort(); });
}

void ClientPatience::Stop() {
  stopping_.store(true, std::memory_order_relaxed);
  std::lock_guard lock(mutex_);
  changed_.notify_all();
}

bool ClientPatience::MayGoOnReading(std::chrono::steady_clock::duration taken, size_t sent) const {
  const Allowance& allowed = IsShort() ? kShort : kAmple;
  std::chrono::duration<double> at_least_rate(static_cast<double>(sent) / allowed.least_rate);
  return taken < allowed.standstill + at_least_rate;
}

}  // namespace qte::http
