#include "http/listen_address.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>

#include "catch.h"

using namespace qte;
using namespace qte::http;

namespace {

bool Connects(const std::string& path) {
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  std::strcpy(name.sun_path, path.c_str());
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM, 0));
  return ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&name), sizeof name) == 0;
}

Result<Listener> Open(const std::string& text) {
  return Listener::Open(*ParseListenAddress(text));
}

}  // namespace

TEST_CASE("Forms of an address") {
  struct Case {
    std::string text, host, port, path;
  };
  for (const Case& c : {Case{"0.0.0.0:10177", "0.0.0.0", "10177", ""}, Case{":10177", "", "10177", ""},
                        Case{"10177", "", "10177", ""}, Case{"localhost:0", "localhost", "0", ""},
                        Case{"[::]:1", "", "1", ""}, Case{"[::1]:80", "::1", "80", ""},
                        Case{"[fe80::1%eth0]:80", "fe80::1%eth0", "80", ""}, Case{"a-b.example:443", "a-b.example", "443", ""},
                        Case{"unix:/run/a b.sock", "", "", "/run/a b.sock"}, Case{"unix:a:80", "", "", "a:80"}}) {
    CAPTURE(c.text);
    Result<ListenAddress> address = ParseListenAddress(c.text);
    REQUIRE(address.ok());
    CHECK(address->host == c.host);
    CHECK(address->port == c.port);
    CHECK(address->path == c.path);
    CHECK(address->text == c.text);
  }
}

TEST_CASE("What is no address is refused with the form that is expected") {
  const std::string forms = "; expected HOST:PORT, [IPV6]:PORT, :PORT or unix:/PATH";
  const std::string brackets = "an IPv6 address needs brackets, as in [::1]:10177";
  struct Case {
    std::string text, why;
  };
  for (const Case& c :
       {Case{"", "\"\" is not a port" + forms}, Case{":", "\"\" is not a port" + forms},
        Case{"127.0.0.1", "\"127.0.0.1\" is not a port" + forms}, Case{"127.0.0.1:http", "\"http\" is not a port" + forms},
        Case{":65536", "\"65536\" is not a port" + forms}, Case{":-1", "\"-1\" is not a port" + forms},
        Case{":+80", "\"+80\" is not a port" + forms}, Case{":80x", "\"80x\" is not a port" + forms},
        Case{": 80", "\" 80\" is not a port" + forms}, Case{"::1:80", brackets}, Case{"::", brackets},
        Case{"[::1]", "the port is missing" + forms}, Case{"[::1:80", brackets}, Case{"unix:", "the path is missing" + forms}}) {
    Result<ListenAddress> address = ParseListenAddress(c.text);
    REQUIRE_FALSE(address.ok());
    CHECK(address.error() == "cannot listen on " + c.text + ": " + c.why);
  }
}

TEST_CASE("A name that nobody knows is refused when it is listened on") {
  Result<Listener> listener = Open("no-such-host.invalid:80");
  REQUIRE_FALSE(listener.ok());
  CHECK(listener.error().starts_with(
      "cannot listen on no-such-host.invalid:80: the host \"no-such-host.invalid\" has no address"));
}

TEST_CASE("What a listener is called") {
  auto url = [](const std::string& text) {
    Result<Listener> listener = Open(text);
    return listener.ok() ? listener->Url("https") : listener.error();
  };
  CHECK(url("127.0.0.1:0").starts_with("https://127.0.0.1:"));
  CHECK(url(":0").starts_with("https://["));
  CHECK(url("unix:/tmp/qte-url.sock") == "unix:/tmp/qte-url.sock");
}

TEST_CASE("A Unix socket goes with its listener, and takes the place of one that nobody listens on") {
  char directory[] = "/tmp/qte-listen-XXXXXX";
  REQUIRE(::mkdtemp(directory) != nullptr);
  const std::string path = std::string(directory) + "/a.sock";
  {
    Result<Listener> listener = Open("unix:" + path);
    REQUIRE(listener.ok());
    CHECK(listener->port() == 0);
    CHECK(Connects(path));
    Result<Listener> second = Open("unix:" + path);
    REQUIRE_FALSE(second.ok());
    CHECK(second.error() == "cannot listen on unix:" + path + ": address already in use");
    Listener moved = std::move(*listener);
    CHECK(Connects(path));
  }
  CHECK(::access(path.c_str(), F_OK) != 0);
  {
    // What a process that was killed leaves.
    sockaddr_un name{};
    name.sun_family = AF_UNIX;
    std::strcpy(name.sun_path, path.c_str());
    UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM, 0));
    REQUIRE(::bind(fd.get(), reinterpret_cast<const sockaddr*>(&name), sizeof name) == 0);
  }
  CHECK(Open("unix:" + path).ok());
  // Nothing but a socket is removed.
  UniqueFd file(::creat(path.c_str(), 0600));
  CHECK(Open("unix:" + path).error() == "cannot listen on unix:" + path + ": the path exists and is not a socket");
  CHECK(::access(path.c_str(), F_OK) == 0);
  ::unlink(path.c_str());
  ::rmdir(directory);
}

TEST_CASE("Only sockets that listen are adopted") {
  UniqueFd idle(::socket(AF_INET, SOCK_STREAM, 0));
  CHECK_FALSE(Listener::Adopt(std::move(idle)).ok());
  UniqueFd pipe(::dup(STDIN_FILENO));
  CHECK_FALSE(Listener::Adopt(std::move(pipe)).ok());
  UniqueFd ready(::socket(AF_INET, SOCK_STREAM, 0));
  REQUIRE(::listen(ready.get(), 1) == 0);
  Result<Listener> listener = Listener::Adopt(std::move(ready));
  REQUIRE(listener.ok());
  CHECK(listener->port() > 0);
}

TEST_CASE("How a client is called") {
  sockaddr_storage storage{};
  auto& v4 = reinterpret_cast<sockaddr_in&>(storage);
  v4.sin_family = AF_INET;
  ::inet_pton(AF_INET, "192.0.2.7", &v4.sin_addr);
  CHECK(HostOf(storage) == "192.0.2.7");
  storage = {};
  auto& v6 = reinterpret_cast<sockaddr_in6&>(storage);
  v6.sin6_family = AF_INET6;
  ::inet_pton(AF_INET6, "2001:db8::7", &v6.sin6_addr);
  CHECK(HostOf(storage) == "2001:db8::7");
  ::inet_pton(AF_INET6, "::ffff:192.0.2.7", &v6.sin6_addr);
  CHECK(HostOf(storage) == "192.0.2.7");
  storage = {};
  storage.ss_family = AF_UNIX;
  CHECK(HostOf(storage) == "unix");
}
