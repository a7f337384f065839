// Bytes found by wide compares, without a call: the first of a byte in a short text, and every one of a byte in a
// chunk.
//
// glibc's memchr is faster on long texts; what the hot path looks for (the blank behind an event's name, the end of a
// line) comes within a step or two. Each has a portable form that gives the same on any machine.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/hash.h"

#if defined(__SSE2__) && !defined(QTE_PORTABLE)
#define QTE_SSE2
#include <emmintrin.h>
#endif

namespace qte {

// May be read, not used, behind a text in which the first of a byte is looked for.
inline constexpr size_t kScanPadding = 16;
// The same behind a chunk in which every one of a byte is.
inline constexpr size_t kChunkPadding = 64;

namespace internal {

inline constexpr uint64_t kOnes = 0x0101010101010101;
inline constexpr uint64_t kTops = 0x8080808080808080;

}  // namespace internal

// Where `byte` stands first, or the size of `text`. On any machine.
inline size_t FindBytePortable(std::string_view text, char byte) {
  using internal::kOnes;
  using internal::kTops;
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

#ifdef QTE_SSE2
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

// Bit i tells whether the byte at p + i is `byte`, for 64 bytes. On any machine.
inline uint64_t MaskOfPortable(const char* p, char byte) {
  constexpr uint64_t kLows = ~internal::kTops;
  constexpr uint64_t kSideBySide = 0x0002040810204081;  // brings the top bits of eight bytes into the highest one
  const uint64_t wanted = internal::kOnes * static_cast<unsigned char>(byte);
  uint64_t mask = 0;
  for (unsigned at = 0; at < 64; at += 8) {
    uint64_t word = LoadLittle64(p + at) ^ wanted;
    uint64_t zeros = ~(((word & kLows) + kLows) | word) & internal::kTops;  // the top bit of each byte that is 0
    mask |= ((zeros * kSideBySide) >> 56) << at;
  }
  return mask;
}

#ifdef QTE_SSE2
inline uint64_t MaskOf(const char* p, char byte) {
  const __m128i wanted = _mm_set1_epi8(byte);
  uint64_t mask = 0;
  for (unsigned at = 0; at < 64; at += 16) {
    __m128i sixteen = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p + at));
    mask |= static_cast<uint64_t>(static_cast<uint32_t>(_mm_movemask_epi8(_mm_cmpeq_epi8(sixteen, wanted)))) << at;
  }
  return mask;
}
#else
inline uint64_t MaskOf(const char* p, char byte) {
  return MaskOfPortable(p, byte);
}
#endif

// Every place of one byte in a chunk that has kChunkPadding readable bytes behind it, in order: 64 bytes are looked at
// once, however many places are among them.
class PlacesOf {
 public:
  PlacesOf(char byte, std::string_view chunk) : byte_(byte), block_(chunk.data()), end_(block_ + chunk.size()) {
    if (block_ != end_) mask_ = MaskOf(block_, byte_);
  }

  // The next place, or null after the last one.
  const char* Next() {
    while (mask_ == 0) {
      if (end_ - block_ <= 64) return nullptr;
      block_ += 64;
      mask_ = MaskOf(block_, byte_);
    }
    const char* place = block_ + std::countr_zero(mask_);
    mask_ &= mask_ - 1;
    return place < end_ ? place : nullptr;
  }

 private:
  const char byte_;
  const char* block_;
  const char* const end_;
  uint64_t mask_ = 0;  // of places in the block that are still to come
};

}  // namespace qte
