// The first of a byte in a short text: sixteen at a time, without a call.
//
// glibc's memchr is faster on long texts; what the hot path looks for (the blank behind an event's name) comes within
// two or three steps.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/hash.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace qte {

// May be read, not used, behind a text that is scanned.
inline constexpr size_t kScanPadding = 16;

// Where `byte` stands first, or the size of `text`. On any machine.
inline size_t FindBytePortable(std::string_view text, char byte) {
  constexpr uint64_t kOnes = 0x0101010101010101;
  constexpr uint64_t kTops = 0x8080808080808080;
  const uint64_t wanted = kOnes * static_cast<unsigned char>(byte);
  size_t at = 0;
  for (; at + 8 <= text.size(); at += 8) {
    uint64_t word = Load64(text.data() + at) ^ wanted;
    // Some top bit is set exactly where some byte is 0; which one, the loop below finds.
    if (((word - kOnes) & ~word & kTops) != 0) break;
  }
  while (at < text.size() && text[at] != byte) ++at;
  return at;
}

#if defined(__SSE2__)
// The same; `text` has kScanPadding readable bytes behind it.
inline size_t FindByte(std::string_view text, char byte) {
  const __m128i wanted = _mm_set1_epi8(byte);
  for (size_t at = 0; at < text.size(); at += 16) {
    __m128i sixteen = _mm_loadu_si128(reinterpret_cast<const __m128i*>(text.data() + at));
    auto found = static_cast<unsigned>(_mm_movemask_epi8(_mm_cmpeq_epi8(sixteen, wanted)));
    if (found == 0) continue;
    at += static_cast<size_t>(std::countr_zero(found));
    return at < text.size() ? at : text.size();
  }
  return text.size();
}
#else
inline size_t FindByte(std::string_view text, char byte) {
  return FindBytePortable(text, byte);
}
#endif

}  // namespace qte
