#include "daemon/startup.h"

#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/spdlog.h>

#include <sstream>

#include "catch.h"

using namespace qte;
using namespace std::chrono_literals;
using daemon::Startup;

TEST_CASE("The wait ends when all has been read, or at its bound") {
  const Clock::Time begin{1h};
  CHECK_FALSE(Startup(5min, begin).IsOver(false, begin));
  CHECK_FALSE(Startup(5min, begin).IsOver(false, begin + 299s));
  CHECK(Startup(5min, begin).IsOver(true, begin));
  CHECK(Startup(5min, begin).IsOver(false, begin + 300s));
  CHECK(Startup(0ms, begin).IsOver(false, begin));
  CHECK_FALSE(Startup(std::chrono::milliseconds::max(), begin).IsOver(false, begin + 24h));
}

TEST_CASE("Progress in words") {
  CHECK(Startup::Show({12'500'000, 37'500'000}) == "12.5 of 50.0 MB (25 %)");
  CHECK(Startup::Show({0, 0}) == "0.0 of 0.0 MB (100 %)");
  CHECK(Startup::Show({0, UINT64_MAX}).ends_with("(0 %)"));
}

TEST_CASE("Progress is logged every 10 s, and the end once") {
  const std::shared_ptr<spdlog::logger> before = spdlog::default_logger();
  for (bool is_caught_up : {false, true}) {
    std::ostringstream text;
    auto logger = std::make_shared<spdlog::logger>("", std::make_shared<spdlog::sinks::ostream_sink_st>(text));
    logger->set_pattern("%l %v");
    spdlog::set_default_logger(logger);
    const Clock::Time begin{1h};
    Startup startup(25s, begin);
    for (int second = 0; second <= 60; second += 5) {
      startup.Log(is_caught_up && second >= 20, {1'000'000, 3'000'000}, begin + second * 1s + 20ms);
      CHECK(startup.is_told() == (second >= (is_caught_up ? 20 : 25)));
    }
    const std::string progress = "info not ready yet: read 1.0 of 4.0 MB (25 %) of what was there at the start\n";
    CHECK(text.str() == (is_caught_up ? progress + "info ready after 20 s: what was there at the start has been read\n"
                                      : progress + progress +
                                            "warning serving after 25 s although only 1.0 of 4.0 MB (25 %) of what was "
                                            "there at the start have been read (--web.startup-timeout): counters are "
                                            "lower than they will be\n"));
  }
  spdlog::set_default_logger(before);
}
