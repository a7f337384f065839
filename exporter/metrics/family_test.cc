#include "metrics/family.h"

#include "catch.h"

using namespace qte::metrics;

namespace {

std::shared_ptr<const Labels> Vm(const std::string& name) {
  return std::make_shared<const Labels>(Labels{{"vm", name}});
}

FamilySpec Spec(Type type, std::vector<std::string> label_names = {"device"}) {
  FamilySpec spec;
  spec.name = "qemu_x";
  spec.type = type;
  spec.label_names = std::move(label_names);
  if (type == Type::kHistogram) spec.bounds = {1, 2, 4};
  return spec;
}

SeriesId Find(Family& family, const std::shared_ptr<const Labels>& base, std::string_view value) {
  return family.FindOrAdd(base, std::vector<std::string_view>{value});
}

}  // namespace

TEST_CASE("A label set has one series, whoever asks") {
  Family family(Spec(Type::kCounter), 10);
  SeriesId a = Find(family, Vm("vm1"), "sda");
  CHECK(Find(family, Vm("vm1"), "sda") == a);
  CHECK(Find(family, Vm("vm2"), "sda") != a);
  CHECK(Find(family, Vm("vm1"), "sdb") != a);
  CHECK(family.series_count() == 3);
}

TEST_CASE("Values and texts may move between labels without being mistaken") {
  Family family(Spec(Type::kCounter, {"a", "b"}), 10);
  auto base = Vm("v");
  SeriesId x = family.FindOrAdd(base, std::vector<std::string_view>{"ab", "c"});
  CHECK(x != family.FindOrAdd(base, std::vector<std::string_view>{"a", "bc"}));
  CHECK(x != family.FindOrAdd(base, std::vector<std::string_view>{"", "abc"}));
}

TEST_CASE("Over the limit, label sets fold into one _other_ series and sums stay right") {
  Family family(Spec(Type::kCounter), 3);
  double sum = 0;
  for (int i = 0; i < 100; ++i) {
    family.Add(Find(family, Vm("vm" + std::to_string(i % 2)), std::to_string(i)), i);
    sum += i;
  }
  CHECK(family.series_count() == 4);
  CHECK(family.overflowed() == 97);
  FamilySnapshot snapshot = family.TakeSnapshot();
  double total = 0;
  for (double value : snapshot.values) total += value;
  CHECK(total == sum);
  CHECK(snapshot.LabelsOf(3).values[0] == "_other_");
  CHECK(*snapshot.LabelsOf(3).base == Labels{{"vm", "_other_"}});
  CHECK(family.IsOther(3));
  // Known series still count on their own.
  CHECK(Find(family, Vm("vm0"), "0") == 0);
}

TEST_CASE("Families that share a limit hold no more together, and give back what they remove") {
  auto budget = std::make_shared<Budget>(3);
  Family a(Spec(Type::kCounter), budget);
  Family b(Spec(Type::kCounter), budget);
  for (int i = 0; i < 4; ++i) a.Add(Find(a, Vm("vm" + std::to_string(i % 2)), std::to_string(i)), 1);
  b.Add(Find(b, Vm("vm9"), "x"), 1);
  CHECK(a.series_count() == 4);
  CHECK(b.series_count() == 1);
  CHECK(b.IsOther(0));
  CHECK(a.overflowed() == 1);
  CHECK(b.overflowed() == 1);
  // Two of three; what they fold into is not among them.
  CHECK(a.Remove({{"vm", "vm0"}}) == 2);
  for (int i = 0; i < 3; ++i) Find(b, Vm("vm9"), std::to_string(i));
  CHECK(b.series_count() == 3);
  CHECK(b.overflowed() == 2);
}

TEST_CASE("What was folded stays so when it is restored, and takes no room of the limit") {
  Family first(Spec(Type::kCounter), 1);
  for (const char* device : {"a", "b", "c"}) first.Add(Find(first, Vm("v"), device), 1);
  Family second(Spec(Type::kCounter), 1);
  second.Add(Find(second, Vm("w"), "d"), 1);
  second.Add(Find(second, Vm("w"), "e"), 1);
  Family sum(Spec(Type::kCounter), 2);
  sum.Restore(first.TakeSnapshot());
  sum.Restore(second.TakeSnapshot());
  CHECK(sum.overflowed() == 0);
  FamilySnapshot snapshot = sum.TakeSnapshot();
  CHECK(snapshot.values == std::vector<double>{1, 3, 1});
}

TEST_CASE("Restore takes the series of some sources alone, and a gauge as it was") {
  Family family(Spec(Type::kGauge), 10);
  family.Set(Find(family, Vm("v"), "d"), 3);
  family.Set(Find(family, Vm("w"), "d"), 4);
  Family next(Spec(Type::kGauge), 10);
  next.Set(Find(next, Vm("v"), "d"), 1);
  next.Restore(family.TakeSnapshot(), [](const Labels& base) { return base.at(0).second == "v"; });
  CHECK(next.TakeSnapshot().values == std::vector<double>{3});
}

TEST_CASE("Histograms put a value on its bound into that bucket") {
  Family family(Spec(Type::kHistogram), 10);
  SeriesId s = Find(family, Vm("v"), "d");
  for (double value : {0.5, 1.0, 1.5, 2.0, 4.0, 4.1, 1e9}) family.Observe(s, value);
  FamilySnapshot snapshot = family.TakeSnapshot();
  CHECK(snapshot.bucket_counts == std::vector<uint64_t>{2, 2, 1, 2});
  CHECK(snapshot.values[0] == 0.5 + 1 + 1.5 + 2 + 4 + 4.1 + 1e9);
}

TEST_CASE("A snapshot stays as it was while the family goes on") {
  Family family(Spec(Type::kCounter), 5000);
  auto base = Vm("v");
  for (int i = 0; i < 300; ++i) family.Add(Find(family, base, std::to_string(i)), 1);
  FamilySnapshot snapshot = family.TakeSnapshot();
  for (int i = 0; i < 1000; ++i) family.Add(Find(family, base, std::to_string(i)), 1);
  CHECK(snapshot.series_count() == 300);
  CHECK(snapshot.values.size() == 300);
  CHECK(snapshot.LabelsOf(299).values[0] == "299");
  CHECK(snapshot.values[299] == 1);
}

TEST_CASE("Restore brings back what a snapshot held, histograms included") {
  for (Type type : {Type::kCounter, Type::kHistogram}) {
    Family family(Spec(type), 10);
    SeriesId s = Find(family, Vm("v"), "d");
    if (type == Type::kHistogram) {
      family.Observe(s, 3);
    } else {
      family.Add(s, 3);
    }
    Family next(Spec(type), 10);
    next.Restore(family.TakeSnapshot());
    CHECK(next.TakeSnapshot().values == family.TakeSnapshot().values);
    CHECK(next.TakeSnapshot().bucket_counts == family.TakeSnapshot().bucket_counts);
    CHECK(Find(next, Vm("v"), "d") == s);
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
  Family before(Spec(Type::kCounter, {"a", "b", "c"}), 10);
  before.Add(before.FindOrAdd(Vm("v"), std::vector<std::string_view>{"1", "2", "3"}), 7);
  Family after(Spec(Type::kCounter, {"c", "a", "b"}), 10);
  REQUIRE(Compatible(before.spec(), after.spec()));
  after.Restore(before.TakeSnapshot());
  REQUIRE(after.series_count() == 1);
  SeriesId series = after.FindOrAdd(Vm("v"), std::vector<std::string_view>{"3", "1", "2"});
  CHECK(after.series_count() == 1);
  CHECK(after.TakeSnapshot().values[series] == 7);
}
