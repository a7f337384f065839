#include "http/listen_address.h"

#include "catch.h"

using namespace qte;
using namespace qte::http;

TEST_CASE("Addresses are IPv4 with a port") {
  struct Case {
    std::string text, want;
  };
  for (const Case& c :
       {Case{"0.0.0.0:10177", "0.0.0.0:10177"}, Case{":10177", "0.0.0.0:10177"}, Case{"10177", "0.0.0.0:10177"},
        Case{"localhost:0", "127.0.0.1:0"}, Case{"192.0.2.7:65535", "192.0.2.7:65535"}, Case{":00080", "0.0.0.0:80"}}) {
    CAPTURE(c.text);
    Result<ListenAddress> address = ParseListenAddress(c.text);
    REQUIRE(address.ok());
    CHECK(address->ForCivetWeb() == c.want);
    CHECK(address->text == c.text);
  }
}

TEST_CASE("What is no address is refused with the reason") {
  const std::string no_ipv6 = "the HTTP library was built without IPv6; use an IPv4 address";
  struct Case {
    std::string text, why;
  };
  for (const Case& c :
       {Case{"", "\"\" is no port"}, Case{":", "\"\" is no port"}, Case{"127.0.0.1", "\"127.0.0.1\" is no port"},
        Case{"127.0.0.1:http", "\"http\" is no port"}, Case{":65536", "\"65536\" is no port"},
        Case{":-1", "\"-1\" is no port"}, Case{":+80", "\"+80\" is no port"}, Case{":80x", "\"80x\" is no port"},
        Case{": 80", "\" 80\" is no port"}, Case{"443s", "\"443s\" is no port"}, Case{"foo:bar", "\"bar\" is no port"},
        Case{"foo:80", "\"foo\" is no IPv4 address"}, Case{"1.2.3:80", "\"1.2.3\" is no IPv4 address"},
        Case{"[::1]:80", no_ipv6}, Case{"::1:80", no_ipv6}, Case{"[::]:http", no_ipv6}, Case{"::", no_ipv6}}) {
    Result<ListenAddress> address = ParseListenAddress(c.text);
    REQUIRE_FALSE(address.ok());
    CHECK(address.error() == "cannot listen on " + c.text + ": " + c.why);
  }
}
