#include "http/client_patience.h"

#include <poll.h>
#include <sys/socket.h>

#include <cerrno>

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

// How often a thread that waits looks whether threads have become few.
constexpr int kLookMillis = 20;

}  // namespace

void ClientPatience::Enter() {
  bool was_short = IsShort();
  taken_.fetch_add(1, std::memory_order_relaxed);
  if (was_short || !IsShort()) return;
  std::lock_guard lock(mutex_);
  changed_.notify_all();
}

bool ClientPatience::IsShort() const {
  return taken_.load(std::memory_order_relaxed) * 2 > threads_ || stopping();
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

bool ClientPatience::MayGoOnReading(Clock::time_point started, Clock::time_point progress, size_t sent) const {
  const Allowance& allowed = IsShort() ? kShort : kAmple;
  Clock::time_point now = Clock::now();
  if (now - progress > allowed.standstill) return false;
  std::chrono::duration<double> at_least_rate(static_cast<double>(sent) / allowed.least_rate);
  return now - started < allowed.standstill + at_least_rate;
}

bool ClientPatience::Send(int fd, std::string_view bytes) const {
  const Clock::time_point started = Clock::now();
  Clock::time_point progress = started;
  size_t sent = 0;
  while (sent < bytes.size()) {
    ssize_t n = ::send(fd, bytes.data() + sent, bytes.size() - sent, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n > 0) {
      sent += static_cast<size_t>(n);
      progress = Clock::now();
      continue;
    }
    bool full = n < 0 && (errno == EAGAIN || errno == EINTR);
    if (!full || !MayGoOnReading(started, progress, sent)) {
      ::shutdown(fd, SHUT_RDWR);
      return false;
    }
    pollfd room{fd, POLLOUT, 0};
    ::poll(&room, 1, kLookMillis);
  }
  return true;
}

}  // namespace qte::http
