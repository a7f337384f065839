#include "http/server.h"

#include <sys/resource.h>

#include <atomic>
#include <chrono>
#include <ctime>
#include <stdexcept>
#include <thread>

#include "catch.h"
#include "http/http_client_for_test.h"
#include "http/server_for_test.h"

using namespace qte;
using namespace qte::http;

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
          {"/throws", {"GET", [](const Request&) -> Response { throw std::runtime_error("oops"); }}},
          {"/throws-int", {"GET", [](const Request&) -> Response { throw 7; }}}};
}

// A server on a free port.
struct Fixture {
  std::unique_ptr<Server> server;
  int port = 0;

  Fixture() {
    auto started = StartOn({"127.0.0.1:0"}, Routes());
    REQUIRE(started.ok());
    server = std::move(*started);
    port = PortOf(*server);
    REQUIRE(port > 0);
  }
  HttpClient::Reply Ask(const std::string& method, const std::string& path, const std::string& headers = "") const {
    return HttpClient(port).Ask(method, path, headers);
  }
};

// Asks over one connection. A server ends one that was idle for half a second, as one is whose client is held up by a
// busy machine; the client then connects and asks again, and counts that.
class SteadyClient {
 public:
  explicit SteadyClient(int port) : port_(port), client_(port) {}

  HttpClient::Reply Get(const std::string& path) {
    HttpClient::Reply reply = client_.Ask("GET", path);
    if (!reply.head.empty()) return reply;
    ++reconnects_;
    client_ = HttpClient(port_);
    return client_.Ask("GET", path);
  }
  int reconnects() const { return reconnects_; }

 private:
  const int port_;
  HttpClient client_;
  int reconnects_ = 0;
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
        Case{"GET", "/throws", 500, "internal error: oops\n"}, Case{"HEAD", "/throws", 500, ""},
        Case{"GET", "/throws-int", 500, "internal error\n"}, Case{"GET", "/metrics", 200, "small"}}) {
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
                           "/metrics%00", "/%6detrics", "/metrics%2f", "/metrics/.", "/metrics;x", "/metrics#x",
                           "metrics", "\\metrics", "/api", "/index.html", "/.htpasswd"}) {
    CAPTURE(path);
    HttpClient::Reply reply = fixture.Ask("GET", path);
    CHECK(reply.body != "small");
    CHECK((reply.status == 404 || reply.status == 400 || reply.body == "root"));
  }
  CHECK(fixture.Ask("GET", "/nothing").body.find("GET /metrics") != std::string::npos);
}

TEST_CASE("Other spellings of a path are the path itself") {
  Fixture fixture;
  std::string absolute = "http://127.0.0.1:" + std::to_string(fixture.port) + "/metrics";
  for (const std::string& path : {std::string("//metrics"), std::string("/./metrics"), std::string("/a/../metrics"),
                                  std::string("/metrics?"), absolute}) {
    CAPTURE(path);
    CHECK(fixture.Ask("GET", path).body == "small");
  }
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
  CHECK(reply.Has("Vary: Accept, Accept-Encoding\r\n"));
  CHECK(Gunzip(reply.body) == BigBody());
  CHECK(fixture.Ask("GET", "/big").body == BigBody());
  CHECK_FALSE(fixture.Ask("GET", "/metrics", "Accept-Encoding: gzip\r\n").Has("Content-Encoding"));
}

TEST_CASE("A connection serves many requests") {
  Fixture fixture;
  SteadyClient client(fixture.port);
  for (int i = 0; i < 20; ++i) {
    HttpClient::Reply reply = client.Get("/metrics");
    CHECK(reply.status == 200);
    CHECK(reply.Has("Connection: keep-alive\r\n"));
  }
  CHECK(client.reconnects() <= 1);
}

TEST_CASE("The server closes when it says so, and says so when it closes") {
  Fixture fixture;
  struct Case {
    const char *request_line, *headers;
    bool closes;
  };
  for (const Case& c :
       {Case{"GET /metrics HTTP/1.1", "", false}, Case{"GET /metrics HTTP/1.1", "Connection: keep-alive\r\n", false},
        Case{"GET /metrics HTTP/1.1", "Connection: Keep-Alive, TE\r\n", false},
        Case{"GET /metrics HTTP/1.1", "Connection: close\r\n", true},
        Case{"GET /metrics HTTP/1.1", "Connection: close, TE\r\n", true},
        Case{"GET /metrics HTTP/1.1", "Connection: keep-alive, close\r\n", true},
        Case{"GET /metrics HTTP/1.1", "Connection: upgrade\r\n", true}, Case{"GET /metrics HTTP/1.0", "", true},
        Case{"GET /metrics HTTP/1.0", "Connection: keep-alive\r\n", true}, Case{"GET /nothing HTTP/1.1", "", false},
        Case{"POST /metrics HTTP/1.1", "Content-Length: 0\r\n", false}}) {
    CAPTURE(c.request_line, c.headers);
    HttpClient client(fixture.port);
    client.Send(std::string(c.request_line) + "\r\nHost: localhost\r\n" + c.headers + "\r\n");
    HttpClient::Reply reply = client.Read();
    CHECK(reply.status > 0);
    CHECK(reply.Has(c.closes ? "Connection: close\r\n" : "Connection: keep-alive\r\n"));
    CHECK((c.closes ? client.SeesEnd() : client.Ask("GET", "/metrics").body == "small"));
  }
}

