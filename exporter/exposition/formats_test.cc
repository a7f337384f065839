// All formats show the same samples of one snapshot, and the text agrees with the serializer of prometheus-cpp.
#include <cmath>
#include <random>

#include "catch.h"
#include "exposition/prometheus_reference_for_test.h"
#include "exposition/protobuf.h"
#include "exposition/protobuf_for_test.h"
#include "exposition/samples_for_test.h"
#include "exposition/text.h"
#include "metrics/family_for_test.h"

using namespace qte;
using namespace qte::metrics;
using exposition::Samples;
using exposition::SamplesOf;

namespace {

constexpr std::string_view kTexts[] = {"",     "sda",        "/images/a b.qcow2", "q\"uote", "back\\slash", "new\nline",
                                       "\xff", "caf\xC3\xA9", "{},=#",                "le=\"1\"",    "longer than one word of eight bytes"};

class RandomSnapshot {
 public:
  explicit RandomSnapshot(uint32_t seed) : random_(seed) {}

  Snapshot Make() {
    Snapshot snapshot;
    for (Type type : {Type::kCounter, Type::kGauge, Type::kHistogram}) {
      const std::string name = type == Type::kCounter ? "x_bytes_total" : type == Type::kGauge ? "x_open" : "x_duration_seconds";
      std::vector<double> bounds;
      if (type == Type::kHistogram) bounds = {-1, 1e-5, 2e-5, 8e-5, 1e-4, 0.3, 1, 1e6, 1e21};
      const FamilySpec spec{name, "Help \"of\" \\ it\nin two lines.", type, {"device", "operation"}, bounds};
      for (const char* vm : {"a", "b \"quoted\"", ""}) AddFamily(spec, vm, snapshot);
    }
    snapshot.counts.push_back(Counts());
    snapshot.plain.push_back({"own_bytes", "Own.", Type::kGauge, {{{{"path", Text()}}, Number()}, {{{"vm", "a"}}, Number()}}});
    return snapshot;
  }

 private:
  std::string Text() { return std::string(kTexts[random_() % std::size(kTexts)]); }
  double Number() { return std::ldexp(static_cast<double>(random_()), static_cast<int>(random_() % 80) - 60); }

  void AddFamily(const FamilySpec& spec, const std::string& vm, Snapshot& snapshot) {
    FamilyForTest family(spec);
    for (size_t i = random_() % 6; i > 0; --i) {
      const std::string device = Text();
      const std::string operation = Text();
      const SeriesId series = family.Find({device, operation});
      if (spec.type != Type::kHistogram) family->Set(series, Number());
      for (size_t values = random_() % 9; spec.type == Type::kHistogram && values > 0; --values) {
        family->Observe(series, Number() - 1);
      }
    }
    snapshot.families.push_back(family.Take(vm));
  }

  CountsByName Counts() {
    CountsByName counts;
    counts.name = "events_total";
    counts.label = "event";
    counts.name_of = [](uint32_t id) { return std::string_view("abcdefgh").substr(id, 1); };
    LabelList own(1);
    for (std::string_view name : {"later", "in_between"}) own.Append({&name, 1});
    for (const char* vm : {"c", "d"}) {
      CountsSnapshot& guest = counts.guests.emplace_back();
      guest.base = Vm(vm);
      guest.own_names = own.Share();
      guest.shared_names = 8;
      guest.made_at = 1'795'000'000;
      for (uint32_t id = 0; id < 10; ++id) {
        if (random_() % 2 == 0) guest.counts.push_back({id, random_() + 1});
      }
    }
    return counts;
  }

  std::mt19937 random_;
};

// The reference writes 16 digits.
void RequireSame(const Samples& found, const Samples& wanted) {
  for (const auto& [series, value] : found) {
    CAPTURE(series);
    REQUIRE(wanted.contains(series));
  }
  for (const auto& [series, value] : wanted) {
    CAPTURE(series);
    REQUIRE(found.contains(series));
    REQUIRE(found.at(series) == Approx(value).epsilon(1e-14).margin(0));
  }
}

}  // namespace

