#include "metrics/family.h"

#include "catch.h"
#include "metrics/families.h"
#include "metrics/family_for_test.h"

using namespace qte::metrics;

namespace {

FamilySpec Spec(Type type, std::vector<std::string> label_names = {"device"}) {
  FamilySpec spec;
  spec.name = "qemu_x";
  spec.type = type;
  spec.label_names = std::move(label_names);
  if (type == Type::kHistogram) spec.bounds = {1, 2, 4};
  return spec;
}

std::vector<std::string> Texts(const FamilySnapshot& family, size_t series) {
  LabelValues values = family.LabelsOf(series);
  return {values.begin(), values.end()};
}

}  // namespace

TEST_CASE("A label set has one series, however often it is asked for") {
  FamilyForTest family(Spec(Type::kCounter));
  SeriesId a = family.Find({"sda"});
  CHECK(family.Find({"sda"}) == a);
  CHECK(family.Find({"sdb"}) != a);
  CHECK(family->series_count() == 2);
}

TEST_CASE("Values and texts may move between labels without being mistaken") {
  FamilyForTest family(Spec(Type::kCounter, {"a", "b"}));
  SeriesId x = family.Find({"ab", "c"});
  CHECK(x != family.Find({"a", "bc"}));
  CHECK(x != family.Find({"", "abc"}));
}

TEST_CASE("Over the limit, label sets fold into one _other_ series and sums stay right") {
  FamilyForTest family(Spec(Type::kCounter), 3);
  double sum = 0;
  for (int i = 0; i < 100; ++i) {
    const std::string device = std::to_string(i);
    family->Add(family.Find({device}), i);
    sum += i;
  }
  CHECK(family->series_count() == 4);
  CHECK(family->overflowed() == 97);
  FamilySnapshot snapshot = family.Take("vm0");
  double total = 0;
  for (double value : snapshot.values) total += value;
  CHECK(total == sum);
  CHECK(Texts(snapshot, 3) == std::vector<std::string>{"_other_"});
  CHECK(*snapshot.base == Labels{{"vm", "vm0"}});
  CHECK(family->IsOther(3));
  // Known series still count on their own.
  CHECK(family.Find({"0"}) == 0);
}

TEST_CASE("A metric without labels of its own has its series whatever the limits") {
  FamilyForTest family(Spec(Type::kCounter, {}), 1, 0);
  family->Add(family.Find({}), 2);
  CHECK(family.Take().values == std::vector<double>{2});
  CHECK(family->overflowed() == 0);
}

TEST_CASE("A guest holds at most as many series as it leaves free, so that others find room") {
  Budget budget(90);
  auto kinds = std::make_shared<FamilyKinds>();
  for (int i = 0; i < 2; ++i) kinds->push_back(std::make_shared<const FamilyKind>(Spec(Type::kCounter), 1000));
  Families greedy(kinds, budget);
  auto fill = [](Families& families, size_t family, int count) {
    for (int i = 0; i < count; ++i) {
      const std::string device = std::to_string(i);
      families.Make(family).FindOrAdd(std::vector<std::string_view>{device});
    }
  };
  fill(greedy, 0, 30);
  fill(greedy, 1, 500);
  CHECK(greedy.series_count() == 46);  // half, and what the rest folds into
  CHECK(greedy[1].overflowed() == 485);
  {
    Families other(kinds, budget);
    fill(other, 0, 20);
    CHECK(other[0].overflowed() == 0);
    fill(other, 0, 500);
    CHECK(other.series_count() == 23);
  }
  // One that is gone leaves its room to others.
  Families next(kinds, budget);
  fill(next, 0, 22);
  CHECK(next[0].overflowed() == 0);
  greedy.Clear();
  fill(next, 0, 44);
  CHECK(next[0].overflowed() == 0);
}

TEST_CASE("Families go on under another config as far as they mean the same") {
  Budget budget(100);
  auto kind = [](std::string name, Type type) {
    FamilySpec spec = Spec(type);
    spec.name = std::move(name);
    return std::make_shared<const FamilyKind>(spec, 10);
  };
  auto before = std::make_shared<FamilyKinds>(FamilyKinds{kind("a", Type::kCounter), kind("b", Type::kCounter)});
  Families families(before, budget);
  for (size_t i = 0; i < 2; ++i) {
    Family& family = families.Make(i);
    family.Add(family.FindOrAdd(std::vector<std::string_view>{"sda"}), 1 + static_cast<double>(i));
  }
  families.Use(std::make_shared<FamilyKinds>(
      FamilyKinds{kind("c", Type::kCounter), kind("b", Type::kCounter), kind("a", Type::kGauge)}));
  CHECK(families.Find(0) == nullptr);
  CHECK(families.Find(2) == nullptr);
  REQUIRE(families.Find(1) != nullptr);
  CHECK(families[1].TakeSnapshot(Vm("v")).values == std::vector<double>{2});
  CHECK(families.series_count() == 1);
}

TEST_CASE("What was within a limit in its time stays when it is restored, and what was folded stays so") {
  FamilyForTest first(Spec(Type::kCounter), 1);
  for (const char* device : {"a", "b", "c"}) first->Add(first.Find({device}), 1);
  FamilyForTest second(Spec(Type::kCounter), 1);
  second->Add(second.Find({"d"}), 1);
  second->Restore(first.Take());
  CHECK(second->overflowed() == 0);
  CHECK(second.Take().values == std::vector<double>{1, 1, 2});
  CHECK(second->IsOther(2));
}

