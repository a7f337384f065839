#include "http/sweeper.h"

#include <linux/sockios.h>
#include <linux/tcp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <array>
#include <optional>
#include <utility>

namespace qte::http {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kPatience{50};
constexpr milliseconds kStandstill{250};
constexpr milliseconds kBetweenSweeps{20};
constexpr size_t kMostPeeked = 16384;  // as much as a request's head may have

// Whether a request waits to be read from the socket, or the client's end of the connection.
bool HasRequest(int fd) {
  std::array<char, kMostPeeked> head;
  ssize_t n = ::recv(fd, head.data(), head.size(), MSG_PEEK | MSG_DONTWAIT);
  return n == 0 || (n > 0 && IsWholeOrHopeless({head.data(), static_cast<size_t>(n)}));
}

template <typename Value>
bool GetOption(int fd, int level, int option, Value& value) {
  socklen_t size = sizeof value;
  return ::getsockopt(fd, level, option, &value, &size) == 0;
}

}  // namespace

struct Sweeper::Look {
  Clock::time_point time;
  Cookie cookie = 0;
  tcp_info info{};
  int unread = 0;  // bytes on their way to the client
  bool has_request = false;

  static std::optional<Look> At(int fd) {
    Look look;
    look.time = Clock::now();
    if (!GetOption(fd, SOL_SOCKET, SO_COOKIE, look.cookie) || !GetOption(fd, IPPROTO_TCP, TCP_INFO, look.info) ||
        ::ioctl(fd, SIOCOUTQ, &look.unread) != 0) {
      return std::nullopt;
    }
    look.has_request = HasRequest(fd);
    return look;
  }
};

bool IsWholeOrHopeless(std::string_view head) {
  if (head.size() >= kMostPeeked) return true;
  for (size_t i = 0; i < head.size(); ++i) {
    auto c = static_cast<unsigned char>(head[i]);
    if (c == 0x7f || (c < 0x20 && c != '\r' && c != '\n')) return true;
    std::string_view rest = head.substr(i);
    if (rest.starts_with("\n\n") || rest.starts_with("\r\n\r\n")) return true;
  }
  return false;
}

Sweeper::~Sweeper() {
  stopping_.store(true, std::memory_order_relaxed);
  if (thread_.joinable()) thread_.join();
}

void Sweeper::Start(std::set<int> local_ports) {
  local_ports_ = std::move(local_ports);
  thread_ = std::thread([this] { Run(); });
}

void Sweeper::BeginAnswer(Peer peer) {
  std::lock_guard lock(mutex_);
  answered_.insert(peer);
}

void Sweeper::EndAnswer(Peer peer) {
  std::lock_guard lock(mutex_);
  answered_.erase(answered_.find(peer));
}

void Sweeper::Run() {
  while (true) {
    // What is known of connections is too old once threads were ample for a while.
    if (!patience_.IsShort()) watched_.clear();
    patience_.AwaitShortage();
    if (stopping_.load(std::memory_order_relaxed)) return;
    Sweep();
    std::this_thread::sleep_for(kBetweenSweeps);
  }
}

void Sweeper::Sweep() {
  std::map<Cookie, Watched> watched;
  ForEachSocket(local_ports_, [&](int fd, Peer peer) {
    std::optional<Look> look = Look::At(fd);
    if (!look) return;
    auto known = watched_.find(look->cookie);
    const Watched* before = known == watched_.end() ? nullptr : &known->second;
    Watched now;
    bool is_idle = IsIdle(*look, before, now);
    bool reads_too_slowly = ReadsTooSlowly(*look, before, now);
    watched[look->cookie] = now;
    if (!is_idle && !reads_too_slowly) return;
    // An answer that begins from here on finds the connection shut, one that has begun is left alone.
    std::lock_guard lock(mutex_);
    if (reads_too_slowly || !answered_.contains(peer)) ::shutdown(fd, SHUT_RDWR);
  });
  watched_ = std::move(watched);
}

bool Sweeper::IsIdle(const Look& look, const Watched* before, Watched& now) {
  // The kernel counts from the last answer, or from when the connection was made.
  if (look.has_request || milliseconds(look.info.tcpi_last_data_sent) < kPatience) return false;
  if (look.info.tcpi_bytes_received == 0) return true;
  // CivetWeb has read something of it, perhaps all and just now: whether it comes to an answer shows soon.
  bool is_new = before == nullptr || before->waits_since == Clock::time_point();
  now.waits_since = is_new ? look.time : before->waits_since;
  return look.time - now.waits_since >= kPatience;
}

bool Sweeper::ReadsTooSlowly(const Look& look, const Watched* before, Watched& now) const {
  if (look.unread == 0) return false;
  const uint64_t acked = look.info.tcpi_bytes_acked;
  bool is_new = before == nullptr || before->reads_since == Clock::time_point();
  now.reads_since = is_new ? look.time : before->reads_since;
  now.acked_then = is_new ? acked : before->acked_then;
  now.read_last = is_new || acked != before->acked ? look.time : before->read_last;
  now.acked = acked;
  return look.time - now.read_last >= kStandstill ||
         !patience_.MayGoOnReading(look.time - now.reads_since, acked - now.acked_then);
}

}  // namespace qte::http
