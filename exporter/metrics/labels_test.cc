#include "metrics/labels.h"

#include <thread>

#include "catch.h"
#include "metrics/family_for_test.h"

using namespace qte::metrics;

namespace {

void Append(LabelList& list, const std::vector<std::string>& texts) {
  list.Append(std::vector<std::string_view>(texts.begin(), texts.end()));
}

std::vector<std::string> Texts(const LabelValues& labels) {
  return {labels.begin(), labels.end()};
}

}  // namespace

TEST_CASE("A list gives back what was appended, whatever its size") {
  LabelList list(2);
  std::vector<std::vector<std::string>> all;
  std::vector<SharedLabels> earlier;
  for (size_t i = 0; i < 300; ++i) {
    all.push_back({std::string(i % 5 == 0 ? 0 : i * 7 % 3000, 'x'), std::to_string(i)});
    Append(list, all.back());
    earlier.push_back(list.Share());
  }
  SharedLabels shared = list.Share();
  REQUIRE(shared.size() == all.size());
  for (size_t i = 0; i < all.size(); ++i) {
    CHECK(Texts(list[i]) == all[i]);
    CHECK(Texts(shared[i]) == all[i]);
    CHECK(shared[i][1] == all[i][1]);
    REQUIRE(earlier[i].size() == i + 1);
    CHECK(Texts(earlier[i][i / 2]) == all[i / 2]);
  }
}

TEST_CASE("A list without values has series all the same") {
  LabelList list(0);
  Append(list, {});
  CHECK(list[0].size() == 0);
  CHECK(Texts(list[0]).empty());
}

TEST_CASE("The order is by value, and goes on as the list grows") {
  LabelList list(2);
  Append(list, {"x", "2"});
  Append(list, {"x", ""});
  Append(list, {"w", "9"});
  SharedLabels three = list.Share();
  CHECK(*three.Sorted() == std::vector<uint32_t>{2, 1, 0});
  Append(list, {"x", "1"});
  CHECK(*list.Share().Sorted() == std::vector<uint32_t>{2, 1, 3, 0});
  CHECK(LabelList(1).Share().Sorted()->empty());
  // So many that their order is kept.
  for (int i = 100; i < 200; ++i) Append(list, {"y", std::to_string(i)});
  SharedLabels many = list.Share();
  Append(list, {"a", "a"});
  std::vector<uint32_t> want = {2, 1, 3, 0};
  for (uint32_t i = 4; i < 104; ++i) want.push_back(i);
  CHECK(*many.Sorted() == want);
  want.insert(want.begin(), 104);
  CHECK(*list.Share().Sorted() == want);
  // Of older shares, after others were sorted.
  CHECK(*three.Sorted() == std::vector<uint32_t>{2, 1, 0});
  want.erase(want.begin());
  CHECK(*many.Sorted() == want);
}

// What a thread sanitizer is for: one thread makes series while others read snapshots.
TEST_CASE("Snapshots are read while the family goes on") {
  constexpr int kSeries = 2000;
  FamilyForTest family({"x_total", "X.", Type::kCounter, {"device"}, {}}, kSeries);
  std::vector<std::thread> readers;
  for (int i = 0; i < kSeries; ++i) {
    const std::string device = std::to_string(i);
    family->Add(family.Find({device}), i);
    if (i % 400 != 0) continue;
    readers.emplace_back([snapshot = family.Take(), count = static_cast<size_t>(i) + 1] {
      size_t right = 0;
      const auto order = snapshot.labels.Sorted();
      for (uint32_t series : *order) {
        right += snapshot.LabelsOf(series)[0] == std::to_string(series) && snapshot.values[series] == series;
      }
      if (right != count) std::abort();
    });
  }
  for (std::thread& reader : readers) reader.join();
}
