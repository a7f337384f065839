// Time between two lines of a log.
#pragma once

#include <cstdint>

namespace qte::correlation {

// From `start_us` to a later `end_us`; in unsigned numbers, since times out of a hostile line may lie 2^64 apart.
inline uint64_t ElapsedMicroseconds(int64_t start_us, int64_t end_us) {
  return static_cast<uint64_t>(end_us) - static_cast<uint64_t>(start_us);
}

}  // namespace qte::correlation
