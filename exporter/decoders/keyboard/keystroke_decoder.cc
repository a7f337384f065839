#include "decoders/keyboard/keystroke_decoder.h"

#include <array>
#include <charconv>
#include <memory>
#include <utility>

#include "decoders/keyboard/scan_code.h"
#include "joins/pointer_table.h"
#include "joins/saved.h"

namespace qte::decoders {
using namespace joins;
namespace {

using nlohmann::json;
using trace::Value;

class KeystrokeDecoder final : public Decoder {
 public:
  explicit KeystrokeDecoder(const DecoderLimits& limits) : limits_(limits), keyboards_(limits.max_names) {}

  void OnEvent(const Input& input, Sink& sink) override {
    const Value& keyboard = input.args[0];
    const Value& byte = input.args[1];
    if (!keyboard.has_value() || !byte.has_value() || byte.bits > 0xff) return;
    uint32_t code = ReaderOf(keyboard.bits).Read(static_cast<uint8_t>(byte.bits));
    if (code != 0) Emit(keyboard, code, sink);
  }

  void Reset() override { keyboards_.Clear(); }
  json Save() const override;
  void Restore(const json& state) override;
  uint64_t forgotten(size_t /*part*/) const override { return keyboards_.forgotten(); }

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
    if (code < 0x10) *digits++ = '0';  // QEMU prints two digits per byte
    char* end = std::to_chars(digits, text.data() + text.size(), code, 16).ptr;
    std::array<Value, 2> args = {keyboard,
                                 Value::Unsigned(code, {text.data(), static_cast<size_t>(end - text.data())})};
    sink.Emit(0, args);
  }

  DecoderLimits limits_;
  PointerTable<ScanCodeReader> keyboards_;
};

// {"keyboards": [[pointer, reader], ...], the least recently used first, "forgotten"}
json KeystrokeDecoder::Save() const {
  json rows = SaveRows(keyboards_, [](uint64_t pointer, const ScanCodeReader& reader) {
    return json::array({pointer, reader.Save()});
  });
  return {{"keyboards", std::move(rows)}, {"forgotten", keyboards_.forgotten()}};
}

void KeystrokeDecoder::Restore(const json& state) {
  Reset();
  KeystrokeDecoder restored(limits_);
  for (const json& from : SavedList(state.at("keyboards"))) {
    const json::array_t& row = SavedRow(from, 2);
    AddSaved(restored.keyboards_, row[0]).Restore(row[1]);
  }
  restored.keyboards_.set_forgotten(restored.keyboards_.forgotten() + SavedUnsigned(state.at("forgotten")));
  *this = std::move(restored);
}

std::unique_ptr<Decoder> Make(const DecoderLimits& limits) {
  return std::make_unique<KeystrokeDecoder>(limits);
}

}  // namespace

DecoderKind KeystrokeDecoderKind() {
  return {.name = "keystroke",
          .parts = {{.name = "keystroke", .opens = false}},
          .inputs = {{"ps2_put_keycode", {"opaque", "keycode"}}},
          .outputs = {{"keystroke", {"keyboard", "code"}, {"keyboard"}}},
          .make = Make};
}

}  // namespace qte::decoders
