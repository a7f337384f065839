#include "http/socket_finder.h"

#include "catch.h"
#include "http/connection_for_test.h"

namespace qte::http {

TEST_CASE("All connections of a port are seen, and nothing else") {
  Connection one;
  Connection other;
  int seen = 0;
  ForEachSocket({one.port}, [&](int fd, Peer peer) {
    ++seen;
    CHECK(peer == one.peer);
    CHECK(fd != one.server.get());
    ::shutdown(fd, SHUT_RDWR);
  });
  CHECK(seen == 1);
  CHECK(one.IsShut());
  CHECK_FALSE(other.IsShut());
}

}  // namespace qte::http
