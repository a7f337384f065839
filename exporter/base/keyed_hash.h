// SipHash-2-4: a hash that who does not know its key can neither predict nor find collisions of. For telling in passing
// whether a secret is the one that was looked at before; not for storing secrets.
#pragma once

#include <cstdint>
#include <string_view>

namespace qte {

struct HashKey {
  uint64_t low = 0;
  uint64_t high = 0;
};

// From the system's random numbers.
HashKey RandomHashKey();

uint64_t KeyedHash(const HashKey& key, std::string_view bytes);

}  // namespace qte
