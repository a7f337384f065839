#include "base/hash.h"

#include "base/keyed_hash.h"

namespace qte {

HashSecret::HashSecret() {
  HashKey first = RandomHashKey();
  HashKey second = RandomHashKey();
  a = first.low;
  b = first.high;
  seed = second.low | 1;
}

// Before every other object, since those may hold tables.
__attribute__((init_priority(101))) const HashSecret kHashSecret;

}  // namespace qte
