#include "joins/pointer_table.h"

#include <algorithm>
#include <list>
#include <random>
#include <string>

#include "catch.h"

using qte::joins::PointerTable;
using Table = PointerTable<int>;

TEST_CASE("PointerTable agrees with a list under random actions") {
  std::mt19937 random(11);
  Table table(32);
  std::list<uint64_t> model;  // oldest first
  for (int step = 0; step < 20000; ++step) {
    uint64_t pointer = 0x7f0000000000 + random() % 64 * 0x50;
    auto at = std::find(model.begin(), model.end(), pointer);
    uint32_t id = table.Find(pointer);
    REQUIRE((id != Table::kNone) == (at != model.end()));
    if (random() % 3 == 0 && id != Table::kNone) {
      table.Erase(id);
      model.erase(at);
    } else {
      bool added = false;
      id = table.FindOrAdd(pointer, added);
      REQUIRE(added == (at == model.end()));
      if (!added) model.erase(at);
      if (added && model.size() == 32) model.pop_front();
      model.push_back(pointer);
      table[id] = static_cast<int>(pointer);
    }
    REQUIRE(table.size() == model.size());
    REQUIRE((model.empty() ? table.oldest() == Table::kNone : table.PointerOf(table.oldest()) == model.front()));
  }
}

TEST_CASE("PointerTable uses its slots again after Clear") {
  PointerTable<std::string> table(4);
  for (int round = 0; round < 3; ++round) {
    for (uint64_t pointer = 1; pointer <= 4; ++pointer) {
      uint32_t id = table.Add(pointer);
      CHECK(id < 4);
      table[id] = "a text that is too long to stand in the string itself";
    }
    CHECK(table.full());
    table.Clear();
    CHECK(table.size() == 0);
    CHECK(table.Find(1) == PointerTable<std::string>::kNone);
  }
}

TEST_CASE("PointerTable holds at least one entry") {
  Table table(0);
  CHECK_FALSE(table.full());
  table.Add(1);
  CHECK(table.full());
}
