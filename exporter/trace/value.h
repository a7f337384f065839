// One argument of a trace event, as a format reader found it in a line or a decoder derived it.
//
// A Value points into the line (or into memory its maker keeps), so it lives as long as the event is being handled and
// no longer. Nothing here allocates.
#pragma once

#include <cstdint>
#include <string_view>

namespace qte::trace {

enum class ValueKind : uint8_t {
  kMissing,  // this variant of the event, or this derived event, does not have the argument
  kText,     // %s, %c
  kInteger,  // %d, %x, %p ...: `bits` and `negative`
  kReal,     // %f, or a derived number such as a duration: `real`
};

struct Value {
  const char* data = nullptr;  // as printed; null for a derived number that has no text yet
  uint32_t size = 0;
  ValueKind kind = ValueKind::kMissing;
  bool negative = false;  // kInteger: the value is bits as a negative two's complement number
  union {
    uint64_t bits = 0;
    double real;
  };

  static Value Text(std::string_view text) {
    Value v;
    v.data = text.data();
    v.size = static_cast<uint32_t>(text.size());
    v.kind = ValueKind::kText;
    return v;
  }
  static Value Unsigned(uint64_t number, std::string_view text = {}) {
    Value v = Text(text);
    v.kind = ValueKind::kInteger;
    v.bits = number;
    return v;
  }
  static Value Signed(int64_t number, std::string_view text = {}) {
    Value v = Unsigned(static_cast<uint64_t>(number), text);
    v.negative = number < 0;
    return v;
  }
  static Value Real(double number, std::string_view text = {}) {
    Value v = Text(text);
    v.kind = ValueKind::kReal;
    v.real = number;
    return v;
  }

  bool has_value() const { return kind != ValueKind::kMissing; }
  bool is_number() const { return kind == ValueKind::kInteger || kind == ValueKind::kReal; }
  std::string_view text() const { return {data, size}; }
  // The number as a double; 0 for text.
  double AsDouble() const {
    if (kind == ValueKind::kReal) return real;
    if (kind != ValueKind::kInteger) return 0;
    return negative ? static_cast<double>(static_cast<int64_t>(bits)) : static_cast<double>(bits);
  }
};

}  // namespace qte::trace
