#include "http/socket_finder.h"

#include "catch.h"
#include "http/connection_for_test.h"

namespace qte::http {

TEST_CASE("A socket is found by its peer, while that is there") {
  Connection connection;
  Connection other;
  SocketFinder finder;
  for (int i = 0; i < 2; ++i) CHECK(finder.Find(connection.peer, connection.port) == connection.server.get());
  CHECK(finder.Find(connection.peer, connection.port + 1) == -1);
  CHECK(finder.Find(connection.peer + 1, connection.port) == -1);
  connection.client = UniqueFd();
  connection.server = UniqueFd();
  CHECK(finder.Find(connection.peer, connection.port) == -1);
}

TEST_CASE("All connections of a port are seen, and nothing else") {
  Connection one;
  Connection other;
  int seen = 0;
  SocketFinder::ForEach({one.port}, [&](int fd, Peer peer) {
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
