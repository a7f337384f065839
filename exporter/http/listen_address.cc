#include "http/listen_address.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <memory>
#include <string_view>
#include <utility>

namespace qte::http {
namespace {

constexpr std::string_view kUnix = "unix:";
constexpr std::string_view kForms = "expected HOST:PORT, [IPV6]:PORT, :PORT or unix:/PATH";
constexpr int kBacklog = 4096;

Error CannotListen(const std::string& address, const std::string& why) {
  return Error{"cannot listen on " + address + ": " + why};
}

bool IsPort(std::string_view text) {
  uint16_t port = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  return error == std::errc() && end == text.data() + text.size();
}

std::string ReasonOf(int error) {
  switch (error) {
    case EADDRINUSE:
      return "address already in use";
    case EADDRNOTAVAIL:
      return "this machine has no such address";
    case EACCES:
      return "permission denied; ports below 1024 need the capability CAP_NET_BIND_SERVICE";
    default:
      return std::strerror(error);
  }
}

using AddressList = std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)>;

Result<AddressList> LookUp(const ListenAddress& address) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const char* host = address.host.empty() ? "::" : address.host.c_str();
  if (int error = ::getaddrinfo(host, address.port.c_str(), &hints, &found); error != 0) {
    return CannotListen(address.text, "the host \"" + address.host + "\" has no address (" + ::gai_strerror(error) +
                                          "); " + std::string(kForms));
  }
  return AddressList(found, &::freeaddrinfo);
}

// Binds and listens; 0, or the number of the error.
int Listen(int fd, const sockaddr* name, socklen_t size) {
  bool listens = ::bind(fd, name, size) == 0 && ::listen(fd, kBacklog) == 0;
  return listens ? 0 : errno;
}

// An IPv6 socket for all addresses takes IPv4 as well, whatever the machine's default is.
UniqueFd TcpSocket(int family) {
  UniqueFd fd(::socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return fd;
  int on = 1;
  int off = 0;
  // Connections of a process before this one do not count.
  ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (family == AF_INET6) ::setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
  return fd;
}

Result<UniqueFd> ListenOn(const ListenAddress& address, const addrinfo& at) {
  UniqueFd fd = TcpSocket(at.ai_family);
  if (!fd) return CannotListen(address.text, ReasonOf(errno));
  if (int error = Listen(fd.get(), at.ai_addr, at.ai_addrlen); error != 0) {
    return CannotListen(address.text, ReasonOf(error));
  }
  return fd;
}

Result<UniqueFd> ListenTcp(const ListenAddress& address) {
  Result<AddressList> found = LookUp(address);
  if (!found) return Error{found.error()};
  // Takes the IPv4 one of a name with several addresses, as most programs do that listen on "localhost".
  const addrinfo* chosen = found->get();
  for (const addrinfo* each = chosen; each != nullptr; each = each->ai_next) {
    if (each->ai_family == AF_INET) {
      chosen = each;
      break;
    }
  }
  Result<UniqueFd> fd = ListenOn(address, *chosen);
  if (fd || !address.host.empty()) return fd;
  // A kernel without IPv6 has all the other addresses.
  if (UniqueFd ipv6(::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0)); ipv6) return fd;
  ListenAddress ipv4 = address;
  ipv4.host = "0.0.0.0";
  return ListenTcp(ipv4);
}

// Whether a process listens on the path.
bool IsServed(const sockaddr_un& name) {
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  return ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&name), sizeof name) == 0 || errno == EAGAIN;
}

Result<UniqueFd> ListenUnix(const ListenAddress& address) {
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  if (address.path.size() >= sizeof name.sun_path) {
    return CannotListen(address.text, "the path has over " + std::to_string(sizeof name.sun_path - 1) + " characters");
  }
  std::memcpy(name.sun_path, address.path.data(), address.path.size());
  // What an earlier process left; nothing else than a socket is removed.
  struct stat status {};
  bool is_left = ::lstat(name.sun_path, &status) == 0 && S_ISSOCK(status.st_mode) && !IsServed(name);
  if (is_left) ::unlink(name.sun_path);
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return CannotListen(address.text, std::strerror(errno));
  if (int error = Listen(fd.get(), reinterpret_cast<const sockaddr*>(&name), sizeof name); error != 0) {
    const bool is_socket = ::lstat(name.sun_path, &status) == 0 && S_ISSOCK(status.st_mode);
    if (error == EADDRINUSE && !is_socket) return CannotListen(address.text, "the path exists and is not a socket");
    return CannotListen(address.text, error == EADDRINUSE ? ReasonOf(error) : std::strerror(error));
  }
  return fd;
}

