#include "http/client_patience.h"

#include <chrono>
#include <string>
#include <thread>

#include "catch.h"
#include "http/connection_for_test.h"

namespace qte::http {
namespace {

constexpr int kThreads = 4;

// Reads until the end or `count` bytes; how many there were.
size_t ReadFrom(const UniqueFd& fd, size_t count) {
  std::string chunk(65536, '\0');
  size_t got = 0;
  while (got < count) {
    ssize_t n = ::recv(fd.get(), chunk.data(), chunk.size(), 0);
    if (n <= 0) break;
    got += static_cast<size_t>(n);
  }
  return got;
}

}  // namespace

TEST_CASE("Patience is short while more than half of the threads are taken") {
  ClientPatience patience(kThreads);
  for (int i = 0; i < kThreads / 2; ++i) patience.Enter();
  CHECK_FALSE(patience.IsShort());
  std::thread waiting([&] { patience.AwaitShortage(); });
  patience.Enter();
  CHECK(patience.IsShort());
  waiting.join();
  patience.Leave();
  CHECK_FALSE(patience.IsShort());
  patience.Stop();
  CHECK(patience.IsShort());
}

TEST_CASE("Who stops reading is given up when threads are few") {
  ClientPatience patience(kThreads);
  for (int i = 0; i < kThreads; ++i) patience.Enter();
  Connection connection;
  auto started = std::chrono::steady_clock::now();
  CHECK_FALSE(patience.Send(connection.server.get(), std::string(size_t{64} << 20, 'x')));
  CHECK(std::chrono::steady_clock::now() - started < std::chrono::seconds(3));
}

TEST_CASE("Who reads gets all of it, however few threads there are") {
  ClientPatience patience(kThreads);
  for (int i = 0; i < kThreads; ++i) patience.Enter();
  const std::string body(size_t{8} << 20, 'x');
  size_t got = 0;
  bool is_sent = false;
  // A busy machine may keep the reader from reading for longer than it is waited for.
  for (int tries = 0; tries < 3 && !is_sent; ++tries) {
    Connection connection;
    std::thread reader([&] { got = ReadFrom(connection.client, body.size()); });
    is_sent = patience.Send(connection.server.get(), body);
    reader.join();
  }
  CHECK(is_sent);
  CHECK(got == body.size());
}

TEST_CASE("Nothing is sent to who has gone") {
  ClientPatience patience(kThreads);
  Connection connection;
  connection.client = UniqueFd();
  CHECK_FALSE(patience.Send(connection.server.get(), std::string(size_t{64} << 20, 'x')));
}

}  // namespace qte::http
