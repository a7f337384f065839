// A pointer's text as QEMU printed it, kept in place.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <string_view>

namespace qte::joins {

class PointerText {
 public:
  static constexpr size_t kMaxSize = 23;  // "0x" and 16 digits, with some room

  void Assign(std::string_view text) {
    size_ = static_cast<uint8_t>(std::min(text.size(), bytes_.size()));
    std::copy_n(text.begin(), size_, bytes_.begin());
  }
  std::string_view view() const { return {bytes_.data(), size_}; }

 private:
  std::array<char, kMaxSize> bytes_{};
  uint8_t size_ = 0;
};

}  // namespace qte::joins
