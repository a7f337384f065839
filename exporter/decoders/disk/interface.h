// The interfaces of front ends, through which guests access their disks.
#pragma once

#include <cstdint>
#include <string_view>

namespace qte::decoders {

enum class Interface : uint8_t { kNone, kVirtioBlk, kNvme, kScsi, kIde, kLast = kIde };

// The value of the label `interface`.
inline std::string_view NameOf(Interface interface) {
  switch (interface) {
    case Interface::kVirtioBlk:
      return "virtio-blk";
    case Interface::kNvme:
      return "nvme";
    case Interface::kScsi:
      return "scsi";
    case Interface::kIde:
      return "ide";
    case Interface::kNone:
      break;
  }
  return {};
}

}  // namespace qte::decoders
