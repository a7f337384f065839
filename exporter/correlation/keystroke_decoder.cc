#include "correlation/keystroke_decoder.h"

#include <array>
#include <charconv>
#include <memory>

#include "correlation/pointer_table.h"
#include "correlation/scan_code.h"

namespace qte::correlation {
namespace {

using trace::Value;

class KeystrokeDecoder final : public Decoder {
 public:
  explicit KeystrokeDecoder(const DecoderLimits& limits) : keyboards_(limits.max_names) {}

  void OnEvent(const Input& input, Sink& sink) override {
    const Value& keyboard = input.args[0];
    const Value& byte = input.args[1];
    if (!keyboard.has_value() || !byte.has_value() || byte.bits > 0xff) return;
    uint32_t code = ReaderOf(keyboard.bits).Read(static_cast<uint8_t>(byte.bits));
    if (code != 0) Emit(keyboard, code, sink);
  }

  void Reset() override { keyboards_.Clear(); }

 private:
  ScanCodeReader& ReaderOf(uint64_t keyboard) {
    bool added = false;
    uint32_t id = keyboards_.FindOrAdd(keyboard, added);
    if (added) keyboards_[id] = ScanCodeReader();
    return keyboards_[id];
  }

  static void Emit(const Value& keyboard, uint32_t code, Sink& sink) {
    std::array<char, 10> text = {'0', 'x'};
    char* digits = text.data() + 2;
    if (code < 0x10) *digits++ = '0';  // two digits a byte, as QEMU prints one
    char* end = std::to_chars(digits, text.data() + text.size(), code, 16).ptr;
    std::array<Value, 2> args = {keyboard,
                                 Value::Unsigned(code, {text.data(), static_cast<size_t>(end - text.data())})};
    sink.Emit(0, args);
  }

  PointerTable<ScanCodeReader> keyboards_;
};

std::unique_ptr<Decoder> Make(const DecoderLimits& limits) {
  return std::make_unique<KeystrokeDecoder>(limits);
}

}  // namespace

DecoderKind KeystrokeDecoderKind() {
  return {.name = "keystroke",
          .span = "",
          .inputs = {{"ps2_put_keycode", {"opaque", "keycode"}}},
          .outputs = {{"keystroke", {"keyboard", "code"}}},
          .make = Make};
}

}  // namespace qte::correlation
