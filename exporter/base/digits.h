// Numbers in text: how many digits stand there, and what they make, without a loop over them.
//
// Numbers are what a trace line is full of, and most are only stepped over. Counting digits looks at sixteen bytes at
// once, so its cost does not depend on how many there are, and no branch has to be guessed; reading folds eight of them
// by arithmetic on one word.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>

#include "base/hash.h"
#include "base/scan.h"

namespace qte {

inline constexpr size_t kDigitStep = 16;
inline constexpr size_t kDigitMaskSize = 32;

inline bool IsDecimalDigit(char c) {
  return static_cast<unsigned char>(c - '0') <= 9;
}
inline bool IsHexDigit(char c) {
  return IsDecimalDigit(c) || static_cast<unsigned char>((c | 0x20) - 'a') <= 5;
}

// How many of the kDigitStep bytes at `p` are digits, up to the first that is none. On any machine.
inline size_t CountDecimalDigitsPortable(const char* p) {
  size_t n = 0;
  while (n < kDigitStep && IsDecimalDigit(p[n])) ++n;
  return n;
}
inline size_t CountHexDigitsPortable(const char* p) {
  size_t n = 0;
  while (n < kDigitStep && IsHexDigit(p[n])) ++n;
  return n;
}
// Bit i tells whether the byte at p + i is a digit, for kDigitMaskSize bytes. On any machine.
inline uint32_t DecimalDigitMaskPortable(const char* p) {
  uint32_t mask = 0;
  for (uint32_t i = 0; i < kDigitMaskSize; ++i) mask |= static_cast<uint32_t>(IsDecimalDigit(p[i])) << i;
  return mask;
}

#ifdef QTE_SSE2
namespace internal {

// 0xff where a byte is at most `bound`, unsigned.
inline __m128i AtMost(__m128i bytes, char bound) {
  return _mm_cmpeq_epi8(_mm_min_epu8(bytes, _mm_set1_epi8(bound)), bytes);
}
inline size_t CountLeading(__m128i matches) {
  return static_cast<size_t>(std::countr_zero(~static_cast<uint32_t>(_mm_movemask_epi8(matches))));
}
inline __m128i DecimalDigits(const char* p) {
  __m128i text = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
  return AtMost(_mm_sub_epi8(text, _mm_set1_epi8('0')), 9);
}

}  // namespace internal

inline size_t CountDecimalDigits(const char* p) {
  return internal::CountLeading(internal::DecimalDigits(p));
}
inline uint32_t DecimalDigitMask(const char* p) {
  auto low = static_cast<uint32_t>(_mm_movemask_epi8(internal::DecimalDigits(p)));
  auto high = static_cast<uint32_t>(_mm_movemask_epi8(internal::DecimalDigits(p + 16)));
  return high << 16 | low;
}
inline size_t CountHexDigits(const char* p) {
  __m128i text = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
  __m128i lower = _mm_or_si128(text, _mm_set1_epi8(0x20));
  __m128i digits = internal::AtMost(_mm_sub_epi8(text, _mm_set1_epi8('0')), 9);
  __m128i letters = internal::AtMost(_mm_sub_epi8(lower, _mm_set1_epi8('a')), 5);
  return internal::CountLeading(_mm_or_si128(digits, letters));
}
#else
inline uint32_t DecimalDigitMask(const char* p) {
  return DecimalDigitMaskPortable(p);
}
inline size_t CountDecimalDigits(const char* p) {
  return CountDecimalDigitsPortable(p);
}
inline size_t CountHexDigits(const char* p) {
  return CountHexDigitsPortable(p);
}
#endif

namespace internal {

// The `n` bytes at `p`, 1 to 8 of them, as the lowest digits of eight: the last one stands in the highest byte, and the
// bytes before the first are 0. Eight bytes must be readable.
inline uint64_t LoadDigits(const char* p, size_t n) {
  return LoadLittle64(p) << (64 - 8 * n);
}

inline uint64_t FoldDecimal(uint64_t digits) {
  // Pairs, then fours, then all, three multiplications in place of eight.
  digits &= 0x0f0f0f0f0f0f0f0f;
  digits = digits * 10 + (digits >> 8);
  constexpr uint64_t kPairs = 0x000000ff000000ff;
  return (((digits & kPairs) * 0x000f424000000064) + (((digits >> 16) & kPairs) * 0x0000271000000001)) >> 32;
}

inline uint64_t FoldHex(uint64_t digits) {
  // Letters have the bit 0x40, and stand 9 below their value.
  uint64_t letters = (digits >> 6) & 0x0101010101010101;
  uint64_t nibbles = __builtin_bswap64((digits & 0x0f0f0f0f0f0f0f0f) + 9 * letters);
  nibbles = (nibbles | nibbles >> 4) & 0x00ff00ff00ff00ff;
  nibbles = (nibbles | nibbles >> 8) & 0x0000ffff0000ffff;
  return (nibbles | nibbles >> 16) & 0xffffffff;
}

}  // namespace internal

// What the `n` digits at `p` make, 1 to 16 of them. At least eight bytes must be readable.
inline uint64_t DecimalNumber(const char* p, size_t n) {
  if (n <= 8) return internal::FoldDecimal(internal::LoadDigits(p, n));
  uint64_t high = internal::FoldDecimal(internal::LoadDigits(p, n - 8));
  return high * 100'000'000 + internal::FoldDecimal(internal::LoadDigits(p + n - 8, 8));
}
// What the `n` digits before `end` make, 1 to 8 of them. Eight bytes must be readable there.
inline uint64_t DecimalNumberBefore(const char* end, size_t n) {
  const size_t others = 64 - 8 * n;
  return internal::FoldDecimal(LoadLittle64(end - 8) >> others << others);
}
inline uint64_t HexNumber(const char* p, size_t n) {
  if (n <= 8) return internal::FoldHex(internal::LoadDigits(p, n));
  uint64_t high = internal::FoldHex(internal::LoadDigits(p, n - 8));
  return high << 32 | internal::FoldHex(internal::LoadDigits(p + n - 8, 8));
}

}  // namespace qte
