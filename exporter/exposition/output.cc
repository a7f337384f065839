#include "exposition/output.h"

#include <cmath>

#include "base/hash.h"
#include "base/utf8.h"

namespace qte::exposition {
namespace {

constexpr uint64_t kEach = 0x0101010101010101;
constexpr uint64_t kHighBits = 0x80 * kEach;

// Sets the high bit of each byte of `word` that equals `byte`. Bytes above such a byte may also be marked.
uint64_t Equals(uint64_t word, char byte) {
  const uint64_t difference = word ^ (static_cast<unsigned char>(byte) * kEach);
  return (difference - kEach) & ~difference & kHighBits;
}

bool IsPlainWord(uint64_t word) {
  const uint64_t special = Equals(word, '"') | Equals(word, '\\') | Equals(word, '\n') | Equals(word, '\0');
  return ((word & kHighBits) | special) == 0;
}

}  // namespace

// Fast path for values in ASCII that need no escapes, which are nearly all. It checks 8 bytes at a time.
bool Output::IsPlain(std::string_view value) {
  size_t at = 0;
  for (; at + 8 <= value.size(); at += 8) {
    if (!IsPlainWord(Load64(value.data() + at))) return false;
  }
  if (at == value.size()) return true;
  uint64_t rest = 'a' * kEach;
  std::memcpy(&rest, value.data() + at, value.size() - at);
  return IsPlainWord(rest);
}

void Output::PutEscaped(std::string_view value) {
  std::string valid(value);
  MakeValidUtf8(valid);
  for (char c : valid) {
    if (c == '\n') {
      Put("\\n");
      continue;
    }
    if (c == '"' || c == '\\') Put('\\');
    Put(c);
  }
}

char* Output::NumberToChars(double number, char* at) {
  constexpr double kExact = 9007199254740992;  // 2^53: up to here, doubles represent every whole number
  if (std::abs(number) <= kExact && number == std::trunc(number)) {
    return std::to_chars(at, at + kNumberSize, static_cast<int64_t>(number)).ptr;
  }
  if (std::isfinite(number)) {
    constexpr double kLeastFixed = 1e-4;  // like %g of printf: bounds of buckets are labels, which users query
    const bool is_fixed = std::abs(number) >= kLeastFixed && std::abs(number) <= kExact;
    return std::to_chars(at, at + kNumberSize, number, is_fixed ? std::chars_format::fixed : std::chars_format::scientific).ptr;
  }
  const std::string_view name = std::isnan(number) ? "NaN" : number > 0 ? "+Inf" : "-Inf";
  std::memcpy(at, name.data(), name.size());
  return at + name.size();
}

}  // namespace qte::exposition
