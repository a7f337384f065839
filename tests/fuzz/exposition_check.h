// Whether a text is what Prometheus takes as its text format 0.0.4: written down apart from the code that writes it.
#pragma once

#include <re2/re2.h>

#include <string>
#include <string_view>

#include "fuzz.h"

namespace qte::fuzz {

// The length of the character at the start of `text`, or 0: by decoding it, the other way round from base/utf8.
inline size_t CharacterLength(std::string_view text) {
  auto byte = [&](size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u; };
  if (byte(0) < 0x80) return 1;
  size_t length = byte(0) >= 0xf0 ? 4 : byte(0) >= 0xe0 ? 3 : 2;
  uint32_t character = byte(0) & (0x7fu >> length);
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
    character = character << 6 | (byte(i) & 0x3f);
  }
  constexpr uint32_t kLeast[] = {0, 0, 0x80, 0x800, 0x10000};
  bool surrogate = character >= 0xd800 && character < 0xe000;
  return byte(0) >= 0xc2 && byte(0) < 0xf8 && character >= kLeast[length] && character <= 0x10ffff && !surrogate
             ? length
             : 0;
}

inline bool IsUtf8(std::string_view text) {
  while (!text.empty()) {
    size_t length = CharacterLength(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

// "Nan" is how prometheus-cpp writes it, and Prometheus reads it in any case.
inline void RequireExposition(std::string_view text) {
  static const re2::RE2 line(
      R"(# (HELP [a-zA-Z_:][\w:]* ([^\\\n]|\\[\\n])*|TYPE [a-zA-Z_:][\w:]* (counter|gauge|histogram)))"
      R"(|[a-zA-Z_:][\w:]*(\{([a-zA-Z_]\w*="([^"\\\n]|\\["\\n])*"(,[a-zA-Z_]\w*="([^"\\\n]|\\["\\n])*")*)?\})?)"
      R"( (Na[Nn]|[+-]?Inf|-?[0-9][0-9.]*(e[+-]?[0-9]+)?))",
      re2::RE2::Latin1);
  Require(line.ok(), "the pattern of a line");
  Require(IsUtf8(text), "the exposition is valid UTF-8");
  Require(text.find('\0') == std::string_view::npos, "the exposition holds no NUL");
  Require(text.empty() || text.back() == '\n', "the exposition ends with a newline");
  while (!text.empty()) {
    std::string_view next = TakeLine(text);
    bool fits = re2::RE2::FullMatch(re2::StringPiece(next.data(), next.size()), line);
    if (!fits) std::fprintf(stderr, "%s\n", std::string(next).c_str());
    Require(fits, "every line is HELP, TYPE or a sample");
  }
}

}  // namespace qte::fuzz
