// The decoder of keys that enter QEMU, whatever keyboard the guest has (PS/2, USB, virtio): key_press(console, key)
// out, once for each key that goes down.
//
//   input_event_key_qcode con -1, key qcode a, down 1               `a` goes down
//   input_event_key_qcode con -1, key qcode a, down 1               auto-repeat: it is down already
//   input_event_key_qcode con -1, key qcode a, down 0               it goes up
//   input_event_key_number con 0, key number 0x1e [a], down 1       the same, from a source that knows the key's number
//
// QEMU 5.2 to 11.1 print these. A key is down on one console; of more than max_names keys that are down, the one that
// was repeated least recently is forgotten.
#pragma once

#include "decoders/decoder.h"

namespace qte::decoders {

DecoderKind KeyPressDecoderKind();

}  // namespace qte::decoders
