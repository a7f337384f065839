#include "base/suggest.h"

#include <vector>

#include "catch.h"

using qte::DidYouMean;
using qte::Nearest;

TEST_CASE("Nearest finds typing errors and nothing else") {
  std::vector<std::string_view> names = {"dev", "bus", "slot", "func", "offs", "val", "device"};
  struct Case {
    std::string_view word, want;
  };
  for (const Case& c : {Case{"devcie", "device"}, Case{"dev", "dev"}, Case{"slto", "slot"}, Case{"vla", "val"},
                        Case{"wholly_other", ""}, Case{"", ""}}) {
    CAPTURE(c.word);
    CHECK(Nearest(c.word, names) == c.want);
  }
}

TEST_CASE("What a word begins with is near") {
  std::vector<std::string_view> names = {"devid", "fnid", "dev", "bus"};
  CHECK(Nearest("devcie", names) == "dev");
  CHECK(Nearest("device", names) == "dev");
  CHECK(Nearest("devid", names) == "devid");
  CHECK(Nearest("devi", names) == "devid");
  CHECK(Nearest("device_name", names).empty());
}

TEST_CASE("DidYouMean is silent without a near name") {
  std::vector<std::string_view> names = {"event"};
  CHECK(DidYouMean("evnt", names) == "; did you mean \"event\"?");
  CHECK(DidYouMean("buckets", names).empty());
}
