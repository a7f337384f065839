#include "rules/match_filter.h"

#include <re2/re2.h>

#include "catch.h"

using qte::rules::MatchFilter;

namespace {

std::vector<int> Found(const std::vector<std::string>& patterns, std::string_view text) {
  std::vector<int> found = {99};
  MatchFilter(patterns).Find(text, found);
  return found;
}

}  // namespace

TEST_CASE("A filter finds the regexes that match, as each alone does") {
  const std::vector<std::string> patterns = {
      "^guest panicked: (?P<reason>\\w+)", "panic", "x$", "", "\\bwarning\\b.*\xFF", "a{3}", "^$"};
  re2::RE2::Options options(re2::RE2::Latin1);
  for (std::string_view text :
       {std::string_view("guest panicked: oops"), std::string_view("no guest panicked: x"), std::string_view(),
        std::string_view("warning \xFE\xFF"), std::string_view("a\0aaax", 6), std::string_view("nothing")}) {
    CAPTURE(text);
    std::vector<int> want;
    for (size_t i = 0; i < patterns.size(); ++i) {
      re2::RE2 regex(patterns[i], options);
      if (regex.Match({text.data(), text.size()}, 0, text.size(), re2::RE2::UNANCHORED, nullptr, 0)) {
        want.push_back(static_cast<int>(i));
      }
    }
    CHECK(Found(patterns, text) == want);
  }
}

TEST_CASE("Few regexes, and what is too large for a filter, are all to be tried") {
  CHECK(Found({}, "text").empty());
  CHECK(Found({"a", "b"}, "text") == std::vector<int>{0, 1});
  const std::string large = "(?:[a-z]{900}|[0-9]{900})";
  const std::string other = "(?:[0-9]{900}|[A-Z]{900})x";
  std::vector<std::string> patterns;
  for (int i = 0; i < 400; ++i) patterns.push_back((i % 2 == 0 ? large : other) + std::to_string(i));
  CHECK(Found(patterns, "text").size() == patterns.size());
}