TEST_CASE("Restore sets a gauge as it was") {
  FamilyForTest family(Spec(Type::kGauge));
  family->Set(family.Find({"d"}), 3);
  FamilyForTest next(Spec(Type::kGauge));
  next->Set(next.Find({"d"}), 1);
  next->Restore(family.Take());
  CHECK(next.Take().values == std::vector<double>{3});
}

TEST_CASE("Histograms put a value on its bound into that bucket") {
  FamilyForTest family(Spec(Type::kHistogram));
  SeriesId s = family.Find({"d"});
  for (double value : {0.5, 1.0, 1.5, 2.0, 4.0, 4.1, 1e9}) family->Observe(s, value);
  FamilySnapshot snapshot = family.Take();
  CHECK(snapshot.bucket_counts == std::vector<uint64_t>{2, 2, 1, 2});
  CHECK(snapshot.values[0] == 0.5 + 1 + 1.5 + 2 + 4 + 4.1 + 1e9);
}

TEST_CASE("A series that needs more native buckets than allowed begins anew if it is old enough") {
  constexpr uint32_t kLongAgo = 1000;
  FamilySpec spec = Spec(Type::kHistogram);
  spec.native = NativeOptions{.schema = 2, .max_buckets = 4, .reset_after = 60};
  FamilyForTest before(spec);
  for (double value : {1.0, 2.0, 3.0, 5.0}) before->Observe(before.Find({"old"}), value);
  FamilySnapshot restored = before.Take();
  LabelList labels(1);
  const std::string_view old = "old";
  labels.Append({&old, 1}, kLongAgo);
  restored.labels = labels.Share();
  FamilyForTest family(spec);
  family->Restore(restored);
  for (std::string_view name : {"old", "new"}) {
    for (double value : {1.0, 2.0, 3.0, 5.0}) family->Observe(family.Find({name}), value);
  }
  FamilySnapshot full = family.Take();
  CHECK(full.details->natives[0].schema() == 2);
  CHECK(full.details->natives[0].count() == 8);
  for (std::string_view name : {"old", "new"}) family->Observe(family.Find({name}), 7.0);

  const FamilySnapshot after = family.Take();
  const std::vector<NativeHistogram>& natives = after.details->natives;
  CHECK(natives[0].schema() == 2);
  CHECK(natives[0].count() == 1);
  CHECK(natives[0].reset_at() > kLongAgo);
  CHECK(natives[1].schema() < 2);
  CHECK(natives[1].count() == 5);
  CHECK(natives[1].reset_at() == 0);
  CHECK(after.values == std::vector<double>{7, 18});
  CHECK(after.bucket_counts == std::vector<uint64_t>{0, 0, 0, 1, 1, 1, 1, 2});
  // It does so again only when it is as old again.
  for (double value : {1.0, 2.0, 3.0, 5.0}) family->Observe(family.Find({"old"}), value);
  CHECK(family.Take().details->natives[0].schema() < 2);
}

TEST_CASE("A snapshot stays as it was while the family goes on") {
  FamilyForTest family(Spec(Type::kCounter));
  auto add = [&](int i) {
    const std::string device = std::to_string(i);
    family->Add(family.Find({device}), 1);
  };
  for (int i = 0; i < 300; ++i) add(i);
  FamilySnapshot snapshot = family.Take();
  for (int i = 0; i < 1000; ++i) add(i);
  CHECK(snapshot.series_count() == 300);
  CHECK(snapshot.values.size() == 300);
  CHECK(Texts(snapshot, 299) == std::vector<std::string>{"299"});
  CHECK(snapshot.values[299] == 1);
}

TEST_CASE("Restore brings back what a snapshot held, histograms included") {
  for (Type type : {Type::kCounter, Type::kHistogram}) {
    FamilyForTest family(Spec(type));
    SeriesId s = family.Find({"d"});
    if (type == Type::kHistogram) {
      family->Observe(s, 3);
    } else {
      family->Add(s, 3);
    }
    FamilyForTest next(Spec(type));
    next->Restore(family.Take());
    CHECK(next.Take().values == family.Take().values);
    CHECK(next.Take().bucket_counts == family.Take().bucket_counts);
    CHECK(next.Find({"d"}) == s);
  }
}

TEST_CASE("Only families of one kind are compatible") {
  CHECK(Compatible(Spec(Type::kCounter), Spec(Type::kCounter)));
  CHECK_FALSE(Compatible(Spec(Type::kCounter), Spec(Type::kGauge)));
  CHECK_FALSE(Compatible(Spec(Type::kCounter), Spec(Type::kCounter, {"other"})));
  CHECK_FALSE(Compatible(Spec(Type::kCounter, {"a", "b"}), Spec(Type::kCounter, {"a", "a"})));
  FamilySpec other = Spec(Type::kCounter);
  other.definition = "another event";
  CHECK_FALSE(Compatible(Spec(Type::kCounter), other));
}

TEST_CASE("Labels that change places take their values along") {
  Budget budget(100);
  auto kinds = [](std::vector<std::string> labels) {
    return std::make_shared<FamilyKinds>(
        FamilyKinds{std::make_shared<const FamilyKind>(Spec(Type::kCounter, std::move(labels)), 10)});
  };
  Families families(kinds({"a", "b", "c"}), budget);
  families.Make(0).Add(families.Make(0).FindOrAdd(std::vector<std::string_view>{"1", "2", "3"}), 7);
  families.Use(kinds({"c", "a", "b"}));
  REQUIRE(families.Find(0) != nullptr);
  REQUIRE(families[0].series_count() == 1);
  CHECK(Texts(families[0].TakeSnapshot(Vm("v")), 0) == std::vector<std::string>{"3", "1", "2"});
  CHECK(families[0].TakeSnapshot(Vm("v")).values == std::vector<double>{7});
}
