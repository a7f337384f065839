#include "base/keyed_hash.h"

#include <sys/random.h>

#include <bit>

#include "base/hash.h"

namespace qte {
namespace {

// The four words of state, as the paper calls them ("SipHash: a fast short-input PRF", Aumasson and Bernstein).
struct State {
  uint64_t v0, v1, v2, v3;

  void Round() {
    v0 += v1;
    v1 = std::rotl(v1, 13) ^ v0;
    v0 = std::rotl(v0, 32);
    v2 += v3;
    v3 = std::rotl(v3, 16) ^ v2;
    v0 += v3;
    v3 = std::rotl(v3, 21) ^ v0;
    v2 += v1;
    v1 = std::rotl(v1, 17) ^ v2;
    v2 = std::rotl(v2, 32);
  }
  void Take(uint64_t word) {
    v3 ^= word;
    Round();
    Round();
    v0 ^= word;
  }
};

}  // namespace

HashKey RandomHashKey() {
  HashKey key;
  // Cannot fail for so few bytes, but before the kernel has gathered any entropy, when it waits.
  while (::getrandom(&key, sizeof key, 0) != sizeof key) {
  }
  return key;
}

uint64_t KeyedHash(const HashKey& key, std::string_view bytes) {
  State state{key.low ^ 0x736f6d6570736575, key.high ^ 0x646f72616e646f6d, key.low ^ 0x6c7967656e657261,
              key.high ^ 0x7465646279746573};
  std::string_view rest = bytes;
  for (; rest.size() >= 8; rest.remove_prefix(8)) state.Take(Load64(rest.data()));
  uint64_t last = static_cast<uint64_t>(bytes.size()) << 56;
  for (size_t i = 0; i < rest.size(); ++i)
    last |= static_cast<uint64_t>(static_cast<unsigned char>(rest[i])) << (8 * i);
  state.Take(last);
  state.v2 ^= 0xff;
  for (int i = 0; i < 4; ++i) state.Round();
  return state.v0 ^ state.v1 ^ state.v2 ^ state.v3;
}

}  // namespace qte
