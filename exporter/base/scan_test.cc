#include "base/scan.h"

#include <random>
#include <string>

#include "catch.h"

namespace qte {

TEST_CASE("The first of a byte is found, by wide steps as by narrow ones") {
  std::mt19937 random(1);
  for (int i = 0; i < 20'000; ++i) {
    size_t size = random() % 70;
    std::string text(size + kScanPadding, ' ');
    for (size_t at = 0; at < size; ++at) text[at] = "ab \x80\x21\xff\0_"[random() % 8];
    std::string_view view = std::string_view(text).substr(0, size);
    for (char byte : {' ', 'a', '\0', '\xff', '\x80'}) {
      size_t want = std::min(view.find(byte), size);
      REQUIRE(FindByte(view, byte) == want);
      REQUIRE(FindBytePortable(view, byte) == want);
    }
  }
}

}  // namespace qte
