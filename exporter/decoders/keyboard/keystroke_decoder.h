// The decoder of key presses: ps2_put_keycode(opaque, keycode) in, keystroke(keyboard, code) out, once for each press.
//
// `keyboard` is the pointer as printed; `code` is the bytes that name the key, in order, as a number with its text
// (0x34, 0xe075, 0xe11477). Each keyboard has its own state; of more than max_names keyboards the least recently used
// is forgotten.
#pragma once

#include "decoders/decoder.h"

namespace qte::decoders {

DecoderKind KeystrokeDecoderKind();

}  // namespace qte::decoders
