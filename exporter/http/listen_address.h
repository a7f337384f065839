// The addresses that a server is told to listen on: "0.0.0.0:10177", ":10177", "localhost:0", "10177".
//
// IPv4 with a port and nothing else, since CivetWeb as Debian builds it knows no IPv6 and no unix sockets. CivetWeb
// itself says of a bad or busy address only that its ports cannot be set up, so both are looked at here beforehand.
#pragma once

#include <netinet/in.h>

#include <string>
#include <vector>

#include "base/result.h"

namespace qte::http {

struct ListenAddress {
  std::string text;  // as the user wrote it, for messages
  in_addr host{};
  int port = 0;  // 0: any that is free

  sockaddr_in ForSocket() const;
  std::string ForCivetWeb() const;  // "127.0.0.1:10177"
};

Result<ListenAddress> ParseListenAddress(const std::string& text);

// Whether all of them can be listened on at once, and if not, which one and why.
Status CanListen(const std::vector<ListenAddress>& addresses);

}  // namespace qte::http
