// Both ends of a TCP connection on loopback, for tests.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <string_view>

#include "base/unique_fd.h"
#include "catch.h"
#include "http/listen_address.h"
#include "http/socket_finder.h"

namespace qte::http {

struct Connection {
  UniqueFd client, server;
  int port = 0;  // of the server
  Peer peer = 0;
  Connection() {
    UniqueFd listener(::socket(AF_INET, SOCK_STREAM, 0));
    sockaddr_in name = ParseListenAddress("127.0.0.1:0")->ForSocket();
    socklen_t size = sizeof name;
    REQUIRE(::bind(listener.get(), reinterpret_cast<sockaddr*>(&name), size) == 0);
    REQUIRE(::listen(listener.get(), 1) == 0);
    ::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&name), &size);
    port = ntohs(name.sin_port);
    client = UniqueFd(::socket(AF_INET, SOCK_STREAM, 0));
    REQUIRE(::connect(client.get(), reinterpret_cast<sockaddr*>(&name), size) == 0);
    server = UniqueFd(::accept(listener.get(), reinterpret_cast<sockaddr*>(&name), &size));
    peer = PeerOf(name.sin_addr, ntohs(name.sin_port), port);
  }
  void Say(std::string_view bytes) const { REQUIRE(::send(client.get(), bytes.data(), bytes.size(), 0) > 0); }
  bool IsShut() const {
    char byte;
    return ::recv(client.get(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
  }
};

}  // namespace qte::http
