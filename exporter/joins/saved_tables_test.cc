// A table that is saved and restored at any point continues as if nothing had happened.
#include <bit>
#include <cmath>
#include <random>

#include "catch.h"
#include "joins/lookup_table.h"
#include "joins/saved_for_test.h"
#include "joins/span_table.h"

using namespace qte::joins;
using qte::trace::Value;
using qte::trace::ValueKind;

namespace {

constexpr int64_t kNoTime = INT64_MIN;

// One random call of a table's functions.
struct Call {
  enum What { kAdd, kAsk, kClear } what = kAdd;
  std::string key;
  std::string text;
  uint64_t bits = 0;
  int64_t time_us = kNoTime;
};

// Few keys and small bounds, so that all meet. Keys and texts hold NUL and invalid UTF-8.
std::vector<Call> RandomCalls(size_t count) {
  std::mt19937_64 random(31);
  std::vector<Call> calls(count);
  int64_t now = 1000;
  for (Call& call : calls) {
    now += static_cast<int64_t>(random() % 8) - 1;  // at times back
    uint64_t kind = random() % 100;
    call.what = kind == 0 ? Call::kClear : kind < 55 ? Call::kAdd : Call::kAsk;
    call.key = std::string("\0\xff", 2) + static_cast<char>(random() % 12);
    call.text = std::string(random() % 40, static_cast<char>(random() % 256));
    call.bits = random();
    if (random() % 8 != 0) call.time_us = now;
  }
  return calls;
}

std::string Do(LookupTable& table, const Call& call) {
  switch (call.what) {
    case Call::kAdd:
      table.Learn(call.key, call.text);
      break;
    case Call::kAsk:
      if (const std::string* found = table.Find(call.key)) return "found " + *found;
      break;
    case Call::kClear:
      table.Clear();
      break;
  }
  return std::to_string(table.size()) + " " + std::to_string(table.forgotten());
}

std::string Printed(const Value& value) {
  uint64_t bits = value.kind == ValueKind::kReal ? std::bit_cast<uint64_t>(value.real) : value.bits;
  return std::to_string(static_cast<int>(value.kind)) + (value.negative ? " -" : " ") + std::to_string(bits) + " " +
         std::string(value.text()) + ";";
}

std::string Do(SpanTable& table, const Call& call) {
  std::string done;
  switch (call.what) {
    case Call::kAdd: {
      // Any bits as a real number are at times a NaN with a payload.
      std::array<Value, 5> saved = {Value::Text(call.text), Value::Signed(std::bit_cast<int64_t>(call.bits), "7"),
                                    Value::Real(std::bit_cast<double>(call.bits), call.text), Value(),
                                    Value::Unsigned(call.bits)};
      table.Start(call.key, call.time_us, saved);
      break;
    }
    case Call::kAsk: {
      std::array<Value, 5> saved;
      Value duration;
      if (!table.End(call.key, call.time_us, saved, duration)) break;
      for (const Value& value : saved) done += Printed(value);
      done += Printed(duration);
      break;
    }
    case Call::kClear:
      table.Clear();
      break;
  }
  return done + std::to_string(table.open()) + " " + std::to_string(table.abandoned());
}

// At every 7th call the state goes over to another table, which takes the rest.
template <class Table>
void CheckSplits(const Table& empty) {
  std::vector<Call> calls = RandomCalls(1500);
  Table whole = empty;
  std::vector<std::string> want;
  for (const Call& call : calls) want.push_back(Do(whole, call));
  Table first = empty;
  for (size_t split = 0; split < calls.size(); ++split) {
    if (split % 7 == 0) {
      CAPTURE(split);
      Table second = empty;
      second.Restore(ThroughCbor(first.Save()));
      std::vector<std::string> done(want.begin(), want.begin() + static_cast<std::ptrdiff_t>(split));
      for (size_t i = split; i < calls.size(); ++i) done.push_back(Do(second, calls[i]));
      REQUIRE(done == want);
      REQUIRE(second.Save() == whole.Save());
    }
    Do(first, calls[split]);
  }
}

}  // namespace

TEST_CASE("A restored lookup goes on as the saved one") {
  size_t max_entries = GENERATE(1, 5, 100);
  CheckSplits(LookupTable(max_entries));
}

TEST_CASE("Restored spans go on as the saved ones") {
  auto limits = GENERATE(SpanLimits{1, 1'000'000}, SpanLimits{5, 30}, SpanLimits{100, 1'000'000}, SpanLimits{100, 10});
  CheckSplits(SpanTable(limits));
}

TEST_CASE("Restore replaces what was in a table") {
  LookupTable lookup(2);
  for (const char* key : {"a", "b", "c"}) lookup.Learn(key, "1");
  lookup.Restore(LookupTable(2).Save());
  CHECK(lookup.size() == 0);
  CHECK(lookup.forgotten() == 0);
  SpanTable spans({});
  spans.Start("a", 1, {});
  spans.Start("a", 1, {});
  spans.Restore(SpanTable({}).Save());
  CHECK(spans.open() == 0);
  CHECK(spans.abandoned() == 0);
}

TEST_CASE("What is restored above a table's bound gives way as by calls") {
  LookupTable wide_lookup(5);
  SpanTable wide_spans({.max_open = 5});
  LookupTable lookup(3);
  SpanTable spans({.max_open = 3});
  for (const char* key : {"a", "b", "c", "d", "e"}) {
    wide_lookup.Learn(key, "of " + std::string(key));
    wide_spans.Start(key, 7, {});
    lookup.Learn(key, "of " + std::string(key));
    spans.Start(key, 7, {});
  }
  LookupTable restored_lookup(3);
  restored_lookup.Restore(ThroughCbor(wide_lookup.Save()));
  CHECK(restored_lookup.Save() == lookup.Save());
  CHECK(restored_lookup.forgotten() == 2);
  SpanTable restored_spans({.max_open = 3});
  restored_spans.Restore(ThroughCbor(wide_spans.Save()));
  CHECK(restored_spans.Save() == spans.Save());
  CHECK(restored_spans.abandoned() == 2);
}

TEST_CASE("A span that was saved under another declaration is abandoned at its end") {
  SpanTable old({});
  old.Start("k", 1, std::array{Value::Text("a"), Value::Text("b")});
  for (size_t arguments : {0, 1, 3}) {
    CAPTURE(arguments);
    SpanTable table({});
    table.Restore(ThroughCbor(old.Save()));
    std::vector<Value> saved(arguments);
    Value duration;
    CHECK_FALSE(table.End("k", 2, saved, duration));
    CHECK(table.open() == 0);
    CHECK(table.abandoned() == 1);
  }
}

TEST_CASE("Times of spans at the ends of their range are no trouble") {
  SpanTable table({.max_age_us = INT64_MAX});
  Value duration;
  table.Start("a", INT64_MIN + 1, {});
  CHECK_FALSE(table.End("a", INT64_MAX, {}, duration));  // far too old by then
  CHECK(table.abandoned() == 1);
  table.Start("a", INT64_MAX, {});
  REQUIRE(table.End("a", INT64_MIN + 1, {}, duration));
  CHECK_FALSE(duration.has_value());
  table.Start("a", -1, {});
  REQUIRE(table.End("a", INT64_MAX - 1, {}, duration));
  CHECK(duration.real == std::ldexp(1, 63) / 1e6);
}
