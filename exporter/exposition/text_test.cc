#include "exposition/text.h"

#include <limits>
#include <tuple>

#include "catch.h"
#include "metrics/family.h"

using namespace qte;
using namespace qte::metrics;
using exposition::ToText;

namespace {

std::shared_ptr<const Labels> Base(Labels labels) {
  return std::make_shared<const Labels>(std::move(labels));
}

Snapshot Of(const Family& family) {
  Snapshot snapshot;
  snapshot.families.push_back(family.TakeSnapshot());
  return snapshot;
}

}  // namespace

TEST_CASE("Counters and gauges as text, sorted by labels") {
  Family family({"x_total", "Help.", Type::kCounter, {"device"}, {}}, 10);
  auto b = Base({{"vm", "b"}});
  auto a = Base({{"vm", "a"}});
  for (const auto& [base, device, value] :
       {std::tuple(b, "sda", 1.0), std::tuple(a, "sdb", 2.5), std::tuple(a, "sda", 3.0), std::tuple(a, "", 4.0)}) {
    family.Add(family.FindOrAdd(base, std::vector<std::string_view>{device}), value);
  }
  CHECK(ToText(Of(family)) ==
        "# HELP x_total Help.\n"
        "# TYPE x_total counter\n"
        "x_total{vm=\"a\"} 4\n"
        "x_total{vm=\"a\",device=\"sda\"} 3\n"
        "x_total{vm=\"a\",device=\"sdb\"} 2.5\n"
        "x_total{vm=\"b\",device=\"sda\"} 1\n");
}

TEST_CASE("Parts with the same labels are one series: counts and what is in flight add up, a gauge is the last part's") {
  Snapshot snapshot;
  for (int part = 1; part <= 2; ++part) {
    Family counter({"c_total", "C.", Type::kCounter, {"device"}, {}}, 0);
    Family gauge({"g", "G.", Type::kGauge, {"device"}, {}}, 0);
    FamilySpec open{"o", "O.", Type::kGauge, {"device"}, {}};
    open.is_in_flight = true;
    Family in_flight(std::move(open), 0);
    Family histogram({"h", "H.", Type::kHistogram, {}, {1}}, 0);
    std::vector<std::string_view> values = {"sda"};
    auto base = Base({{"vm", std::to_string(part)}});
    counter.Add(counter.FindOrAdd(base, values), part);
    gauge.Set(gauge.FindOrAdd(base, values), 7 - part);
    in_flight.Add(in_flight.FindOrAdd(base, values), part + 1);
    histogram.Observe(histogram.FindOrAdd(base, {}), part);
    for (const Family* family : {&counter, &gauge, &histogram, &in_flight}) {
      snapshot.families.push_back(family->TakeSnapshot());
    }
  }
  std::string text = ToText(snapshot);
  for (const char* line :
       {"counter\nc_total{vm=\"_other_\",device=\"_other_\"} 3\n# HELP g",
        "gauge\ng{vm=\"_other_\",device=\"_other_\"} 5\n# HELP h", "gauge\no{vm=\"_other_\",device=\"_other_\"} 5\n",
        "histogram\nh_count{vm=\"_other_\"} 2\nh_sum{vm=\"_other_\"} 3\nh_bucket{vm=\"_other_\",le=\"1\"} 1\n"
        "h_bucket{vm=\"_other_\",le=\"+Inf\"} 2\n"}) {
    INFO(text << line);
    CHECK(text.find(line) != std::string::npos);
  }
}

