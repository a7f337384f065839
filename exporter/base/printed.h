// Numbers and bytes as people read them.
#pragma once

#include <cstdint>
#include <string>

namespace qte {

// 1234567 as "1,234,567".
inline std::string Grouped(uint64_t number) {
  constexpr size_t kGroup = 3;
  const std::string digits = std::to_string(number);
  std::string text;
  for (size_t i = 0; i < digits.size(); ++i) {
    if (i > 0 && (digits.size() - i) % kGroup == 0) text += ',';
    text += digits[i];
  }
  return text;
}

// "1b"
inline std::string HexByte(char byte) {
  constexpr char kDigits[] = "0123456789abcdef";
  const auto bits = static_cast<unsigned char>(byte);
  return {kDigits[bits >> 4], kDigits[bits & 0xf]};
}

}  // namespace qte
