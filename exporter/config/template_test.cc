#include "config/template.h"

#include "config/test_support.h"

namespace qte::config {

TEST_CASE("A template names its arguments") {
  struct Case {
    std::string_view text;
    Strings want;
  };
  for (const Case& c : {Case{"dev", {"dev"}}, Case{"{bus}:{slot}.{func}", {"bus", "slot", "func"}},
                        Case{"{a}{a}", {"a", "a"}}, Case{"{{literal}}", {}}, Case{"{{{a}}}", {"a"}}}) {
    CAPTURE(c.text);
    REQUIRE(ArgumentsOfTemplate(c.text).ok());
    CHECK(*ArgumentsOfTemplate(c.text) == c.want);
  }
}

TEST_CASE("A template's braces must pair") {
  struct Case {
    std::string_view text, want;
  };
  for (const Case& c :
       {Case{"{bus", "\"{\" without \"}\"; a literal one is \"{{\""},
        Case{"bus}", "\"}\" without \"{\"; a literal one is \"}}\""}, Case{"a{}", "\"{}\" names no argument"},
        Case{"{", "\"{\" without \"}\"; a literal one is \"{{\""}}) {
    CAPTURE(c.text);
    REQUIRE(!ArgumentsOfTemplate(c.text).ok());
    CHECK(ArgumentsOfTemplate(c.text).error() == c.want);
  }
}

}  // namespace qte::config
