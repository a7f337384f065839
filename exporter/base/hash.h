// Hashing of short byte strings: event names, label texts, pointer keys. Fast and well mixed, not cryptographic: every
// table that uses it compares the bytes and is bounded.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace qte {

inline uint64_t Load64(const char* p) {
  uint64_t word;
  std::memcpy(&word, p, sizeof word);
  return word;
}

// With the first byte in the lowest place, on any machine.
inline uint64_t LoadLittle64(const char* p) {
  uint64_t word = Load64(p);
  return std::endian::native == std::endian::little ? word : __builtin_bswap64(word);
}

inline uint32_t Load32(const char* p) {
  uint32_t word;
  std::memcpy(&word, p, sizeof word);
  return word;
}

// Whether `n` bytes are the same. Short ones, as keys are, take a few overlapping loads a side and no call.
inline bool SameBytes(const char* a, const char* b, size_t n) {
  if (n > 32) return std::memcmp(a, b, n) == 0;
  if (n > 16) {
    bool same_head = Load64(a) == Load64(b) && Load64(a + 8) == Load64(b + 8);
    return same_head && Load64(a + n - 16) == Load64(b + n - 16) && Load64(a + n - 8) == Load64(b + n - 8);
  }
  if (n >= 8) return Load64(a) == Load64(b) && Load64(a + n - 8) == Load64(b + n - 8);
  if (n >= 4) return Load32(a) == Load32(b) && Load32(a + n - 4) == Load32(b + n - 4);
  for (size_t i = 0; i < n; ++i) {
    if (a[i] != b[i]) return false;
  }
  return true;
}

// Multiplies to 128 bits and folds: every input bit reaches every output bit.
inline uint64_t Mix(uint64_t a, uint64_t b) {
  __extension__ using Wide = unsigned __int128;
  Wide product = static_cast<Wide>(a) * b;
  return static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
}

inline constexpr uint64_t kHashSeed = 0x9e3779b97f4a7c15;

// All bytes count; strings of up to 16 bytes take two overlapping loads.
inline uint64_t HashBytes(std::string_view bytes, uint64_t seed = kHashSeed) {
  const char* p = bytes.data();
  size_t n = bytes.size();
  constexpr uint64_t kA = 0xa0761d6478bd642f;
  constexpr uint64_t kB = 0xe7037ed1a0b428db;
  uint64_t h = seed ^ (n * kB);
  while (n > 16) {
    h = Mix(Load64(p) ^ kA, Load64(p + 8) ^ h);
    p += 16;
    n -= 16;
  }
  uint64_t a = 0;
  uint64_t b = 0;
  if (n >= 8) {
    a = Load64(p);
    b = Load64(p + n - 8);
  } else if (n >= 4) {
    a = Load32(p);
    b = Load32(p + n - 4);
  } else if (n > 0) {
    auto byte = [p](size_t i) { return static_cast<uint64_t>(static_cast<unsigned char>(p[i])); };
    a = byte(0) << 16 | byte(n / 2) << 8 | byte(n - 1);
  }
  return Mix(a ^ kA ^ h, b ^ kB ^ h);
}

}  // namespace qte
