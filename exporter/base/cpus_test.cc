#include "base/cpus.h"

#include <sched.h>

#include "catch.h"

namespace qte {

TEST_CASE("A control group's quota") {
  struct Case {
    const char* text;
    std::optional<size_t> want;
  };
  for (const Case& c : std::initializer_list<Case>{
           {"max 100000\n", std::nullopt},
           {"200000 100000\n", 2},
           {"150000 100000\n", 2},
           {"1000 100000\n", 1},
           {"100000 100000", 1},
           {"", std::nullopt},
           {"100000\n", std::nullopt},
           {"0 100000\n", std::nullopt},
           {"100000 0\n", std::nullopt},
           {"-1 100000\n", std::nullopt},
           {"1x 100000\n", std::nullopt},
       }) {
    INFO(c.text);
    CHECK(ParseCpuMax(c.text) == c.want);
  }
}

TEST_CASE("A process that is bound to one processor may use one") {
  cpu_set_t before;
  REQUIRE(::sched_getaffinity(0, sizeof before, &before) == 0);
  CHECK(UsableCpus() >= 1);
  CHECK(UsableCpus() <= static_cast<size_t>(CPU_COUNT(&before)));
  cpu_set_t one;
  CPU_ZERO(&one);
  for (int cpu = 0; CPU_COUNT(&one) == 0; ++cpu) {
    if (CPU_ISSET(cpu, &before)) CPU_SET(cpu, &one);
  }
  REQUIRE(::sched_setaffinity(0, sizeof one, &one) == 0);
  CHECK(UsableCpus() == 1);
  REQUIRE(::sched_setaffinity(0, sizeof before, &before) == 0);
}

}  // namespace qte
