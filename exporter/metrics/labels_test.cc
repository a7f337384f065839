#include "metrics/labels.h"

#include <thread>

#include "catch.h"
#include "metrics/family.h"

using namespace qte::metrics;

namespace {

std::shared_ptr<const Labels> Vm(const std::string& name) {
  return std::make_shared<const Labels>(Labels{{"vm", name}});
}

void Append(LabelList& list, const std::shared_ptr<const Labels>& base, const std::vector<std::string>& texts) {
  list.Append(base, std::vector<std::string_view>(texts.begin(), texts.end()));
}

std::vector<std::string> Texts(const SeriesLabels& labels) {
  return {labels.values.begin(), labels.values.end()};
}

}  // namespace

TEST_CASE("A list gives back what was appended, whatever its size") {
  LabelList list(2);
  auto base = Vm("v");
  std::vector<std::vector<std::string>> all;
  for (size_t i = 0; i < 3 * LabelChunk::kSize + 1; ++i) {
    all.push_back({std::string(i % 5 == 0 ? 0 : i * 7 % 3000, 'x'), std::to_string(i)});
    Append(list, base, all.back());
  }
  SharedLabels shared = list.Share();
  REQUIRE(shared.size() == all.size());
  for (size_t i = 0; i < all.size(); ++i) {
    CHECK(Texts(list[i]) == all[i]);
    CHECK(Texts(shared[i]) == all[i]);
    CHECK(shared[i].base == base);
    CHECK(shared[i].values[1] == all[i][1]);
  }
}

TEST_CASE("A list without values has series all the same") {
  LabelList list(0);
  Append(list, Vm("v"), {});
  CHECK(list[0].values.size() == 0);
  CHECK(Texts(list[0]).empty());
}

TEST_CASE("The order is by source, then by value, and goes on as the list grows") {
  LabelList list(2);
  auto b = Vm("b");
  Append(list, b, {"x", "2"});
  Append(list, b, {"x", ""});
  Append(list, Vm("b"), {"w", "9"});
  SharedLabels three = list.Share();
  CHECK(*three.Sorted() == std::vector<uint32_t>{2, 1, 0});
  Append(list, Vm("a"), {"z", "z"});
  Append(list, b, {"x", "1"});
  CHECK(*list.Share().Sorted() == std::vector<uint32_t>{3, 2, 1, 4, 0});
  // Of an older share, after others were sorted.
  CHECK(*three.Sorted() == std::vector<uint32_t>{2, 1, 0});
  CHECK(LabelList(1).Share().Sorted()->empty());
}

// What a thread sanitizer is for: one thread makes series while others read snapshots.
TEST_CASE("Snapshots are read while the family goes on") {
  constexpr int kSeries = 2000;
  Family family({"x_total", "X.", Type::kCounter, {"device"}, {}}, kSeries);
  auto base = Vm("v");
  std::vector<std::thread> readers;
  std::vector<FamilySnapshot> snapshots;
  for (int i = 0; i < kSeries; ++i) {
    const std::string device = std::to_string(i);
    family.Add(family.FindOrAdd(base, std::vector<std::string_view>{device}), i);
    if (i % 400 != 0) continue;
    readers.emplace_back([snapshot = family.TakeSnapshot(), count = static_cast<size_t>(i) + 1] {
      size_t right = 0;
      const auto order = snapshot.labels.Sorted();
      for (uint32_t series : *order) {
        right += snapshot.LabelsOf(series).values[0] == std::to_string(series) && snapshot.values[series] == series;
      }
      if (right != count) std::abort();
    });
  }
  for (std::thread& reader : readers) reader.join();
}