std::string NameOf(const sockaddr_storage& address) {
  if (address.ss_family == AF_UNIX) {
    return std::string(kUnix) + reinterpret_cast<const sockaddr_un&>(address).sun_path;
  }
  char host[INET6_ADDRSTRLEN] = {};
  if (address.ss_family == AF_INET) {
    const auto& name = reinterpret_cast<const sockaddr_in&>(address);
    ::inet_ntop(AF_INET, &name.sin_addr, host, sizeof host);
    return std::string(host) + ":" + std::to_string(ntohs(name.sin_port));
  }
  const auto& name = reinterpret_cast<const sockaddr_in6&>(address);
  ::inet_ntop(AF_INET6, &name.sin6_addr, host, sizeof host);
  return "[" + std::string(host) + "]:" + std::to_string(ntohs(name.sin6_port));
}

int PortOf(const sockaddr_storage& address) {
  if (address.ss_family == AF_INET) return ntohs(reinterpret_cast<const sockaddr_in&>(address).sin_port);
  if (address.ss_family == AF_INET6) return ntohs(reinterpret_cast<const sockaddr_in6&>(address).sin6_port);
  return 0;
}

}  // namespace

Result<ListenAddress> ParseListenAddress(const std::string& text) {
  if (text.starts_with(kUnix)) {
    std::string path = text.substr(kUnix.size());
    if (path.empty()) return CannotListen(text, "the path is missing; " + std::string(kForms));
    return ListenAddress{text, "", "", std::move(path)};
  }
  size_t colon = text.rfind(':');
  bool is_bracket_last = text.ends_with(']');
  std::string host = colon == std::string::npos ? "" : text.substr(0, colon);
  std::string port = colon == std::string::npos ? text : text.substr(colon + 1);
  if (is_bracket_last) return CannotListen(text, "the port is missing; " + std::string(kForms));
  bool in_brackets = host.starts_with('[') && host.ends_with(']');
  if (host.find(':') != std::string::npos && !in_brackets) {
    return CannotListen(text, "an IPv6 address needs brackets, as in [::1]:10177");
  }
  if (!IsPort(port)) return CannotListen(text, "\"" + port + "\" is not a port; " + std::string(kForms));
  if (in_brackets) host = host.substr(1, host.size() - 2);
  if (in_brackets && host == "::") host.clear();
  return ListenAddress{text, std::move(host), std::move(port), ""};
}

Listener::Listener(UniqueFd fd, std::string path_to_remove)
    : fd_(std::move(fd)), path_to_remove_(std::move(path_to_remove)) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  ::getsockname(fd_.get(), reinterpret_cast<sockaddr*>(&address), &size);
  name_ = NameOf(address);
  port_ = PortOf(address);
}

Listener::~Listener() {
  if (fd_ && !path_to_remove_.empty()) ::unlink(path_to_remove_.c_str());
}

std::string Listener::Url(const std::string& scheme) const {
  return name_.starts_with(kUnix) ? name_ : scheme + "://" + name_;
}

Result<Listener> Listener::Open(const ListenAddress& address) {
  Result<UniqueFd> fd = address.path.empty() ? ListenTcp(address) : ListenUnix(address);
  if (!fd) return Error{fd.error()};
  return Listener(std::move(*fd), address.path);
}

Result<Listener> Listener::Adopt(UniqueFd fd) {
  int listens = 0;
  socklen_t size = sizeof listens;
  bool known = ::getsockopt(fd.get(), SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) == 0;
  if (!known || listens == 0) return Error{"descriptor " + std::to_string(fd.get()) + " is not a listening socket"};
  ::fcntl(fd.get(), F_SETFL, ::fcntl(fd.get(), F_GETFL) | O_NONBLOCK);
  ::fcntl(fd.get(), F_SETFD, FD_CLOEXEC);
  return Listener(std::move(fd), "");
}

std::string HostOf(const sockaddr_storage& address) {
  char host[INET6_ADDRSTRLEN] = {};
  if (address.ss_family == AF_INET) {
    ::inet_ntop(AF_INET, &reinterpret_cast<const sockaddr_in&>(address).sin_addr, host, sizeof host);
  } else if (address.ss_family == AF_INET6) {
    const in6_addr& ip = reinterpret_cast<const sockaddr_in6&>(address).sin6_addr;
    constexpr size_t kIpv4At = 12;
    if (IN6_IS_ADDR_V4MAPPED(&ip)) {
      ::inet_ntop(AF_INET, &ip.s6_addr[kIpv4At], host, sizeof host);
    } else {
      ::inet_ntop(AF_INET6, &ip, host, sizeof host);
    }
  } else {
    return "unix";
  }
  return host;
}

}  // namespace qte::http
