// One conversion of a printf format, from '%' to its letter. FormatReader and FormatPrinter both parse formats by it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/result.h"

namespace qte::trace {

struct FormatSpec {
  bool zero = false;
  bool left = false;
  bool base = false;   // '#'
  bool plus = false;   // '+'
  bool blank = false;  // ' '
  bool has_precision = false;
  bool takes_width = false;      // "%*d": an argument of its own
  bool takes_precision = false;  // "%.*s"
  unsigned width = 0;            // at most kMaxWidth, as precision
  unsigned precision = 0;
  uint8_t integer_bytes = 4;  // by the length modifier, on a 64-bit host
  char letter = 0;

  static constexpr unsigned kMaxWidth = 255;

  // Arguments that the conversion takes before the one that it prints.
  size_t stars() const { return size_t{takes_width} + size_t{takes_precision}; }
};

// True if a conversion, and not "%%", begins at this '%'.
inline bool IsConversion(std::string_view format, size_t percent) {
  return format[percent] == '%' && percent + 1 < format.size() && format[percent + 1] != '%';
}

// Parses the conversion behind a '%' at `at`, and moves `at` behind it.
Result<FormatSpec> ParseFormatSpec(std::string_view format, size_t& at);

// The part of a format that stands on the event's line: what follows a newline stands on the next one, and no line
// holds a NUL of a format.
std::string_view FirstLineOf(std::string_view format);

}  // namespace qte::trace
