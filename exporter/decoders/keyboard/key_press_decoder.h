// Decodes keys that enter QEMU, for any keyboard of the guest (PS/2, USB, virtio). It emits key_press(console, key)
// once for each key that goes down.
//
//   input_event_key_qcode con -1, key qcode a, down 1               `a` goes down
//   input_event_key_qcode con -1, key qcode a, down 1               auto-repeat: it is down already
//   input_event_key_qcode con -1, key qcode a, down 0               it goes up
//   input_event_key_number con 0, key number 0x1e [a], down 1       the same, from a source that knows the key's number
//
// QEMU 5.2 to 11.1 print these. Each console has its own keys. If more than max_names keys are down, the least recently
// repeated key is dropped.
#pragma once

#include "decoders/decoder.h"

namespace qte::decoders {

DecoderKind KeyPressDecoderKind();

}  // namespace qte::decoders
