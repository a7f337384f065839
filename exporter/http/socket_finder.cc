#include "http/socket_finder.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <optional>

#include "base/unique_fd.h"

namespace qte::http {
namespace {

std::optional<Peer> PeerOfSocket(int fd, int local_port) {
  sockaddr_in name{};
  socklen_t size = sizeof name;
  if (::getpeername(fd, reinterpret_cast<sockaddr*>(&name), &size) != 0 || name.sin_family != AF_INET) return {};
  return PeerOf(name.sin_addr, ntohs(name.sin_port), local_port);
}

// 0 for what is no IPv4 socket.
int LocalPort(int fd) {
  sockaddr_in name{};
  socklen_t size = sizeof name;
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&name), &size) != 0 || name.sin_family != AF_INET) return 0;
  return ntohs(name.sin_port);
}

// Of a process without /proc (in a chroot, for one): as high as it may be, within reason.
int HighestPossibleDescriptor() {
  constexpr rlim_t kMost = 65'536;
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return -1;
  return static_cast<int>(std::min(limit.rlim_cur, kMost)) - 1;
}

int HighestDescriptor() {
  struct Close {
    void operator()(DIR* dir) const { ::closedir(dir); }
  };
  std::unique_ptr<DIR, Close> list(::opendir("/proc/self/fd"));
  if (list == nullptr) return HighestPossibleDescriptor();
  int highest = -1;
  while (const dirent* entry = ::readdir(list.get())) {
    highest = std::max(highest, std::atoi(entry->d_name));
  }
  return highest;
}

}  // namespace

Peer PeerOf(const in_addr& address, int port, int local_port) {
  return static_cast<Peer>(ntohl(address.s_addr)) << 32 | static_cast<Peer>(static_cast<uint16_t>(local_port)) << 16 |
         static_cast<uint16_t>(port);
}

void ForEachSocket(const std::set<int>& local_ports, const std::function<void(int fd, Peer peer)>& see) {
  int highest = HighestDescriptor();
  for (int fd = 0; fd <= highest; ++fd) {
    if (!local_ports.contains(LocalPort(fd))) continue;
    UniqueFd own(::fcntl(fd, F_DUPFD_CLOEXEC, 0));
    int local_port = own ? LocalPort(own.get()) : 0;
    if (!local_ports.contains(local_port)) continue;
    if (std::optional<Peer> peer = PeerOfSocket(own.get(), local_port)) see(own.get(), *peer);
  }
}

}  // namespace qte::http
