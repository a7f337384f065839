#include "exposition/text.h"

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
  struct Case {
    double value;
    std::string_view want;
  };
  for (const Case& c : {Case{0, "0"}, Case{-1.5, "-1.5"}, Case{9007199254740991, "9007199254740991"}, Case{0.1, "0.1"},
                        Case{1795408732.1828, "1795408732.1828"}}) {
    Snapshot snapshot;
    snapshot.plain.push_back({"g", "G.", Type::kGauge, {{{}, c.value}}});
    CHECK(ToText(snapshot) == "# HELP g G.\n# TYPE g gauge\ng " + std::string(c.want) + "\n");
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
