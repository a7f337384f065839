// How many CPUs this process may use.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

namespace qte {

// At least 1: those of the affinity mask, or fewer where the control group has a quota for less.
size_t UsableCpus();

// The CPUs that a control group's cpu.max allows ("QUOTA PERIOD", in microseconds), rounded up; nothing where it
// sets no limit ("max PERIOD") or is something else.
std::optional<size_t> ParseCpuMax(std::string_view text);

}  // namespace qte
