#include "config/scalar.h"

#include "catch.h"

using namespace std::chrono_literals;

namespace qte::config {

TEST_CASE("Numbers are decimal and finite") {
  struct Case {
    std::string_view text;
    std::optional<double> want;
  };
  for (const Case& c :
       {Case{"5", 5}, Case{"-0.25", -0.25}, Case{"1e-6", 1e-6}, Case{"010", 10}, Case{".5", 0.5}, Case{"0", 0},
        Case{"", std::nullopt}, Case{"abc", std::nullopt}, Case{"1x", std::nullopt}, Case{" 1", std::nullopt},
        Case{"0x10", std::nullopt}, Case{"+1", std::nullopt}, Case{"inf", std::nullopt}, Case{"nan", std::nullopt},
        Case{"1e400", std::nullopt}, Case{"1_000", std::nullopt}, Case{"yes", std::nullopt}}) {
    CAPTURE(c.text);
    CHECK(ParseNumber(c.text) == c.want);
  }
}

TEST_CASE("Counts are whole and decimal") {
  struct Case {
    std::string_view text;
    std::optional<uint64_t> want;
  };
  for (const Case& c :
       {Case{"1000", 1000}, Case{"010", 10}, Case{"0", 0}, Case{"18446744073709551615", UINT64_MAX},
        Case{"18446744073709551616", std::nullopt}, Case{"", std::nullopt}, Case{"-1", std::nullopt},
        Case{"1.5", std::nullopt}, Case{"1e3", std::nullopt}, Case{"0x10", std::nullopt}, Case{"1k", std::nullopt}}) {
    CAPTURE(c.text);
    CHECK(ParseCount(c.text) == c.want);
  }
}

TEST_CASE("Durations are whole numbers with units") {
  struct Case {
    std::string_view text;
    std::optional<std::chrono::microseconds> want;
  };
  for (const Case& c : {Case{"60s", 60s},
                        Case{"500ms", 500ms},
                        Case{"10m", 10min},
                        Case{"7us", 7us},
                        Case{"1h30m", 90min},
                        Case{"2d", 48h},
                        Case{"", std::nullopt},
                        Case{"60", std::nullopt},
                        Case{"s", std::nullopt},
                        Case{"0s", std::nullopt},
                        Case{"-5s", std::nullopt},
                        Case{"1h-5s", std::nullopt},
                        Case{"1.5s", std::nullopt},
                        Case{"5 s", std::nullopt},
                        Case{"5y", std::nullopt},
                        Case{"5ss", std::nullopt},
                        Case{"1h30", std::nullopt},
                        Case{"9223372036854775807us", std::chrono::microseconds(INT64_MAX)},
                        Case{"9223372036854775807s", std::nullopt},
                        Case{"9223372036854775807us1us", std::nullopt}}) {
    CAPTURE(c.text);
    CHECK(ParseDuration(c.text) == c.want);
  }
}

}  // namespace qte::config
