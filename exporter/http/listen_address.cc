#include "http/listen_address.h"

#include <arpa/inet.h>
#include <sys/socket.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <optional>
#include <string_view>

#include "base/unique_fd.h"

namespace qte::http {
namespace {

Error CannotListen(const std::string& address, const std::string& why) {
  return Error{"cannot listen on " + address + ": " + why};
}

std::optional<int> ParsePort(std::string_view text) {
  uint16_t port = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc() || end != text.data() + text.size()) return {};
  return port;
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

// A socket that holds the address.
Result<UniqueFd> Listen(const ListenAddress& address) {
  UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd) return CannotListen(address.text, ReasonOf(errno));
  // As CivetWeb does: connections of a process before this one do not count.
  int on = 1;
  ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in name = address.ForSocket();
  bool bound =
      ::bind(fd.get(), reinterpret_cast<const sockaddr*>(&name), sizeof name) == 0 && ::listen(fd.get(), 1) == 0;
  if (!bound) return CannotListen(address.text, ReasonOf(errno));
  return fd;
}

}  // namespace

sockaddr_in ListenAddress::ForSocket() const {
  sockaddr_in name{};
  name.sin_family = AF_INET;
  name.sin_addr = host;
  name.sin_port = htons(static_cast<uint16_t>(port));
  return name;
}

std::string ListenAddress::ForCivetWeb() const {
  char digits[INET_ADDRSTRLEN] = {};
  inet_ntop(AF_INET, &host, digits, sizeof digits);
  return std::string(digits) + ":" + std::to_string(port);
}

Result<ListenAddress> ParseListenAddress(const std::string& text) {
  size_t colon = text.rfind(':');
  std::string host = colon == std::string::npos ? "" : text.substr(0, colon);
  std::string port_text = colon == std::string::npos ? text : text.substr(colon + 1);
  if (host.find(':') != std::string::npos || host.starts_with('[')) {
    return CannotListen(text, "the HTTP library was built without IPv6; use an IPv4 address");
  }
  std::optional<int> port = ParsePort(port_text);
  if (!port) return CannotListen(text, "\"" + port_text + "\" is no port");
  if (host.empty()) host = "0.0.0.0";
  if (host == "localhost") host = "127.0.0.1";
  ListenAddress address{text, {}, *port};
  if (inet_pton(AF_INET, host.c_str(), &address.host) != 1) {
    return CannotListen(text, "\"" + host + "\" is no IPv4 address");
  }
  return address;
}

Status CanListen(const std::vector<ListenAddress>& addresses) {
  if (addresses.empty()) return Error{"no address to listen on"};
  // Held until all are tried, so that two that exclude each other are found.
  std::vector<UniqueFd> held;
  for (const ListenAddress& address : addresses) {
    Result<UniqueFd> fd = Listen(address);
    if (!fd) return Error{fd.error()};
    held.push_back(std::move(*fd));
  }
  return {};
}

}  // namespace qte::http
