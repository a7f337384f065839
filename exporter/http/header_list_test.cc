#include "http/header_list.h"

#include "catch.h"

using namespace qte::http;

TEST_CASE("A list has a word in any case, whole and alone") {
  struct Case {
    std::string_view list;
    bool want;
  };
  for (const Case& c : {Case{"close", true}, Case{"Close", true}, Case{"TE, CLOSE", true}, Case{" \tclose ,", true},
                        Case{",,close", true}, Case{"", false}, Case{",", false}, Case{"closed", false},
                        Case{"clos", false}, Case{"close;x", false}, Case{"keep-alive close", false}}) {
    CAPTURE(c.list);
    CHECK(ListHas(c.list, "close") == c.want);
  }
  CHECK(ListHas("Keep-Alive", "keep-alive"));
}
