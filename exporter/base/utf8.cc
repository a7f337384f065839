#include "base/utf8.h"

#include <algorithm>

namespace qte {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

bool IsPlain(char c) {
  return c > 0;
}  // ASCII but for NUL

}  // namespace

size_t Utf8SequenceLength(std::string_view text) {
  auto byte = [&](size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u; };
  auto continues = [&](size_t i) { return (byte(i) & 0xC0u) == 0x80; };
  unsigned first = byte(0);
  if (text.empty()) return 0;
  if (first < 0x80) return 1;
  if (first >= 0xC2 && first <= 0xDF) return continues(1) ? 2 : 0;
  if (first >= 0xE0 && first <= 0xEF) {
    bool overlong = first == 0xE0 && byte(1) < 0xA0;
    bool surrogate = first == 0xED && byte(1) > 0x9F;
    return continues(1) && continues(2) && !overlong && !surrogate ? 3 : 0;
  }
  if (first >= 0xF0 && first <= 0xF4) {
    bool overlong = first == 0xF0 && byte(1) < 0x90;
    bool too_high = first == 0xF4 && byte(1) > 0x8F;
    return continues(1) && continues(2) && continues(3) && !overlong && !too_high ? 4 : 0;
  }
  return 0;
}

void AppendUtf8(uint32_t c, std::string& text) {
  auto tail = [c](unsigned shift) { return static_cast<char>(0x80 | ((c >> shift) & 0x3f)); };
  if (c < 0x80) {
    text += static_cast<char>(c);
  } else if (c < 0x800) {
    text += {static_cast<char>(0xc0 | c >> 6), tail(0)};
  } else if (c < 0x10000) {
    text += {static_cast<char>(0xe0 | c >> 12), tail(6), tail(0)};
  } else {
    text += {static_cast<char>(0xf0 | c >> 18), tail(12), tail(6), tail(0)};
  }
}

void MakeValidUtf8(std::string& text, size_t max_bytes) {
  bool plain = std::all_of(text.begin(), text.end(), IsPlain);
  if (plain && text.size() <= max_bytes) return;
  std::string valid;
  for (std::string_view rest = text; !rest.empty();) {
    size_t length = rest[0] == '\0' ? 0 : Utf8SequenceLength(rest);
    std::string_view piece = length == 0 ? kReplacement : rest.substr(0, length);
    if (valid.size() + piece.size() > max_bytes) break;
    valid += piece;
    rest.remove_prefix(std::max<size_t>(length, 1));
  }
  text = std::move(valid);
}

}  // namespace qte
