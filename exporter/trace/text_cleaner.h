// A line of text as QEMU wrote it, out of what terminals, editors and Windows made of it.
//
// Taken away: the CR before a line's end (Windows, `screen -L`, serial consoles), ANSI escape sequences (terminals,
// `grep --color`), byte order marks, and NULs at the start of a line. UTF-16, which PowerShell 5 writes, becomes UTF-8.
// It is split at bytes of '\n', so half of a newline stands at the end of a line, or at the start of the next.
#pragma once

#include <string>
#include <string_view>

namespace qte::trace {

class TextCleaner {
 public:
  // The cleaned line: a part of `line`, or valid until the next call. kScanPadding readable bytes stand behind both.
  // `is_big_endian` is the log's: what its last byte order mark of UTF-16 said, false before.
  std::string_view Clean(std::string_view line, bool& is_big_endian);

 private:
  void DecodeUtf16(std::string_view line, bool& is_big_endian);

  std::string text_;
};

}  // namespace qte::trace
