#include "config/report.h"

#include "config/test_support.h"

namespace qte::config {

TEST_CASE("A diagnostic is shown with the place it has") {
  struct Case {
    Place place;
    std::string_view want;
  };
  for (const Case& c : {Case{{"a.yaml", 3, 5}, "a.yaml:3:5: bad"}, Case{{"a.yaml", 3, 0}, "a.yaml:3: bad"},
                        Case{{"a.yaml", 0, 0}, "a.yaml: bad"}, Case{{"", 3, 5}, "3:5: bad"}, Case{{}, "bad"}}) {
    CHECK(Diagnostic{c.place, "bad"}.Format() == c.want);
  }
}

TEST_CASE("A report is in the file's order, and says a thing once") {
  Report report("x");
  report.Add({2, 9}, "c");
  report.Add({2, 1}, "b");
  report.Add({1, 7}, "a");
  report.Add({2, 1}, "b");
  report.Add({2, 1}, "a second one here");
  CHECK(report.errors() == 5);
  std::string all;
  for (const Diagnostic& diagnostic : report.Take()) all += diagnostic.Format() + '\n';
  CHECK(all == "x:1:7: a\nx:2:1: b\nx:2:1: a second one here\nx:2:9: c\n");
  CHECK(report.empty());
}

TEST_CASE("A report is bounded") {
  Report report("x");
  for (int line = 1; line <= 5000; ++line) report.Add({line, 1}, "bad");
  CHECK(report.full());
  std::vector<Diagnostic> all = report.Take();
  REQUIRE(all.size() == Report::kMaxDiagnostics + 1);
  CHECK(all.back().Format() == "x: more than 1000 errors; the others are left out");
}

TEST_CASE("Texts in messages stay on one line and short") {
  CHECK(Quoted("abc") == "\"abc\"");
  CHECK(Quoted("a\nb\x7f") == "\"a b \"");
  CHECK(Quoted(std::string(200, 'x')) == '"' + std::string(80, 'x') + "...\"");
  CHECK(Quoted(std::string(79, 'x') + "\xc3\xa9") == '"' + std::string(79, 'x') + "...\"");
  CHECK(OneOf({"a"}) == "a");
  CHECK(OneOf({"a", "b", "c"}) == "a, b or c");
}

}  // namespace qte::config
