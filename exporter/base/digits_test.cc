#include "base/digits.h"

#include <cstdlib>
#include <random>
#include <string>

#include "catch.h"

namespace qte {

TEST_CASE("Digits are counted by wide steps as by narrow ones") {
  std::mt19937 random(1);
  for (int i = 0; i < 50'000; ++i) {
    std::string text(2 * kDigitStep, ' ');
    for (char& c : text) c = random() % 8 == 0 ? static_cast<char>(random()) : "0189afAF"[random() % 8];
    CAPTURE(text);
    REQUIRE(CountDecimalDigits(text.data()) == CountDecimalDigitsPortable(text.data()));
    REQUIRE(CountHexDigits(text.data()) == CountHexDigitsPortable(text.data()));
    REQUIRE(DecimalDigitMask(text.data()) == DecimalDigitMaskPortable(text.data()));
  }
  for (int c = 0; c < 256; ++c) {
    std::string text(kDigitStep, static_cast<char>(c));
    CAPTURE(c);
    CHECK(CountDecimalDigits(text.data()) == (std::isdigit(c) ? kDigitStep : 0));
    CHECK(CountHexDigits(text.data()) == (std::isxdigit(c) ? kDigitStep : 0));
  }
}

TEST_CASE("Digits make the number that the C library reads") {
  std::mt19937_64 random(1);
  for (size_t n = 1; n <= 16; ++n) {
    for (int i = 0; i < 2'000; ++i) {
      std::string decimal(n, '0');
      std::string hex(n, '0');
      for (char& c : decimal) c = "0123456789"[random() % 10];
      for (char& c : hex) c = "0123456789abcdefABCDEF"[random() % 22];
      CAPTURE(decimal, hex);
      if (n <= 8) {
        std::string before = "12345678" + decimal;
        REQUIRE(DecimalNumberBefore(before.data() + before.size(), n) == std::strtoull(decimal.c_str(), nullptr, 10));
      }
      REQUIRE(DecimalNumber((decimal + std::string(16, 'x')).data(), n) == std::strtoull(decimal.c_str(), nullptr, 10));
      REQUIRE(HexNumber((hex + std::string(16, '1')).data(), n) == std::strtoull(hex.c_str(), nullptr, 16));
    }
  }
}

}  // namespace qte
