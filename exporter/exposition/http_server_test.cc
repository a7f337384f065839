#include "exposition/http_server.h"

#include <atomic>
#include <stdexcept>
#include <thread>

#include "catch.h"
#include "exposition/http_client_for_test.h"

using namespace qte::exposition;

namespace {

std::string BigBody() {
  std::string body;
  while (body.size() < 200000) body += "qemu_x_total{device=\"" + std::to_string(body.size()) + "\"} 1\n";
  return body;
}

std::map<std::string, Route> Routes() {
  auto text = [](std::string body) {
    return [body = std::move(body)](const Request&) { return Response{200, "text/plain", body}; };
  };
  return {{"/", {"GET", text("root")}},
          {"/metrics", {"GET", text("small")}},
          {"/big", {"GET", text(BigBody())}},
          {"/-/reload", {"POST", text("reloaded")}},
          {"/throws", {"GET", [](const Request&) -> Response { throw std::runtime_error("oops"); }}}};
}

// A server on a free port.
struct Fixture {
  std::unique_ptr<HttpServer> server;
  int port = 0;

  Fixture() {
    auto started = HttpServer::Start({"127.0.0.1:0"}, Routes());
    REQUIRE(started.ok());
    server = std::move(*started);
    port = server->ports().at(0);
    REQUIRE(port > 0);
  }
  HttpClient::Reply Ask(const std::string& method, const std::string& path, const std::string& headers = "") const {
    return HttpClient(port).Ask(method, path, headers);
  }
};

}  // namespace

TEST_CASE("Paths and methods") {
  Fixture fixture;
  struct Case {
    const char *method, *path;
    int status;
    const char* body;
  };
  for (const Case& c :
       {Case{"GET", "/metrics", 200, "small"}, Case{"GET", "/", 200, "root"}, Case{"GET", "/metrics?x=1", 200, "small"},
        Case{"POST", "/-/reload", 200, "reloaded"}, Case{"GET", "/-/reload", 405, "method not allowed; use POST\n"},
        Case{"POST", "/metrics", 405, "method not allowed; use GET, HEAD\n"},
        Case{"DELETE", "/metrics", 405, "method not allowed; use GET, HEAD\n"},
        Case{"GET", "/throws", 500, "internal error: oops\n"}}) {
    CAPTURE(c.method, c.path);
    HttpClient::Reply reply = fixture.Ask(c.method, c.path);
    CHECK(reply.status == c.status);
    CHECK(reply.body == c.body);
  }
  CHECK(fixture.Ask("POST", "/metrics").Has("Allow: GET, HEAD\r\n"));
}

TEST_CASE("Only exact paths are known") {
  Fixture fixture;
  for (const char* path : {"/metrics/", "/metricsx", "/Metrics", "/metrics/..", "/etc/passwd", "/..%2f..%2fetc/passwd",
                           "/metrics%00", "/api", "/index.html", "/.htpasswd"}) {
    CAPTURE(path);
    HttpClient::Reply reply = fixture.Ask("GET", path);
    CHECK(reply.body != "small");
    CHECK((reply.status == 404 || reply.status == 400 || reply.body == "root"));
  }
  CHECK(fixture.Ask("GET", "/nothing").body.find("GET /metrics") != std::string::npos);
}

TEST_CASE("HEAD is GET without its body") {
  Fixture fixture;
  HttpClient client(fixture.port);
  HttpClient::Reply head = client.Ask("HEAD", "/big");
  CHECK(head.status == 200);
  CHECK(head.Has("Content-Length: " + std::to_string(BigBody().size())));
  // Nothing of a body is left over for the next response.
  CHECK(client.Ask("GET", "/metrics").body == "small");
}

