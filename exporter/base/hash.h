// Hashing of short byte strings and numbers: event names, label texts, pointers. Fast and well mixed, not
// cryptographic: every table that uses it compares the keys and is bounded.
//
// Logs, guests, clients and file names choose the keys of tables. Each process hashes with a random secret, so that
// keys that collide cannot be chosen. A hash that is written to a file has to be a StableHash.
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

// Whether `n` bytes are the same. Short ones, as keys are, take at most 4 overlapping loads a side and no call.
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

struct HashSecret {
  HashSecret();
  uint64_t a;
  uint64_t b;
  uint64_t seed;  // odd, so that numbers that differ still do when multiplied by it
};
// Drawn once, at the start of the process.
extern const HashSecret kHashSecret;

// What a hash is made of: two words to be multiplied.
struct HashState {
  __extension__ using Wide = unsigned __int128;

  uint64_t first;
  uint64_t last;

  // Multiplies to 128 bits and folds: every input bit reaches every output bit.
  uint64_t Fold() const {
    Wide product = static_cast<Wide>(first) * last;
    return static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
  }
  // Folds twice. After one fold, rows of numbers still form a pattern, which with some secrets falls into few cells of
  // a table.
  uint64_t FoldTwice() const {
    Wide product = static_cast<Wide>(first) * last;
    return HashState{static_cast<uint64_t>(product), static_cast<uint64_t>(product >> 64)}.Fold();
  }

  // All bytes count; strings of up to 16 bytes take two overlapping loads.
  static HashState Of(std::string_view bytes, uint64_t a, uint64_t b, uint64_t seed) {
    const char* p = bytes.data();
    size_t n = bytes.size();
    uint64_t h = seed ^ (n * b);
    while (n > 16) {
      h = HashState{Load64(p) ^ a, Load64(p + 8) ^ h}.Fold();
      p += 16;
      n -= 16;
    }
    uint64_t first = 0;
    uint64_t last = 0;
    if (n >= 8) {
      first = Load64(p);
      last = Load64(p + n - 8);
    } else if (n >= 4) {
      first = Load32(p);
      last = Load32(p + n - 4);
    } else if (n > 0) {
      auto byte = [p](size_t i) { return static_cast<uint64_t>(static_cast<unsigned char>(p[i])); };
      first = byte(0) << 16 | byte(n / 2) << 8 | byte(n - 1);
    }
    return {first ^ a ^ h, last ^ b ^ h};
  }
};

// The hash of bytes that follow others, whose hash is `before`.
inline uint64_t HashBytes(std::string_view bytes, uint64_t before = kHashSecret.seed) {
  return HashState::Of(bytes, kHashSecret.a, kHashSecret.b, before).FoldTwice();
}
// The hash of bytes and a number that a log can choose. The number is multiplied by a secret: if it were only combined
// by XOR, a log could choose bytes that undo it.
inline uint64_t HashBytesAndNumber(std::string_view bytes, uint64_t number) {
  return HashBytes(bytes, (number + 1) * kHashSecret.seed);
}
inline uint64_t HashNumber(uint64_t number) {
  return HashState{number ^ kHashSecret.a, kHashSecret.b}.FoldTwice();
}

// The hash of texts, for standard containers.
struct TextHash {
  size_t operator()(std::string_view text) const { return HashBytes(text); }
};

// For checkpoints: the same in every process and every version. Anybody can choose bytes that collide, so no table may
// use it.
inline uint64_t StableHash(std::string_view bytes) {
  return HashState::Of(bytes, 0xa0761d6478bd642f, 0xe7037ed1a0b428db, 0x9e3779b97f4a7c15).Fold();
}

}  // namespace qte
