// Decodes key presses: reads ps2_put_keycode(opaque, keycode) and emits keystroke(keyboard, code) once for each press.
//
// `keyboard` is the pointer as printed. `code` consists of the bytes that identify the key, in order, as a number with
// its text (0x34, 0xe075, 0xe11477). Each keyboard has its own state. If there are more than max_names keyboards, the
// least recently used one is dropped.
#pragma once

#include "decoders/decoder.h"

namespace qte::decoders {

DecoderKind KeystrokeDecoderKind();

}  // namespace qte::decoders