TEST_CASE("Histograms are cumulated, with +Inf, sum and count") {
  Family family({"h", "H.", Type::kHistogram, {}, {1, 2.5}}, 10);
  SeriesId series = family.FindOrAdd(Base({{"vm", "v"}}), {});
  for (double value : {0.5, 1.0, 2.0, 7.0}) family.Observe(series, value);
  std::string text = ToText(Of(family));
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
                        Case{1e21, "1e+21"}, Case{0.1, "0.1"}, Case{0.1 + 0.2, "0.3"}, Case{2.5e-5, "2.5e-05"},
                        Case{1e-9, "1e-09"}, Case{1795408732.1828, "1795408732.1828"}, Case{kInfinity, "+Inf"},
                        Case{-kInfinity, "-Inf"}, Case{1e308, "1e+308"},
                        // Rounded up, these would be larger than a double can be.
                        Case{kMax, "1.797693134862315e+308"}, Case{-kMax, "-1.797693134862315e+308"}}) {
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

TEST_CASE("Families of one name become one, in the order of labels") {
  Family family({"x_total", "First.", Type::kCounter, {}, {}}, 10);
  family.Add(family.FindOrAdd(Base({{"vm", "b"}}), {}), 2);
  Snapshot snapshot = Of(family);
  snapshot.plain.push_back({"y", "Y.", Type::kGauge, {{{}, 9}}});
  snapshot.plain.push_back({"x_total", "Second.", Type::kCounter, {{{{"vm", "c"}}, 3}, {{{"vm", "a"}}, 1}}});
  snapshot.plain.push_back({"x_total", "Without series.", Type::kCounter, {}});
  CHECK(ToText(snapshot) ==
        "# HELP x_total First.\n# TYPE x_total counter\n"
        "x_total{vm=\"a\"} 1\nx_total{vm=\"b\"} 2\nx_total{vm=\"c\"} 3\n"
        "# HELP y Y.\n# TYPE y gauge\ny 9\n");
}

TEST_CASE("A family that takes several windows is one text with one head, in order") {
  const size_t count = 2 * exposition::kSeriesPerWindow + 1;
  for (size_t lanes : {size_t{1}, size_t{3}}) {
    Snapshot snapshot;
    for (size_t lane = 0; lane < lanes; ++lane) {
      Family family({"x_total", "Help.", Type::kCounter, {"device"}, {}}, count);
      for (size_t i = count; i-- > 0;) {
        if (i % lanes != lane) continue;
        const std::string device = std::to_string(10000 + i);
        family.Add(family.FindOrAdd(Base({{"vm", "a"}}), std::vector<std::string_view>{device}),
                   static_cast<double>(i));
      }
      snapshot.families.push_back(family.TakeSnapshot());
    }
    std::string want = "# HELP x_total Help.\n# TYPE x_total counter\n";
    for (size_t i = 0; i < count; ++i) {
      want += "x_total{vm=\"a\",device=\"" + std::to_string(10000 + i) + "\"} " + std::to_string(i) + "\n";
    }
    CAPTURE(lanes);
    CHECK(ToText(snapshot) == want);
  }
}

TEST_CASE("A label longer than any buffer comes whole") {
  const std::string value(100'000, 'v');
  Snapshot snapshot;
  snapshot.plain.push_back({"g", "G.", Type::kGauge, {{{{"l", value}}, 1}}});
  CHECK(ToText(snapshot) == "# HELP g G.\n# TYPE g gauge\ng{l=\"" + value + "\"} 1\n");
}

TEST_CASE("Counts by name come in the order of labels and names") {
  CountsSnapshot counts;
  counts.name = "events_total";
  counts.help = "Events.";
  counts.label = "event";
  counts.groups = {{Base({{"vm", "b"}}), 2}, {Base({{"vm", "a"}}), 3}, {Base({{"vm", "c"}}), 3}};
  counts.counts = {{7, 1}, {2, 2}, {7, 3}};
  counts.name_of = [](uint32_t id) { return id == 7 ? std::string_view("early") : std::string_view("late"); };
  Snapshot snapshot;
  snapshot.counts.push_back(counts);
  CHECK(ToText(snapshot) ==
        "# HELP events_total Events.\n# TYPE events_total counter\n"
        "events_total{vm=\"a\",event=\"early\"} 3\n"
        "events_total{vm=\"b\",event=\"early\"} 1\n"
        "events_total{vm=\"b\",event=\"late\"} 2\n");
}
