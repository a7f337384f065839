// The time of day, for showing it. What decides by time uses base/clock.h.
#pragma once

#include <chrono>

namespace qte {

inline double SecondsSinceEpoch() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

}  // namespace qte
