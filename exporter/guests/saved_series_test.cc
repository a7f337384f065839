#include "guests/saved_series.h"

#include <nlohmann/json.hpp>

#include "catch.h"
#include "metrics/family_for_test.h"

using namespace qte;
using namespace qte::metrics;
using nlohmann::json;

namespace {

FamilySnapshot MakeFamily(Type type, size_t series) {
  FamilySpec spec{"x", "Help.", type, {"device", "address"}, {}};
  if (type == Type::kHistogram) {
    spec.bounds = {1, 2.5};
    spec.native = metrics::NativeOptions{.schema = 5, .reset_after = 60};
  }
  FamilyForTest family(spec);
  for (size_t i = 0; i < series; ++i) {
    const std::string device = "d" + std::to_string(i);
    SeriesId id = family.Find({device, "\xff"});
    if (type == Type::kHistogram) {
      family->Observe(id, static_cast<double>(i) / 7);
    } else {
      family->Add(id, static_cast<double>(i) / 7);
    }
  }
  return family.Take();
}

std::vector<std::string> Texts(const FamilySnapshot& family, size_t series) {
  LabelValues values = family.LabelsOf(series);
  return {values.begin(), values.end()};
}

}  // namespace

TEST_CASE("Families come back whole through CBOR") {
  for (Type type : {Type::kCounter, Type::kGauge, Type::kHistogram}) {
    FamilySnapshot before = MakeFamily(type, 700);
    if (type == Type::kHistogram) before.details->natives[3].set_reset_at(1'700'000'000);
    json saved = json::from_cbor(json::to_cbor(guests::SeriesToJson(before, 5)));
    auto spec = guests::SpecFromJson(json::from_cbor(json::to_cbor(guests::SpecToJson(*before.spec))));
    FamilySnapshot after = guests::SeriesFromJson(spec, saved);
    CHECK(saved.at("overflowed") == 5);
    CHECK(Compatible(*after.spec, *before.spec));
    CHECK(after.values == before.values);
    CHECK(after.bucket_counts == before.bucket_counts);
    CHECK((after.details == nullptr) == (type != Type::kHistogram));
    if (type == Type::kHistogram) CHECK(after.details->natives == before.details->natives);
    CHECK(after.labels.MadeAt(0) == before.labels.MadeAt(0));
    CHECK(after.labels.MadeAt(0) > 1'700'000'000);
    REQUIRE(after.series_count() == before.series_count());
    for (size_t i = 0; i < after.series_count(); ++i) CHECK(Texts(after, i) == Texts(before, i));
  }
}

TEST_CASE("What cannot have been made so is refused") {
  FamilySnapshot family = MakeFamily(Type::kHistogram, 2);
  const json spec = guests::SpecToJson(*family.spec);
  const json series = guests::SeriesToJson(family, 0);
  struct Case {
    const char *where, *value;
  };
  for (const Case& c :
       {Case{"/type", "7"}, Case{"/type", "\"x\""}, Case{"/name", "1"}, Case{"/bounds", "[\"a\"]"}, Case{"/label_names", "null"},
        Case{"/native", "[1]"}}) {
    CAPTURE(c.where, c.value);
    json bad = spec;
    bad[json::json_pointer(c.where)] = json::parse(c.value);
    CHECK_THROWS(guests::SpecFromJson(bad));
  }
  for (const Case& c : {Case{"/series/0/0", "[]"}, Case{"/series/0/0", "3"}, Case{"/series/0/1", "\"x\""},
                        Case{"/series/0/2", "[1]"}, Case{"/series/0/3", "[1]"}, Case{"/series/0/4", "null"},
                        Case{"/series/0/4/schema", "12"}, Case{"/series/0/4/positive", "[2147483647, [1]]"}, Case{"/series/0", "[]"}, Case{"/series", "5"}}) {
    CAPTURE(c.where, c.value);
    json bad = series;
    bad[json::json_pointer(c.where)] = json::parse(c.value);
    CHECK_THROWS(guests::SeriesFromJson(family.spec, bad));
  }
  CHECK_THROWS(guests::SeriesFromJson(family.spec, json()));
  CHECK_THROWS(guests::SpecFromJson(json()));
}
