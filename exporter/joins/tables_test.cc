#include <string>

#include "catch.h"
#include "joins/key.h"
#include "joins/lookup_table.h"
#include "joins/span_table.h"

using namespace qte::joins;
using qte::trace::Value;

namespace {

constexpr int64_t kNone = INT64_MIN;

// Ends a span that saved nothing and returns its duration in seconds, -1 where it is missing, -2 where none was open.
double End(SpanTable& table, std::string_view key, int64_t time_us) {
  Value duration;
  if (!table.End(key, time_us, {}, duration)) return -2;
  return duration.has_value() ? duration.real : -1;
}

}  // namespace

TEST_CASE("Keys join numbers by value and texts by bytes") {
  auto key = [](std::initializer_list<Value> values) {
    KeyBuilder builder;
    for (const Value& value : values) builder.Add(value);
    return std::string(builder.key());
  };
  CHECK(key({Value::Unsigned(16, "16")}) == key({Value::Unsigned(16, "0x10")}));
  CHECK(key({Value::Signed(-1, "-1")}) == key({Value::Unsigned(UINT64_MAX, "ffffffffffffffff")}));
  CHECK(key({Value::Text("16")}) != key({Value::Unsigned(16, "16")}));
  CHECK(key({Value::Text("ab"), Value::Text("c")}) != key({Value::Text("a"), Value::Text("bc")}));
  CHECK(key({Value()}) != key({Value::Text("")}));
}

TEST_CASE("A lookup gives what was learned last, and forgets the oldest at its cap") {
  LookupTable table(2);
  CHECK(table.Find("a") == nullptr);
  table.Learn("a", "1");
  table.Learn("a", "2");
  CHECK(*table.Find("a") == "2");
  table.Learn("b", "3");
  table.Learn("c", "4");
  CHECK(table.Find("a") == nullptr);
  CHECK(*table.Find("b") == "3");
  CHECK(*table.Find("c") == "4");
  CHECK(table.size() == 2);
  CHECK(table.forgotten() == 1);
  table.Clear();
  CHECK(table.Find("c") == nullptr);
}

TEST_CASE("A lookup forgets the oldest where its texts are too many bytes") {
  LookupTable table(65536);
  std::string name(50'000, 'x');
  constexpr size_t kCount = 1000;
  for (size_t i = 0; i < kCount; ++i) table.Learn(std::to_string(i), name + std::to_string(i));
  CHECK(table.size() == LookupTable::kMaxBytes / (name.size() + 6));
  CHECK(table.forgotten() == kCount - table.size());
  CHECK(*table.Find("999") == name + "999");
  CHECK(table.Find("0") == nullptr);
  // What is replaced makes room as well.
  for (size_t i = 0; i < kCount; ++i) {
    if (table.Find(std::to_string(i)) != nullptr) table.Learn(std::to_string(i), "short");
  }
  size_t known = table.size();
  uint64_t forgotten = table.forgotten();
  size_t room = LookupTable::kMaxBytes / name.size() - 1;
  for (size_t i = 0; i < room; ++i) table.Learn("new" + std::to_string(i), name);
  CHECK(table.size() == known + room);
  CHECK(table.forgotten() == forgotten);
}

TEST_CASE("Spans join start and end") {
  SpanTable table({});
  table.Start("a", 1'000'000, {});
  table.Start("b", 1'500'000, {});
  CHECK(table.open() == 2);
  CHECK(End(table, "a", 3'000'000) == 2.0);
  CHECK(End(table, "a", 3'000'000) == -2);
  CHECK(End(table, "b", 1'500'001) == 1e-6);
  CHECK(table.open() == 0);
  CHECK(table.abandoned() == 0);
}

TEST_CASE("A span without times, or whose time runs backwards, has no duration") {
  SpanTable table({});
  table.Start("a", kNone, {});
  CHECK(End(table, "a", 5) == -1);
  table.Start("a", 5, {});
  CHECK(End(table, "a", kNone) == -1);
  table.Start("a", 5, {});
  CHECK(End(table, "a", 4) == -1);
}

TEST_CASE("A span keeps the arguments of its start") {
  SpanTable table({});
  {
    std::string text = "disk.img";
    Value saved[] = {Value::Text(text), Value::Unsigned(512, "512"), Value()};
    table.Start("k", 0, saved);
    text = "gone____";
  }
  Value saved[3];
  Value duration;
  REQUIRE(table.End("k", 1, saved, duration));
  CHECK(saved[0].text() == "disk.img");
  CHECK(saved[1].bits == 512);
  CHECK(saved[1].text() == "512");
  CHECK_FALSE(saved[2].has_value());
}

TEST_CASE("Replaced, crowded out, aged and forgotten spans are abandoned") {
  SpanTable table({.max_open = 2, .max_age_us = 100});
  table.Start("a", 0, {});
  table.Start("a", 10, {});
  CHECK(table.abandoned() == 1);
  CHECK(End(table, "a", 20) == 1e-5);

  table.Start("a", 20, {});
  table.Start("b", 20, {});
  table.Start("c", 20, {});
  CHECK(table.abandoned() == 2);
  CHECK(End(table, "a", 21) == -2);

  table.Start("d", 200, {});  // b and c are too old by now
  CHECK(table.abandoned() == 4);
  CHECK(table.open() == 1);
  CHECK(End(table, "d", 301) == -2);
  CHECK(table.abandoned() == 5);

  table.Start("e", 301, {});
  table.Clear();
  CHECK(table.abandoned() == 6);
  CHECK(table.open() == 0);
}

TEST_CASE("A table that has been full for long stays sound") {
  SpanTable table({.max_open = 16, .max_age_us = 1000});
  for (int i = 0; i < 5000; ++i) {
    table.Start(std::to_string(i), i, {});
    if (i % 3 == 0) End(table, std::to_string(i - 2), i);
    REQUIRE(table.open() <= 16);
  }
  uint64_t ended = 0;
  for (int i = 0; i < 5000; ++i) ended += End(table, std::to_string(i), 5000) != -2 ? 1 : 0;
  CHECK(ended <= 16);
}

TEST_CASE("Spans without a time, or of a time to come, do not keep those behind them from ageing") {
  SpanTable table({.max_open = 16, .max_age_us = 100});
  table.Start("no time", INT64_MIN, {});
  table.Start("to come", 1'000'000, {});
  table.Start("a", 10, {});
  table.Start("b", 20, {});
  CHECK(table.open() == 4);
  table.Start("c", 115, {});
  CHECK(table.open() == 4);
  CHECK(table.abandoned() == 1);
  table.Start("d", 300, {});
  CHECK(table.open() == 3);
  CHECK(table.abandoned() == 3);
}

TEST_CASE("The oldest spans make room where what is kept of them is too many bytes") {
  SpanTable table({});
  std::string text(50'000, 'x');
  Value saved[] = {Value::Text(text)};
  constexpr size_t kCount = 1000;
  for (size_t i = 0; i < kCount; ++i) table.Start(std::to_string(i), kNone, saved);
  CHECK(table.open() == SpanTable::kMaxBytes / (text.size() + 3));
  CHECK(table.abandoned() == kCount - table.open());
  Value ended[1];
  Value duration;
  CHECK(table.End("999", kNone, ended, duration));
  CHECK(ended[0].text() == text);
  CHECK_FALSE(table.End("0", kNone, ended, duration));
  // Room that was given back can be used again.
  size_t open = table.open();
  CHECK(table.End("998", kNone, ended, duration));
  table.Start("new", kNone, saved);
  CHECK(table.open() == open);
}
