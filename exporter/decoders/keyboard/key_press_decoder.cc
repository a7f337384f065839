#include "decoders/keyboard/key_press_decoder.h"

#include <array>
#include <memory>
#include <string>
#include <utility>

#include "base/hash.h"
#include "joins/pointer_table.h"
#include "joins/saved.h"

namespace qte::decoders {
using namespace joins;
namespace {

using nlohmann::json;
using trace::Value;

class KeyPressDecoder final : public Decoder {
 public:
  explicit KeyPressDecoder(const DecoderLimits& limits) : limits_(limits), down_(limits.max_names) {}

  void OnEvent(const Input& input, Sink& sink) override {
    const Value& console = input.args[0];
    const Value& key = input.args[1];
    if (!console.has_value() || !key.has_value() || !input.args[2].has_value()) return;
    uint64_t which = StableHash(key.text()) + console.bits;
    if (input.args[2].bits == 0) {
      if (uint32_t id = down_.Find(which); id != down_.kNone) down_.Erase(id);
      return;
    }
    bool added = false;
    down_.FindOrAdd(which, added);
    if (!added) return;
    std::array<Value, 2> args = {console, Value::Text(key.text())};
    sink.Emit(0, args);
  }

  void Reset() override { down_.Clear(); }
  json Save() const override;
  void Restore(const json& state) override;
  uint64_t forgotten(size_t /*part*/) const override { return down_.forgotten(); }

 private:
  struct Nothing {};

  DecoderLimits limits_;
  PointerTable<Nothing> down_;
};

// {"down": [hash of console and key, ...], the least recently used first, "forgotten"}
json KeyPressDecoder::Save() const {
  json rows = SaveRows(down_, [](uint64_t which, const Nothing&) { return json(which); });
  return {{"down", std::move(rows)}, {"forgotten", down_.forgotten()}};
}

void KeyPressDecoder::Restore(const json& state) {
  Reset();
  KeyPressDecoder restored(limits_);
  for (const json& which : SavedList(state.at("down"))) AddSaved(restored.down_, which);
  restored.down_.set_forgotten(restored.down_.forgotten() + SavedUnsigned(state.at("forgotten")));
  *this = std::move(restored);
}

std::unique_ptr<Decoder> Make(const DecoderLimits& limits) {
  return std::make_unique<KeyPressDecoder>(limits);
}

}  // namespace

DecoderKind KeyPressDecoderKind() {
  return {.name = "key_press",
          .parts = {{.name = "key_press", .opens = false}},
          .inputs = {{"input_event_key_qcode", {"conidx", "qcode", "down"}},
                     {"input_event_key_number", {"conidx", "qcode", "down"}}},
          .outputs = {{"key_press", {"console", "key"}, {"key"}}},
          .make = Make};
}

}  // namespace qte::decoders
