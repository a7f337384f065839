#include "http/idle_sweeper.h"

#include <linux/tcp.h>
#include <sys/socket.h>

#include <array>
#include <utility>

namespace qte::http {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kPatience{50};
constexpr milliseconds kBetweenSweeps{20};
constexpr size_t kMostPeeked = 16384;  // as much as a request's head may have

}  // namespace

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

IdleSweeper::~IdleSweeper() {
  if (thread_.joinable()) thread_.join();
}

void IdleSweeper::Start(std::set<int> local_ports) {
  local_ports_ = std::move(local_ports);
  thread_ = std::thread([this] { Run(); });
}

void IdleSweeper::BeginAnswer(Peer peer) {
  std::lock_guard lock(mutex_);
  answered_.insert(peer);
}

void IdleSweeper::EndAnswer(Peer peer) {
  std::lock_guard lock(mutex_);
  answered_.erase(answered_.find(peer));
}

void IdleSweeper::Run() {
  while (true) {
    patience_.AwaitShortage();
    if (patience_.stopping()) return;
    Sweep();
    std::this_thread::sleep_for(kBetweenSweeps);
  }
}

void IdleSweeper::Sweep() {
  Suspects still;
  SocketFinder::ForEach(local_ports_, [&](int fd, Peer peer) {
    if (!IsIdle(fd, peer, still)) return;
    // An answer that begins from here on finds the connection shut, one that has begun is left alone.
    std::lock_guard lock(mutex_);
    if (!answered_.contains(peer)) ::shutdown(fd, SHUT_RDWR);
  });
  suspects_ = std::move(still);
}

bool IdleSweeper::IsIdle(int fd, Peer peer, Suspects& still) const {
  std::array<char, kMostPeeked> head;
  ssize_t n = ::recv(fd, head.data(), head.size(), MSG_PEEK | MSG_DONTWAIT);
  if (n == 0 || (n > 0 && IsWholeOrHopeless({head.data(), static_cast<size_t>(n)}))) return false;
  tcp_info info{};
  socklen_t size = sizeof info;
  if (::getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) != 0) return false;
  // Counted by the kernel since the last answer, or since the connection was made.
  if (milliseconds(info.tcpi_last_data_sent) < kPatience) return false;
  if (info.tcpi_bytes_received == 0) return true;
  // CivetWeb has read something of it, perhaps all and just now: whether it comes to an answer shows soon.
  auto suspect = suspects_.find(peer);
  Clock::time_point since = suspect == suspects_.end() ? Clock::now() : suspect->second;
  still[peer] = since;
  return Clock::now() - since >= kPatience;
}

}  // namespace qte::http
