#include "base/thread_team.h"

#include <pthread.h>

#include <algorithm>
#include <set>
#include <stdexcept>

#include "catch.h"

namespace qte {

TEST_CASE("A team does every part once, in any number of runs of any size") {
  ThreadTeam team;
  std::vector<int> done(8);  // no atomics: a part is of one thread, and Run orders the runs
  std::vector<int> want(8);
  for (size_t run = 0; run < 1000; ++run) {
    size_t parts = 1 + run % 8;
    team.Run(parts, [&](size_t part) { ++done[part]; });
    for (size_t part = 0; part < parts; ++part) ++want[part];
    REQUIRE(done == want);
  }
}

TEST_CASE("The first part is done by the caller, the others each by the same thread every time") {
  ThreadTeam team;
  std::vector<std::set<std::thread::id>> threads(3);
  for (int run = 0; run < 50; ++run) {
    team.Run(3, [&](size_t part) { threads[part].insert(std::this_thread::get_id()); });
  }
  CHECK(threads[0] == std::set{std::this_thread::get_id()});
  CHECK(threads[1].size() == 1);
  CHECK(threads[2].size() == 1);
  CHECK(threads[1] != threads[2]);
}

TEST_CASE("Where no thread can be started, the caller does all parts, and later ones have threads again") {
  pthread_attr_t usual;
  REQUIRE(::pthread_getattr_default_np(&usual) == 0);
  pthread_attr_t too_much = usual;
  REQUIRE(::pthread_attr_setstacksize(&too_much, size_t{1} << 47) == 0);
  ThreadTeam team;
  std::vector<int> done(4);
  REQUIRE(::pthread_setattr_default_np(&too_much) == 0);
  for (int run = 0; run < 3; ++run) team.Run(4, [&](size_t part) { ++done[part]; });
  REQUIRE(::pthread_setattr_default_np(&usual) == 0);
  CHECK(done == std::vector<int>(4, 3));
  std::vector<std::thread::id> threads(4);
  team.Run(4, [&](size_t part) { threads[part] = std::this_thread::get_id(); });
  CHECK(std::set(threads.begin(), threads.end()).size() == 4);
  ::pthread_attr_destroy(&usual);
}

TEST_CASE("What a part throws reaches the caller when the others are done") {
  size_t bad = GENERATE(0, 1, 2);
  ThreadTeam team;
  for (int run = 0; run < 3; ++run) {
    std::vector<int> done(3);
    auto do_part = [&](size_t part) {
      if (part == bad) throw std::runtime_error("part");
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
      ++done[part];
    };
    CHECK_THROWS_AS(team.Run(3, do_part), std::runtime_error);
    CHECK(std::count(done.begin(), done.end(), 1) == 2);
  }
  team.Run(3, [](size_t) {});
}

TEST_CASE("A team that never ran ends, and so does one whose threads rest") {
  ThreadTeam idle;
  ThreadTeam rested;
  rested.Run(4, [](size_t) {});
}

}  // namespace qte
