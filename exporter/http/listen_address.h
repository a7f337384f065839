// The addresses that a server is told to listen on: ":10177" (IPv6 and IPv4), "127.0.0.1:0", "[::1]:10177", "host:10177",
// "10177", or "unix:/run/exporter.sock".
#pragma once

#include <sys/socket.h>

#include <string>

#include "base/result.h"
#include "base/unique_fd.h"

namespace qte::http {

struct ListenAddress {
  std::string text;  // as the user wrote it, for messages
  std::string host;  // an address or a name, without brackets; empty: all addresses of the machine
  std::string port;  // decimal; 0: any that is free
  std::string path;  // of a Unix socket; then there is no host and no port
};

// Looks at the form alone; a name is looked up when it is listened on. The error names the form that is expected.
Result<ListenAddress> ParseListenAddress(const std::string& text);

// A socket that listens on an address.
class Listener {
 public:
  // The error names the address and the reason ("address already in use").
  static Result<Listener> Open(const ListenAddress& address);
  // Takes a socket that listens already, as systemd hands them over.
  static Result<Listener> Adopt(UniqueFd fd);

  Listener(Listener&&) = default;
  Listener& operator=(Listener&&) = default;
  ~Listener();

  int fd() const { return fd_.get(); }
  // "http://127.0.0.1:10177", "https://[::]:10177", "unix:/run/exporter.sock".
  std::string Url(const std::string& scheme) const;
  int port() const { return port_; }  // 0 for a Unix socket

 private:
  Listener(UniqueFd fd, std::string path_to_remove);

  UniqueFd fd_;
  std::string name_;
  int port_ = 0;
  std::string path_to_remove_;  // of a Unix socket that this made
};

// The address of a client as one reads it, "192.0.2.1" or "2001:db8::1", also where it came over an IPv6 socket that takes
// IPv4 too; "unix" for a Unix socket.
std::string HostOf(const sockaddr_storage& address);

}  // namespace qte::http