TEST_CASE("Big bodies are compressed for who takes it, small ones are not") {
  Fixture fixture;
  HttpClient::Reply reply = fixture.Ask("GET", "/big", "Accept-Encoding: gzip\r\n");
  CHECK(reply.Has("Content-Encoding: gzip\r\n"));
  CHECK(reply.Has("Vary: Accept-Encoding\r\n"));
  CHECK(Gunzip(reply.body) == BigBody());
  CHECK(fixture.Ask("GET", "/big").body == BigBody());
  CHECK_FALSE(fixture.Ask("GET", "/metrics", "Accept-Encoding: gzip\r\n").Has("Content-Encoding"));
}

TEST_CASE("A connection serves many requests") {
  Fixture fixture;
  HttpClient client(fixture.port);
  for (int i = 0; i < 20; ++i) {
    HttpClient::Reply reply = client.Ask("GET", "/metrics");
    CHECK(reply.status == 200);
    CHECK(reply.Has("Connection: keep-alive\r\n"));
  }
  CHECK(client.Ask("GET", "/metrics", "Connection: close\r\n").Has("Connection: close\r\n"));
}

TEST_CASE("Bad requests end with an error and hurt nobody") {
  Fixture fixture;
  std::string huge_header = "GET /metrics HTTP/1.1\r\nX: " + std::string(100000, 'x') + "\r\n\r\n";
  for (const std::string& request :
       {std::string("\r\n\r\n"), std::string("garbage\r\n\r\n"), std::string("GET\r\n\r\n"), huge_header,
        std::string("GET /metrics HTTP/9.9\r\n\r\n"), std::string("\0\xff\xfe\r\n\r\n", 7),
        "GET /" + std::string(50000, 'a') + " HTTP/1.1\r\n\r\n"}) {
    HttpClient client(fixture.port);
    client.Send(request);
    HttpClient::Reply reply = client.Read();
    CAPTURE(request.substr(0, 40), reply.status);
    CHECK((reply.status == 0 || reply.status >= 400));
    CHECK(fixture.Ask("GET", "/metrics").body == "small");
  }
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

TEST_CASE("Many clients at once all get their answer") {
  Fixture fixture;
  std::atomic<int> good = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      HttpClient client(fixture.port);
      for (int i = 0; i < 50; ++i) good += client.Ask("GET", "/big").body.size() == BigBody().size() ? 1 : 0;
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(good == 200);
}

TEST_CASE("A server ends while clients are connected") {
  Fixture fixture;
  HttpClient idle(fixture.port);
  REQUIRE(idle.Ask("GET", "/metrics").status == 200);
  fixture.server.reset();
  CHECK_FALSE(HttpClient(fixture.port).connected());
}

TEST_CASE("Several addresses") {
  auto server = HttpServer::Start({"127.0.0.1:0", "localhost:0"}, Routes());
  REQUIRE(server.ok());
  REQUIRE((*server)->ports().size() == 2);
  for (int port : (*server)->ports()) CHECK(HttpClient(port).Ask("GET", "/metrics").status == 200);
}

TEST_CASE("An address that cannot be had is named with the reason") {
  Fixture fixture;
  std::string busy = "127.0.0.1:" + std::to_string(fixture.port);
  struct Case {
    std::string address, message;
  };
  for (const Case& c :
       {Case{busy, "cannot listen on " + busy + ": address already in use"},
        Case{"127.0.0.1:http", "cannot listen on 127.0.0.1:http: \"http\" is no port"},
        Case{"127.0.0.1:70000", "cannot listen on 127.0.0.1:70000: \"70000\" is no port"},
        Case{"foo:80", "cannot listen on foo:80: \"foo\" is no IPv4 address"},
        Case{"[::1]:80", "cannot listen on [::1]:80: the HTTP library was built without IPv6; use an IPv4 address"},
        Case{"192.0.2.1:80", "cannot listen on 192.0.2.1:80: Cannot assign requested address"}}) {
    auto server = HttpServer::Start({c.address}, Routes());
    REQUIRE_FALSE(server.ok());
    CHECK(server.error() == c.message);
  }
}