TEST_CASE("A body is neither waited for nor taken for the next request") {
  Fixture fixture;
  const std::string next = "GET /big HTTP/1.1\r\nHost: localhost\r\n\r\n";
  struct Case {
    const char* name;
    std::string headers, body;
  };
  for (const Case& c : {Case{"whole", "Content-Length: 5\r\n", "hello" + next},
                        Case{"like a request", "Content-Length: " + std::to_string(next.size()) + "\r\n", next},
                        Case{"chunked", "Transfer-Encoding: chunked\r\n", "5\r\nhello\r\n0\r\n\r\n" + next},
                        Case{"endless", "Content-Length: 100000000000\r\n", "hel"},
                        Case{"announced", "Content-Length: 3\r\nExpect: 100-continue\r\n", ""}}) {
    CAPTURE(c.name);
    auto started = std::chrono::steady_clock::now();
    HttpClient client(fixture.port);
    client.Send("POST /-/reload HTTP/1.1\r\nHost: localhost\r\n" + c.headers + "\r\n" + c.body);
    CHECK(client.Read().body == "reloaded");
    CHECK(client.SeesEnd());
    CHECK(std::chrono::steady_clock::now() - started < std::chrono::seconds(3));
  }
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

TEST_CASE("What is no request is refused at once, with the reason") {
  Fixture fixture;
  struct Case {
    std::string bytes;
    int status;
    const char* text;
  };
  for (const Case& c : {Case{std::string("\x16\x03\x01\x00\xc8\x01", 6), 400, "this server does not speak TLS: use http://\n"},
                        Case{"GET /metrics HTTP/1.1\r\nX: \x01", 400, "this is not a request\n"},
                        Case{"GET /metrics HTTP/1.1\r\nX: " + std::string(17000, 'x'), 431,
                             "the head of the request is too large\n"}}) {
    auto started = std::chrono::steady_clock::now();
    HttpClient client(fixture.port);
    client.Send(c.bytes);
    HttpClient::Reply reply = client.Read();
    CHECK(reply.status == c.status);
    CHECK(reply.body == c.text);
    CHECK(std::chrono::steady_clock::now() - started < std::chrono::seconds(3));
  }
}

TEST_CASE("Requests that two servers may understand differently are refused") {
  Fixture fixture;
  struct Case {
    const char *request, *text;
  };
  for (const Case& c :
       {Case{"POST /-/reload HTTP/1.1\r\nContent-Length: 0\r\nContent-Length: 0\r\n\r\n", "more than one Content-Length\n"},
        Case{"POST /-/reload HTTP/1.1\r\nContent-Length: +0\r\n\r\n", "Content-Length is not a number\n"},
        Case{"GET /metrics HTTP/1.1\r\nContent-Length: 1\r\n\r\nx", "GET takes no body\n"},
        Case{"GET /metrics HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "GET takes no body\n"}}) {
    CAPTURE(c.request);
    HttpClient client(fixture.port);
    client.Send(c.request);
    HttpClient::Reply reply = client.Read();
    CHECK(reply.status == 400);
    CHECK(reply.body == c.text);
  }
}

TEST_CASE("Answers are counted by path and status, with their times and sizes") {
  Fixture fixture;
  fixture.Ask("GET", "/metrics");
  fixture.Ask("HEAD", "/metrics");
  fixture.Ask("DELETE", "/metrics");
  for (const char* path : {"/a", "/b"}) fixture.Ask("GET", path);
  std::map<std::string, double> counts;
  for (const prometheus::MetricFamily& family : fixture.server->metrics().Collect()) {
    for (const prometheus::ClientMetric& metric : family.metric) {
      std::string series = family.name.substr(std::string("qemu_trace_exporter_http_").size());
      for (const prometheus::ClientMetric::Label& label : metric.label) series += ' ' + label.value;
      counts[series] = family.type == prometheus::MetricType::Counter ? metric.counter.value
                                                                      : static_cast<double>(metric.histogram.sample_count);
    }
  }
  CHECK(counts == std::map<std::string, double>{{"requests_total 200 /metrics", 2}, {"requests_total 405 /metrics", 1},
                                                {"requests_total 404 other", 2}, {"request_duration_seconds /metrics", 3},
                                                {"request_duration_seconds other", 2}, {"response_size_bytes /metrics", 3},
                                                {"response_size_bytes other", 2}});
}

TEST_CASE("A page of another site cannot reload") {
  Fixture fixture;
  auto status = [&](const std::string& origin) {
    return fixture.Ask("POST", "/-/reload", origin.empty() ? "" : "Origin: " + origin + "\r\n").status;
  };
  CHECK(status("") == 200);
  CHECK(status("http://localhost") == 200);
  CHECK(status("http://localhost:81") == 403);
  CHECK(status("https://evil.example") == 403);
  CHECK(status("null") == 403);
  CHECK(fixture.Ask("GET", "/metrics", "Origin: https://evil.example\r\n").status == 200);
}

TEST_CASE("With users, who does not say a password is told so and nothing else") {
  const std::string hash = "$2y$04$abcdefghijklmnopqrstuu0HtfOlPbTiymk5tcV.3TsFPDd3SYZqu";
  config::WebConfig access;
  access.users = {{"alice", hash}};
  auto server = StartOn({"127.0.0.1:0"}, Routes(), access);
  REQUIRE(server.ok());
  int port = PortOf(**server);
  for (const char* path : {"/", "/metrics", "/nothing", "/-/reload"}) {
    CAPTURE(path);
    HttpClient::Reply reply = HttpClient(port).Ask("GET", path);
    CHECK(reply.status == 401);
    CHECK(reply.Has("WWW-Authenticate: Basic realm="));
    CHECK(reply.body == "unauthorized\n");
  }
  CHECK(HttpClient(port).Ask("HEAD", "/metrics").status == 401);
  REQUIRE((*server)->SetAccess({}).ok());
  CHECK(HttpClient(port).Ask("GET", "/metrics").body == "small");
}

TEST_CASE("Many clients at once all get their answer") {
  Fixture fixture;
  std::atomic<int> good = 0;
  std::atomic<int> reconnects = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      SteadyClient client(fixture.port);
      for (int i = 0; i < 50; ++i) good += client.Get("/big").body.size() == BigBody().size() ? 1 : 0;
      reconnects += client.reconnects();
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(good == 200);
  CHECK(reconnects <= 10);
}

TEST_CASE("A server ends while clients are connected") {
  Fixture fixture;
  HttpClient idle(fixture.port);
  REQUIRE(idle.Ask("GET", "/metrics").status == 200);
  HttpClient slow(fixture.port);
  slow.Send("GET /metr");
  fixture.server.reset();
  CHECK(idle.SeesEnd());
  CHECK_FALSE(HttpClient(fixture.port).connected());
}

TEST_CASE("Several addresses") {
  auto server = StartOn({"127.0.0.1:0", "localhost:0", ":0", "[::ffff:127.0.0.1]:0"}, Routes());
  REQUIRE(server.ok());
  REQUIRE((*server)->listeners().size() == 4);
  for (const Listener& listener : (*server)->listeners()) {
    CHECK(HttpClient(listener.port()).Ask("GET", "/metrics").status == 200);
  }
}

TEST_CASE("Addresses that exclude each other are refused") {
  std::string error, one;
  // A connection of another test, of any address, may hold the port for a minute.
  for (int tries = 0; tries < 20 && (one.empty() || error.find(one) == std::string::npos); ++tries) {
    int port = Fixture().port;  // free again
    one = "127.0.0.1:" + std::to_string(port);
    auto both = StartOn({"0.0.0.0:" + std::to_string(port), one}, Routes());
    REQUIRE_FALSE(both.ok());
    error = both.error();
  }
  CHECK(error == "cannot listen on " + one + ": address already in use");
}

TEST_CASE("An address that cannot be had is named with the reason") {
  Fixture fixture;
  std::string busy = "127.0.0.1:" + std::to_string(fixture.port);
  const std::string kForms = "expected HOST:PORT, [IPV6]:PORT, :PORT or unix:/PATH";
  struct Case {
    std::string address, message;
  };
  for (const Case& c :
       {Case{busy, "cannot listen on " + busy + ": address already in use"},
        Case{"127.0.0.1:http", "cannot listen on 127.0.0.1:http: \"http\" is not a port; " + kForms},
        Case{"127.0.0.1:70000", "cannot listen on 127.0.0.1:70000: \"70000\" is not a port; " + kForms},
        Case{"::1:80", "cannot listen on ::1:80: an IPv6 address needs brackets, as in [::1]:10177"},
        Case{"[::1]", "cannot listen on [::1]: the port is missing; " + kForms},
        Case{"unix:", "cannot listen on unix:: the path is missing; " + kForms},
        Case{"unix:/nowhere/socket", "cannot listen on unix:/nowhere/socket: No such file or directory"},
        Case{"192.0.2.1:80", "cannot listen on 192.0.2.1:80: this machine has no such address"}}) {
    auto server = StartOn({c.address}, Routes());
    REQUIRE_FALSE(server.ok());
    CHECK(server.error() == c.message);
  }
}
