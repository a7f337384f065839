// The SDT probes that a program was built with, as `readelf -n` lists them. QEMU has one for each of its trace events
// if it was built with the dtrace backend.
//
// Reads the section .note.stapsdt of a 64-bit ELF file of this machine's byte order. Everything in the file is checked
// before it is used: a file that is damaged gives an error, or the probes before the damage.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace qte::trace {

struct SdtProbe {
  std::string name;
  std::vector<int> sizes;  // of each argument in bytes; negative if it is signed
};

// The probes of one provider, sorted by name, each once. Empty if the program has none.
Result<std::vector<SdtProbe>> ReadSdtProbes(const std::string& path, std::string_view provider);

// "8@%r14 -4@$5" is {8, -4}.
std::vector<int> SdtArgumentSizes(std::string_view arguments);

}  // namespace qte::trace
