#include <array>

#include "correlation/decoder.h"
#include "correlation/disk_decoder.h"
#include "correlation/keystroke_decoder.h"

namespace qte::correlation {

std::span<const DecoderKind> BuiltinDecoders() {
  static const std::array kKinds = {KeystrokeDecoderKind(), DiskDecoderKind()};
  return kKinds;
}

}  // namespace qte::correlation
