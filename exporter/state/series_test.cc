#include "state/series.h"

#include "catch.h"
#include "metrics/family.h"

using namespace qte;
using namespace qte::metrics;
using nlohmann::json;

namespace {

Family MakeFamily(Type type, size_t series) {
  FamilySpec spec{"x", "Help.", type, {"device", "address"}, {}};
  if (type == Type::kHistogram) spec.bounds = {1, 2.5};
  Family family(spec, 10000);
  for (size_t i = 0; i < series; ++i) {
    auto base = std::make_shared<const Labels>(Labels{{"vm", "vm" + std::to_string(i % 3)}});
    SeriesId id = family.FindOrAdd(base, std::vector<std::string_view>{"d" + std::to_string(i), "\xff"});
    if (type == Type::kHistogram) {
      family.Observe(id, static_cast<double>(i) / 7);
    } else {
      family.Add(id, static_cast<double>(i) / 7);
    }
  }
  return family;
}

std::vector<std::string> Texts(const FamilySnapshot& family, size_t series) {
  LabelValues values = family.LabelsOf(series).values;
  return {values.begin(), values.end()};
}

}  // namespace

TEST_CASE("Families come back whole through CBOR") {
  for (Type type : {Type::kCounter, Type::kGauge, Type::kHistogram}) {
    FamilySnapshot before = MakeFamily(type, 700).TakeSnapshot();
    json saved = json::from_cbor(json::to_cbor(state::FamilyToJson(before, 5)));
    FamilySnapshot after = state::FamilyFromJson(saved);
    CHECK(saved.at("overflowed") == 5);
    CHECK(saved.at("bases").size() == 3);
    CHECK(Compatible(*after.spec, *before.spec));
    CHECK(after.values == before.values);
    CHECK(after.bucket_counts == before.bucket_counts);
    REQUIRE(after.series_count() == before.series_count());
    for (size_t i = 0; i < after.series_count(); ++i) {
      CHECK(*after.LabelsOf(i).base == *before.LabelsOf(i).base);
      CHECK(Texts(after, i) == Texts(before, i));
    }
  }
}

TEST_CASE("What FamilyToJson cannot have made is refused") {
  json good = state::FamilyToJson(MakeFamily(Type::kHistogram, 2).TakeSnapshot(), 0);
  struct Case {
    const char *where, *value;
  };
  for (const Case& c : {Case{"/type", "7"}, Case{"/type", "\"x\""}, Case{"/name", "1"}, Case{"/bounds", "[\"a\"]"},
                        Case{"/series/0/0", "3"}, Case{"/series/0/0", "-1"}, Case{"/series/0/1", "[]"},
                        Case{"/series/0/2", "\"x\""}, Case{"/series/0/3", "[1]"}, Case{"/series/0", "[]"},
                        Case{"/series", "5"}, Case{"/bases/0/0", "[1]"}, Case{"/label_names", "null"}}) {
    CAPTURE(c.where, c.value);
    json bad = good;
    bad[json::json_pointer(c.where)] = json::parse(c.value);
    CHECK_THROWS(state::FamilyFromJson(bad));
  }
  CHECK_THROWS(state::FamilyFromJson(json()));
}
