#include "commands/svg.h"

#include <cmath>

#include "catch.h"

namespace qte::commands {

TEST_CASE("Seconds and rates have three digits and a unit") {
  CHECK(SecondsText(0) == "0");
  CHECK(SecondsText(0.00001) == "10 µs");
  CHECK(SecondsText(0.0012345) == "1.23 ms");
  CHECK(SecondsText(30) == "30 s");
  CHECK(SecondsText(600) == "10 min");
  CHECK(SecondsText(7200) == "2 h");
  CHECK(RateText(0.5) == "0.5");
  CHECK(RateText(1200) == "1200");
  CHECK(RateText(12'345) == "12.3k");
  CHECK(RateText(1'500'000) == "1.5M");
}

TEST_CASE("A picture has its texts escaped, and a gap where a value is missing") {
  const std::string svg =
      ToSvg({{"a<b&\"c\"\x01\xff", 1, {{"Events", Chart::Unit::kPerSecond, {{"one", {1, 2, NAN, 4, NAN, 5, 6}}}}}}});
  CHECK_THAT(svg, ContainsSubstring("a&lt;b&amp;&quot;c&quot; "));
  auto count = [&](const std::string& what) {
    size_t found = 0;
    for (size_t at = svg.find(what); at != std::string::npos; at = svg.find(what, at + 1)) ++found;
    return found;
  };
  CHECK(count("<polyline") == 2);
  CHECK(count("<circle") == 1);
  CHECK(count("nan") == 0);
}

TEST_CASE("A picture of nothing is one, too") {
  CHECK_THAT(ToSvg({}), ContainsSubstring("</svg>"));
  const std::string svg =
      ToSvg({{"t", 0.001, {{"Latency", Chart::Unit::kSeconds, {{"p50", {NAN, NAN}}, {"p99", {}}}}}}});
  CHECK_THAT(svg, ContainsSubstring("Latency"));
  CHECK(svg.find("nan") == std::string::npos);
  CHECK(svg.find("inf") == std::string::npos);
}

}  // namespace qte::commands
