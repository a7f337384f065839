#include "base/thread_team.h"

#include <algorithm>
#include <set>

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

TEST_CASE("A team that never ran ends, and so does one whose threads rest") {
  ThreadTeam idle;
  ThreadTeam rested;
  rested.Run(4, [](size_t) {});
}

}  // namespace qte
