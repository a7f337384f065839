#include <array>

#include "decoders/decoder.h"
#include "decoders/disk/disk_decoder.h"
#include "decoders/keyboard/key_press_decoder.h"
#include "decoders/keyboard/keystroke_decoder.h"

namespace qte::decoders {

std::span<const DecoderKind> BuiltinDecoders() {
  static const std::array kKinds = {KeystrokeDecoderKind(), KeyPressDecoderKind(), DiskDecoderKind()};
  return kKinds;
}

}  // namespace qte::decoders
