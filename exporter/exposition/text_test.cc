#include "exposition/text.h"

#include <cmath>
#include <limits>
#include <utility>

#include "catch.h"
#include "metrics/family_for_test.h"

using namespace qte;
using namespace qte::metrics;
using exposition::ToText;

namespace {

std::shared_ptr<const Labels> Base(Labels labels) {
  return std::make_shared<const Labels>(std::move(labels));
}

Snapshot Of(FamilySnapshot family) {
  Snapshot snapshot;
  snapshot.families.push_back(std::move(family));
  return snapshot;
}

}  // namespace

TEST_CASE("Counters and gauges as text, sorted by labels, the guests' own first") {
  const FamilySpec spec{"x_total", "Help.", Type::kCounter, {"device"}, {}};
  FamilyForTest b(spec);
  b->Add(b.Find({"sda"}), 1);
  FamilyForTest a(spec);
  for (const auto& [device, value] : {std::pair("sdb", 2.5), std::pair("sda", 3.0), std::pair("", 4.0)}) {
    a->Add(a.Find({device}), value);
  }
  Snapshot snapshot = Of(b.Take("b"));
  snapshot.families.push_back(FamilyForTest(spec).Take("aa"));
  snapshot.families.push_back(a.Take("a"));
  CHECK(ToText(snapshot) ==
        "# HELP x_total Help.\n"
        "# TYPE x_total counter\n"
        "x_total{vm=\"a\"} 4\n"
        "x_total{vm=\"a\",device=\"sda\"} 3\n"
        "x_total{vm=\"a\",device=\"sdb\"} 2.5\n"
        "x_total{vm=\"b\",device=\"sda\"} 1\n");
}

TEST_CASE("Histograms are cumulated, with +Inf, sum and count") {
  FamilyForTest family({"h", "H.", Type::kHistogram, {}, {1, 2.5}});
  SeriesId series = family.Find({});
  for (double value : {0.5, 1.0, 2.0, 7.0}) family->Observe(series, value);
  std::string text = ToText(Of(family.Take()));
  for (const char* line :
       {"# TYPE h histogram\n", "h_count{vm=\"v\"} 4\n", "h_sum{vm=\"v\"} 10.5\n", "h_bucket{vm=\"v\",le=\"1\"} 2\n",
        "h_bucket{vm=\"v\",le=\"2.5\"} 3\n", "h_bucket{vm=\"v\",le=\"+Inf\"} 4\n"}) {
    CAPTURE(line, text);
    CHECK(text.find(line) != std::string::npos);
  }
}

TEST_CASE("Numbers keep their value") {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  constexpr double kMax = std::numeric_limits<double>::max();
  struct Case {
    double value;
    std::string_view want;
  };
  for (const Case& c : {Case{0, "0"}, Case{1, "1"}, Case{-1.5, "-1.5"}, Case{1000000, "1000000"},
                        Case{9007199254740991, "9007199254740991"}, Case{9007199254740992, "9007199254740992"},
                        Case{1e21, "1e+21"}, Case{0.1, "0.1"}, Case{0.1 + 0.2, "0.30000000000000004"}, Case{2.5e-5, "2.5e-05"},
                        Case{1e-9, "1e-09"}, Case{1795408732.1828, "1795408732.1828"}, Case{kInfinity, "+Inf"},
                        Case{-kInfinity, "-Inf"}, Case{1e308, "1e+308"},
                        Case{kMax, "1.7976931348623157e+308"}, Case{-kMax, "-1.7976931348623157e+308"},
                        Case{std::nan(""), "NaN"}}) {
    Snapshot snapshot;
    snapshot.plain.push_back({"g", "G.", Type::kGauge, {{{}, c.value}}});
    CHECK(ToText(snapshot) == "# HELP g G.\n# TYPE g gauge\ng " + std::string(c.want) + "\n");
  }
}

TEST_CASE("Bad bytes of a label become U+FFFD, one for each") {
  const std::string bad = "\xEF\xBF\xBD";
  struct Case {
    const char* name;
    std::string value, want;
  };
  for (const Case& c :
       {Case{"valid", "\xC3\xA9 \xE2\x82\xAC \xF0\x9F\x98\x80", "\xC3\xA9 \xE2\x82\xAC \xF0\x9F\x98\x80"},
        Case{"alone", "\x80", bad}, Case{"overlong", "\xC0\xAF", bad + bad},
        Case{"overlong of three", "\xE0\x80\xAF", bad + bad + bad}, Case{"surrogate", "\xED\xA0\x80", bad + bad + bad},
        Case{"over U+10FFFF", "\xF4\x90\x80\x80", bad + bad + bad + bad},
        Case{"cut short", "a\xE2\x82", "a" + bad + bad}}) {
    CAPTURE(c.name);
    Snapshot snapshot;
    snapshot.plain.push_back({"g", "G.", Type::kGauge, {{{{"l", c.value}}, 1}}});
    CHECK(ToText(snapshot) == "# HELP g G.\n# TYPE g gauge\ng{l=\"" + c.want + "\"} 1\n");
  }
}

TEST_CASE("What could break a scrape is escaped or replaced") {
  Snapshot snapshot;
  snapshot.plain.push_back({"g", "a \\ and\na line", Type::kGauge, {{{{"l", "q\"b\\n\nx\xff"}, {"e", ""}}, 1}}});
  CHECK(ToText(snapshot) == "# HELP g a \\\\ and\\na line\n# TYPE g gauge\ng{l=\"q\\\"b\\\\n\\nx\xEF\xBF\xBD\"} 1\n");
}

