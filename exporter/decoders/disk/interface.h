// The front ends by which guests reach their disks.
#pragma once

#include <cstdint>
#include <string_view>

namespace qte::decoders {

enum class Interface : uint8_t { kNone, kVirtioBlk, kNvme, kScsi, kIde, kLast = kIde };

// As the label `interface` shows it.
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
