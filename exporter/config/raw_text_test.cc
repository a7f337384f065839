#include "config/raw_text.h"

#include "config/test_support.h"

using namespace std::string_view_literals;

namespace qte::config {

TEST_CASE("Only UTF-8 text passes") {
  struct Case {
    std::string_view text, want;
  };
  for (const Case& c : {Case{"a: b\r\n\tc: \xc3\xa9 \xf0\x9f\x98\x80\n", ""},
                        Case{"a\nb \xff", "x:2:3: byte 0xff is not UTF-8; save the file as UTF-8"},
                        Case{"\xc3\xa9 \xe9", "x:1:4: byte 0xe9 is not UTF-8; save the file as UTF-8"},
                        Case{"\xc3", "x:1:1: byte 0xc3 is not UTF-8; save the file as UTF-8"},
                        Case{"a\0:"sv, "x:1:2: control character 0x00; a config is plain text"},
                        Case{"a\x1b[0m", "x:1:2: control character 0x1b; a config is plain text"},
                        Case{"\x7f", "x:1:1: control character 0x7f; a config is plain text"}}) {
    Report report("x");
    CHECK(CheckCharacters(c.text, report) == c.want.empty());
    std::vector<Diagnostic> found = report.Take();
    CHECK((found.empty() ? "" : found[0].Format()) == c.want);
  }
}

TEST_CASE("A node begins behind its anchor") {
  struct Case {
    std::string_view text;
    size_t want;
  };
  for (const Case& c : {Case{"x", 0}, Case{"&a x", 3}, Case{"&a\n  x", 5}, Case{"&a # \"c\n \"x\"", 9}, Case{"&a", 2},
                        Case{"&a   ", 5}, Case{"&a # c", 6}, Case{"", 0}}) {
    CAPTURE(c.text);
    CHECK(SkipAnchor(c.text, 0) == c.want);
  }
  CHECK(SkipAnchor("ab", 7) == 2);
}

TEST_CASE("Quotes that never close") {
  struct Case {
    std::string_view text;
    bool unclosed;
  };
  for (const Case& c :
       {Case{"\"a\"", false}, Case{"\"a", true}, Case{"\"", true}, Case{R"("a\"b")", false}, Case{R"("a\")", true},
        Case{R"("a\\")", false}, Case{"'a'", false}, Case{"'a", true}, Case{"'", true}, Case{"''", false},
        Case{"'it''s'", false}, Case{"'it''s", true}, Case{"'it''", true}, Case{R"('a\')", false},
        Case{"\"a\nb\"", false}, Case{"plain", false}, Case{"|\n 'a", false}, Case{"", false}}) {
    CAPTURE(c.text);
    CHECK(IsUnclosedQuote(c.text, 0) == c.unclosed);
  }
}

}  // namespace qte::config