TEST_CASE("The text has the samples that prometheus-cpp's serializer writes") {
  for (uint32_t seed = 0; seed < 200; ++seed) {
    CAPTURE(seed);
    const Snapshot snapshot = RandomSnapshot(seed).Make();
    RequireSame(SamplesOf(exposition::ToText(snapshot)), SamplesOf(exposition::PrometheusReference(snapshot)));
  }
}

TEST_CASE("OpenMetrics has the samples of the text, and when each counter and histogram began") {
  for (uint32_t seed = 0; seed < 200; ++seed) {
    CAPTURE(seed);
    const Snapshot snapshot = RandomSnapshot(seed).Make();
    Samples text = SamplesOf(exposition::ToText(snapshot));
    REQUIRE(SamplesOf(exposition::ToOpenMetrics(snapshot, false)) == text);
    size_t created = 0;
    for (const auto& [series, value] : SamplesOf(exposition::ToOpenMetrics(snapshot))) {
      const std::string name = series.substr(0, series.find('{'));
      if (!name.ends_with("_created")) {
        REQUIRE(text.erase(series) == 1);
        continue;
      }
      ++created;
      REQUIRE(value >= 1'795'000'000);
    }
    REQUIRE(text.empty());
    REQUIRE(created > 0);
  }
}

TEST_CASE("Protobuf has the samples of the text, types, and when each counter and histogram began") {
  for (uint32_t seed = 0; seed < 200; ++seed) {
    CAPTURE(seed);
    const Snapshot snapshot = RandomSnapshot(seed).Make();
    const std::vector<exposition::FamilyMessage> families = exposition::ReadProtobuf(exposition::ToProtobuf(snapshot));
    REQUIRE(SamplesOf(families) == SamplesOf(exposition::ToText(snapshot)));
    for (const exposition::FamilyMessage& family : families) {
      const int32_t type = family.name == "x_duration_seconds" ? 4 : family.name.ends_with("_total") ? 0 : 1;
      REQUIRE(family.type == type);
      for (const exposition::MetricMessage& metric : family.metrics) REQUIRE((metric.created >= 1'795'000'000) == (type != 1));
    }
  }
}

TEST_CASE("A native histogram's spans and differences are its buckets") {
  std::mt19937 random(7);
  for (int round = 0; round < 200; ++round) {
    FamilySpec spec{"x_seconds", "X.", Type::kHistogram, {}, {1}};
    spec.native = {.schema = static_cast<int>(random() % 13) - 4, .max_buckets = 500, .zero_threshold = round % 2 == 0 ? 0.0 : 1e-3};
    FamilyForTest family(spec);
    const SeriesId series = family.Find({});
    for (size_t i = random() % 60; i > 0; --i) {
      const double value = std::ldexp(static_cast<double>(random()), static_cast<int>(random() % 90) - 70);
      family->Observe(series, random() % 4 == 0 ? -value : value);
    }
    Snapshot snapshot;
    snapshot.families.push_back(family.Take());
    const NativeHistogram& native = snapshot.families[0].details->natives[0];
    const auto families = exposition::ReadProtobuf(exposition::ToProtobuf(snapshot));
    const exposition::MetricMessage& metric = families.at(0).metrics.at(0);
    CAPTURE(round);
    REQUIRE(metric.schema == native.schema());
    REQUIRE(metric.zero_count == native.zero());
    REQUIRE(metric.zero_threshold == spec.native->zero_threshold);
    REQUIRE(metric.count == native.count());
    for (const auto& [side, found] : {std::pair(&native.positive(), &metric.positive), std::pair(&native.negative(), &metric.negative)}) {
      std::map<int32_t, int64_t> want;
      for (size_t i = 0; i < side->counts.size(); ++i) {
        if (side->counts[i] != 0) want[side->first + static_cast<int32_t>(i)] = static_cast<int64_t>(side->counts[i]);
      }
      REQUIRE(found->Buckets() == want);
    }
    // The fields by which Prometheus recognizes a native histogram.
    REQUIRE((metric.zero_threshold > 0 || metric.zero_count > 0 || metric.positive.spans + metric.negative.spans > 0));
  }
}