TEST_CASE("Families come by name, those without series not at all") {
  Snapshot snapshot;
  snapshot.plain.push_back({"b", "B.", Type::kGauge, {{{}, 1}}});
  snapshot.plain.push_back({"none", "N.", Type::kGauge, {}});
  snapshot.plain.push_back({"a", "A.", Type::kCounter, {{{}, 2}}});
  CHECK(ToText(snapshot) == "# HELP a A.\n# TYPE a counter\na 2\n# HELP b B.\n# TYPE b gauge\nb 1\n");
}

TEST_CASE("A family of many series and guests has one head, and its series in order") {
  const size_t count = size_t{513};
  for (size_t guests : {size_t{1}, size_t{3}, count}) {
    const size_t per_guest = count / guests;
    Snapshot snapshot;
    std::string want = "# HELP x_total Help.\n# TYPE x_total counter\n";
    for (size_t guest = 0; guest < guests; ++guest) {
      FamilyForTest family({"x_total", "Help.", Type::kCounter, {"device"}, {}});
      const std::string vm = std::to_string(10000 + guest);
      for (size_t i = per_guest; i-- > 0;) {
        const std::string device = std::to_string(10000 + i);
        family->Add(family.Find({device}), static_cast<double>(i));
      }
      snapshot.families.push_back(family.Take(vm));
      for (size_t i = 0; i < per_guest; ++i) {
        want += "x_total{vm=\"" + vm + "\",device=\"" + std::to_string(10000 + i) + "\"} " + std::to_string(i) + "\n";
      }
    }
    CAPTURE(guests);
    CHECK(ToText(snapshot) == want);
  }
}

TEST_CASE("A label longer than any buffer comes whole") {
  const std::string value(100'000, 'v');
  Snapshot snapshot;
  snapshot.plain.push_back({"g", "G.", Type::kGauge, {{{{"l", value}}, 1}}});
  CHECK(ToText(snapshot) == "# HELP g G.\n# TYPE g gauge\ng{l=\"" + value + "\"} 1\n");
}

TEST_CASE("Counts by name come in the order of labels and names, guests' own names among the shared ones") {
  CountsByName counts;
  counts.name = "events_total";
  counts.help = "Events.";
  counts.label = "event";
  counts.name_of = [](uint32_t id) { return id == 7 ? std::string_view("early") : std::string_view("late"); };
  LabelList own(1);
  for (std::string_view name : {"later", "in_between"}) own.Append({&name, 1});
  counts.guests = {{Base({{"vm", "b"}}), {{7, 1}, {2, 2}}, {}, 8},
                   {Base({{"vm", "a"}}), {{7, 3}, {8, 4}, {9, 5}}, own.Share(), 8},
                   {Base({{"vm", "c"}}), {}, {}, 8}};
  Snapshot snapshot;
  snapshot.counts.push_back(counts);
  CHECK(ToText(snapshot) ==
        "# HELP events_total Events.\n# TYPE events_total counter\n"
        "events_total{vm=\"a\",event=\"early\"} 3\n"
        "events_total{vm=\"a\",event=\"in_between\"} 5\n"
        "events_total{vm=\"a\",event=\"later\"} 4\n"
        "events_total{vm=\"b\",event=\"early\"} 1\n"
        "events_total{vm=\"b\",event=\"late\"} 2\n");
}

TEST_CASE("OpenMetrics: a counter's family loses _total, units are told, and the end is marked") {
  FamilyForTest histogram({"x_duration_seconds", "Say \"how long\".", Type::kHistogram, {}, {1, 2.5}});
  histogram->Observe(histogram.Find({}), 2);
  Snapshot snapshot = Of(histogram.Take());
  snapshot.plain.push_back({"x_bytes_total", "Bytes.", Type::kCounter, {{{}, 5}}});
  snapshot.plain.push_back({"x_keys", "Keys.", Type::kCounter, {{{}, 7}}});
  snapshot.plain.push_back({"taken", "A gauge.", Type::kGauge, {{{}, 1}}});
  snapshot.plain.push_back({"taken_total", "A counter of the same name.", Type::kCounter, {{{}, 2}}});
  CHECK(exposition::ToOpenMetrics(snapshot, false) ==
        "# HELP taken A gauge.\n# TYPE taken gauge\ntaken 1\n"
        "# HELP taken_total A counter of the same name.\n# TYPE taken_total unknown\ntaken_total 2\n"
        "# HELP x_bytes Bytes.\n# TYPE x_bytes counter\n# UNIT x_bytes bytes\nx_bytes_total 5\n"
        "# HELP x_duration_seconds Say \\\"how long\\\".\n# TYPE x_duration_seconds histogram\n"
        "# UNIT x_duration_seconds seconds\n"
        "x_duration_seconds_count{vm=\"v\"} 1\nx_duration_seconds_sum{vm=\"v\"} 2\n"
        "x_duration_seconds_bucket{vm=\"v\",le=\"1.0\"} 0\nx_duration_seconds_bucket{vm=\"v\",le=\"2.5\"} 1\n"
        "x_duration_seconds_bucket{vm=\"v\",le=\"+Inf\"} 1\n"
        "# HELP x_keys Keys.\n# TYPE x_keys unknown\nx_keys 7\n"
        "# EOF\n");
}
