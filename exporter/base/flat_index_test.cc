#include "base/flat_index.h"

#include <map>
#include <random>

#include "catch.h"

using qte::FlatIndex;

TEST_CASE("FlatIndex agrees with a map under random inserts and erases") {
  std::mt19937 random(7);
  // Few distinct hashes, so that runs collide, wrap around and close gaps.
  auto hash_of = [](uint32_t id) { return uint64_t{id % 13}; };
  FlatIndex index;
  std::map<uint32_t, bool> model;
  for (int step = 0; step < 20000; ++step) {
    auto id = static_cast<uint32_t>(random() % 200);
    bool found = index.Find(hash_of(id), [&](uint32_t other) { return other == id; }) == id;
    REQUIRE(found == model.contains(id));
    if (found) {
      index.Erase(hash_of(id), id);
      model.erase(id);
    } else {
      index.Insert(hash_of(id), id);
      model[id] = true;
    }
    REQUIRE(index.size() == model.size());
  }
}

TEST_CASE("FlatIndex erases only what is there and can be cleared") {
  FlatIndex index;
  index.Erase(1, 1);
  index.Insert(1, 1);
  index.Erase(1, 2);
  CHECK(index.size() == 1);
  index.Clear();
  CHECK(index.size() == 0);
  CHECK(index.Find(1, [](uint32_t) { return true; }) == FlatIndex::kNone);
}
