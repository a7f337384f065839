#include "trace/name_table.h"

#include <string>

#include "catch.h"

using qte::trace::NameTable;

TEST_CASE("Names that begin and end alike are told apart") {
  NameTable names;
  auto name_of = [](uint32_t i) { return "beginning_" + std::to_string(100000 + i) + "_and_ending"; };
  for (uint32_t i = 0; i < 1000; ++i) {
    CHECK(names.Find(name_of(i)) == NameTable::kNone);
    CHECK(names.Add(name_of(i)) == i);
  }
  for (uint32_t i = 0; i < 1000; ++i) {
    CHECK(names.Add(name_of(i)) == i);
    CHECK(names.Find(name_of(i)) == i);
    CHECK(names.NameOf(i) == name_of(i));
  }
  CHECK(names.size() == 1000);
  CHECK(names.Find(name_of(1000)) == NameTable::kNone);
}

TEST_CASE("Names of all lengths are found") {
  NameTable names;
  for (size_t size = 0; size < 40; ++size) CHECK(names.Add(std::string(size, 'a')) == size);
  for (size_t size = 0; size < 40; ++size) {
    CHECK(names.Find(std::string(size, 'a')) == size);
    CHECK(names.Find(std::string(size, 'b')) == (size == 0 ? 0 : NameTable::kNone));
  }
}
