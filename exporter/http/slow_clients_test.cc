// Clients that read slowly, say nothing or go away.
#include <sys/resource.h>

#include <chrono>
#include <ctime>
#include <thread>

#include "catch.h"
#include "http/http_client_for_test.h"
#include "http/server_for_test.h"

using namespace qte;
using namespace qte::http;

namespace {

constexpr size_t kBig = size_t{16} << 20;  // more than the kernel takes

struct Fixture {
  std::unique_ptr<Server> server;
  int port = 0;

  Fixture() {
    auto text = [](std::string body) {
      return Route{"GET", [body = std::move(body)](const Request&) { return Response{200, "text/plain", body}; }};
    };
    auto started = StartOn({"127.0.0.1:0"}, {{"/metrics", text("small")}, {"/big", text(std::string(kBig, 'x'))}});
    REQUIRE(started.ok());
    server = std::move(*started);
    port = PortOf(*server);
  }
  HttpClient::Reply Ask(const std::string& method, const std::string& path) const {
    return HttpClient(port).Ask(method, path);
  }
};

constexpr std::string_view kAskForBig = "GET /big HTTP/1.1\r\nHost: localhost\r\n\r\n";

}  // namespace

TEST_CASE("A client that goes away in mid-answer hurts nobody") {
  Fixture fixture;
  for (int i = 0; i < 20; ++i) HttpClient(fixture.port).Send("GET /big HTTP/1.1\r\nHost: localhost\r\n\r\n");
  CHECK(fixture.Ask("GET", "/metrics").body == "small");
}

TEST_CASE("Slow clients do not keep others waiting") {
  Fixture fixture;
  std::vector<HttpClient> stuck;
  for (int i = 0; i < 6; ++i) {
    stuck.emplace_back(fixture.port);
    stuck.back().Send("GET /metrics HTTP/1.1\r\nHost: slo");
  }
  auto started = std::chrono::steady_clock::now();
  CHECK(fixture.Ask("GET", "/metrics").body == "small");
  CHECK(std::chrono::steady_clock::now() - started < std::chrono::seconds(3));
}

TEST_CASE("Silent clients by the hundred do not keep others waiting") {
  Fixture fixture;
  std::vector<HttpClient> silent;
  for (int i = 0; i < 200; ++i) silent.emplace_back(fixture.port);
  // A connection over which nothing comes in 50 ms is ended, and a busy machine may hold up this client for as long.
  HttpClient::Reply reply;
  auto started = std::chrono::steady_clock::now();
  for (int tries = 0; tries < 3 && reply.head.empty(); ++tries) {
    started = std::chrono::steady_clock::now();
    reply = fixture.Ask("GET", "/metrics");
  }
  CHECK(reply.body == "small");
  CHECK(std::chrono::steady_clock::now() - started < std::chrono::seconds(3));
  CHECK(silent.front().SeesEnd());
}

TEST_CASE("Without a free descriptor a connection waits and costs nothing") {
  Fixture fixture;
  REQUIRE(fixture.Ask("GET", "/metrics").status == 200);
  HttpClient client(fixture.port, HttpClient::Connects::kLater);
  rlimit limit{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &limit) == 0);
  rlimit none{3, limit.rlim_max};  // poll needs some for its list
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &none) == 0);
  const std::clock_t before = std::clock();
  client.Connect();
  client.Send("GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n");
  std::this_thread::sleep_for(std::chrono::milliseconds(1000));
  const double seconds = static_cast<double>(std::clock() - before) / CLOCKS_PER_SEC;
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &limit) == 0);
  CHECK(seconds < 0.2);
  CHECK(client.Read().body == "small");
}

TEST_CASE("Who reads gets a whole answer beside others who ask for one after the other and read nothing") {
  Fixture fixture;
  HttpClient reader(fixture.port);
  reader.Send(kAskForBig);
  std::vector<HttpClient> silent;
  std::thread asks([&] {
    for (int i = 0; i < 40; ++i) {
      silent.emplace_back(fixture.port).Send(kAskForBig);
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
  });
  HttpClient::Reply reply = reader.Read(true, std::chrono::milliseconds(1));
  asks.join();
  CHECK(reply.body.size() == kBig);
  // Those who asked first have been ended meanwhile.
  CHECK(silent.front().Read().status == 0);
}
