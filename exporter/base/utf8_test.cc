#include "base/utf8.h"

#include "catch.h"

namespace {

std::string Valid(std::string text, size_t max_bytes = std::string::npos) {
  qte::MakeValidUtf8(text, max_bytes);
  return text;
}

}  // namespace

TEST_CASE("Label values become valid UTF-8") {
  struct Case {
    std::string_view text, want;
  };
  using namespace std::string_view_literals;
  for (const Case& c : {
           Case{"", ""},
           Case{"disk.img", "disk.img"},
           Case{"gr\xC3\xBC\xC3\x9F", "gr\xC3\xBC\xC3\x9F"},
           Case{"\xE2\x82\xAC", "\xE2\x82\xAC"},
           Case{"\xF0\x9F\x98\x80", "\xF0\x9F\x98\x80"},
           Case{"a\xFFz", "a\xEF\xBF\xBDz"},
           Case{"\xC3", "\xEF\xBF\xBD"},
           Case{"\xC0\xAF", "\xEF\xBF\xBD\xEF\xBF\xBD"},                  // overlong
           Case{"\xE0\x80\xAF", "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"},  // overlong
           Case{"\xED\xA0\x80", "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"},  // surrogate
           Case{"\xF4\x90\x80\x80", "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"},
           Case{"\xF5", "\xEF\xBF\xBD"},
           Case{"\xE2\x82", "\xEF\xBF\xBD\xEF\xBF\xBD"},
           Case{"a\0b"sv,
                "a\xEF\xBF\xBD"
                "b"},
       }) {
    CAPTURE(c.text);
    CHECK(Valid(std::string(c.text)) == c.want);
  }
}

TEST_CASE("Cuts fall between characters") {
  CHECK(Valid("abcdef", 3) == "abc");
  CHECK(Valid("ab\xE2\x82\xAC", 4) == "ab");
  CHECK(Valid("ab\xE2\x82\xAC", 5) == "ab\xE2\x82\xAC");
  CHECK(Valid("ab\xFF", 4) == "ab");
}
