#include <array>

#include "correlation/block_request_decoder.h"
#include "correlation/decoder.h"
#include "correlation/dma_decoder.h"
#include "correlation/keystroke_decoder.h"

namespace qte::correlation {

std::span<const DecoderKind> BuiltinDecoders() {
  static const std::array kKinds = {KeystrokeDecoderKind(), DmaDecoderKind(), BlockRequestDecoderKind()};
  return kKinds;
}

}  // namespace qte::correlation
