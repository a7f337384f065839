#include "http/fetch.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <filesystem>
#include <thread>

#include "base/unique_fd.h"
#include "base/wake_event.h"
#include "catch.h"
#include "http/server_for_test.h"

namespace qte::http {
namespace {

Target At(const std::string& text) {
  return *ParseTarget(text, "10177", "/metrics");
}

Result<Fetched> Get(const std::string& text, std::chrono::milliseconds timeout = std::chrono::seconds(10)) {
  const WakeEvent never;
  return Fetch(At(text), {}, never.fd(), timeout);
}

Listener ListenSomewhere() {
  Result<Listener> listener = Listener::Open(*ParseListenAddress("127.0.0.1:0"));
  REQUIRE(listener);
  return std::move(*listener);
}

// A server that answers one connection with `answer`, whatever the request is, and closes it.
class RawServer {
 public:
  explicit RawServer(std::string answer) : listener_(ListenSomewhere()) {
    thread_ = std::thread([this, answer = std::move(answer)] {
      pollfd arrived{listener_.fd(), POLLIN, 0};
      ::poll(&arrived, 1, -1);
      const UniqueFd client(::accept(listener_.fd(), nullptr, nullptr));
      char request[4096];
      [[maybe_unused]] ssize_t n = ::recv(client.get(), request, sizeof request, 0);
      n = ::send(client.get(), answer.data(), answer.size(), MSG_NOSIGNAL);
    });
  }
  ~RawServer() { thread_.join(); }
  std::string address() const { return "127.0.0.1:" + std::to_string(listener_.port()); }

 private:
  Listener listener_;
  std::thread thread_;
};

}  // namespace

TEST_CASE("Fetch: addresses") {
  struct Case {
    const char* text;
    bool is_tls;
    const char* host;
    const char* port;
    const char* path;
  };
  for (const Case& c :
       {Case{"http://localhost:9", false, "localhost", "9", "/metrics"},
        Case{"https://a.example", true, "a.example", "10177", "/metrics"},
        Case{"localhost", false, "localhost", "10177", "/metrics"},
        Case{"localhost:9/", false, "localhost", "9", "/metrics"},
        Case{"http://proxy/qemu/metrics", false, "proxy", "10177", "/qemu/metrics"},
        Case{"http://[::1]:9/m", false, "::1", "9", "/m"}, Case{"[::1]", false, "::1", "10177", "/metrics"}}) {
    CAPTURE(c.text);
    const Target target = At(c.text);
    CHECK(target.is_tls == c.is_tls);
    CHECK(target.host == c.host);
    CHECK(target.port == c.port);
    CHECK(target.path == c.path);
  }
  CHECK(At("unix:/run/x.sock").socket_path == "/run/x.sock");
  CHECK(At("unix:/run/x.sock").path == "/metrics");
  for (const char* text : {"", ":9", "http://", "unix:", "unix:run", "ftp://a", "a:b", "a:", "::1", "[::1", "a b",
                           "a:9\r\nX: y", "user@host", "a:123456"}) {
    CAPTURE(text);
    CHECK(!ParseTarget(text, "10177", "/metrics"));
  }
}

TEST_CASE("Fetch: whole answers, also long ones, by TCP and by Unix sockets") {
  const std::string socket =
      (std::filesystem::temp_directory_path() / ("qte-fetch-" + std::to_string(::getpid()))).string();
  const std::string body(300'000, 'x');
  auto answer = [&](const Request&) { return Response{200, "text/plain", body}; };
  auto server = StartOn({"127.0.0.1:0", "unix:" + socket}, {{"/metrics", {"GET", answer}}});
  REQUIRE(server);
  const std::string tcp = "127.0.0.1:" + std::to_string(PortOf(**server));
  for (const std::string& address : {tcp, "unix:" + socket}) {
    Result<Fetched> fetched = Get(address);
    REQUIRE(fetched);
    CHECK(fetched->status == 200);
    CHECK(fetched->body == body);
  }
  CHECK(Get(tcp + "/nothing")->status == 404);
}

TEST_CASE("Fetch: answers that are not whole, or not HTTP") {
  CHECK(Get(RawServer("HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\nabc").address())->body == "abc");
  CHECK(Get(RawServer("HTTP/1.1 200 OK\r\n\r\nto the end").address())->body == "to the end");
  CHECK(Get(RawServer("HTTP/1.0 200 OK\r\nContent-Length: 9\r\n\r\nabc").address()).error() == "the answer broke off");
  CHECK(Get(RawServer("SSH-2.0-x\r\n").address()).error() == "the answer is not HTTP");
  CHECK(Get(RawServer("SSH-2.0-x\r\n\r\n").address()).error() == "the answer is not HTTP");
  CHECK(Get(RawServer("").address()).error() == "the server closed the connection");
}

TEST_CASE("Fetch: reasons why there is no answer") {
  CHECK(Get("unix:/nowhere/x.sock").error() == "no such file or directory");
  CHECK(Get("unix:/" + std::string(200, 'x')).error() == "the path of the socket is longer than 107 bytes");
  CHECK(!Get("no-such-host.invalid"));
  const Listener silent = ListenSomewhere();
  const std::string address = "127.0.0.1:" + std::to_string(silent.port());
  CHECK(Get(address, std::chrono::milliseconds(50)).error() == "no answer in time");
  const WakeEvent cancel;
  cancel.Set();
  CHECK(Fetch(At(address), {}, cancel.fd()).error() == kCancelled);
}

}  // namespace qte::http
