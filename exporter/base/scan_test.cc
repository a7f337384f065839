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

TEST_CASE("Every place of a byte in a chunk is found, by wide steps as by narrow ones") {
  std::mt19937 random(1);
  for (int i = 0; i < 5'000; ++i) {
    size_t size = random() % 300;
    auto rarity = 1 + random() % 100;
    std::string text(size + kChunkPadding, '\n');  // what stands behind the chunk does not count
    for (size_t at = 0; at < size; ++at) text[at] = random() % rarity == 0 ? '\n' : static_cast<char>(random());
    std::string_view chunk = std::string_view(text).substr(0, size);
    PlacesOf newlines('\n', chunk);
    for (size_t at = chunk.find('\n'); at != std::string_view::npos; at = chunk.find('\n', at + 1)) {
      REQUIRE(newlines.Next() == chunk.data() + at);
    }
    REQUIRE(newlines.Next() == nullptr);
    for (size_t at = 0; at + 64 <= text.size(); at += 16) {
      uint64_t want = 0;
      for (size_t n = 0; n < 64; ++n) want |= uint64_t{text[at + n] == '\n'} << n;
      REQUIRE(MaskOf(text.data() + at, '\n') == want);
      REQUIRE(MaskOfPortable(text.data() + at, '\n') == want);
    }
  }
}

}  // namespace qte
