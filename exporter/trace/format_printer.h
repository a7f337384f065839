// Prints an event's arguments as QEMU's log backend prints them, from the bytes in which its simple backend stores
// them: 8 bytes for a number or a pointer; 4 bytes of length and the text for a string.
//
//   FormatPrinter printer = *FormatPrinter::Compile(declaration);   // "%s %02x:%02x.%x @0x%x -> 0x%x"
//   if (printer.Print(payload, ByteOrder::kOwn, line)) ...          // line ends in "i440FX 00:00.0 @0x0 -> 0x12378086"
//
// A record stays one line: what a format prints after a newline is left out, as FormatReader expects it, and newlines
// in strings become blanks. Widths and precisions above 255 count as 255, so that a record cannot make a line huge.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "trace/declaration.h"
#include "trace/format_spec.h"

namespace qte::trace {

enum class ByteOrder : uint8_t { kOwn, kSwapped };

uint64_t Stored64(const char* p, ByteOrder order);
uint32_t Stored32(const char* p, ByteOrder order);

class FormatPrinter {
 public:
  static Result<FormatPrinter> Compile(const Declaration& declaration);

  // Appends the text to `line`. False, and `line` is as before, if `payload` is not laid out as the declaration says.
  bool Print(std::string_view payload, ByteOrder order, std::string& line) const;

 private:
  struct Stored {
    uint64_t bits = 0;
    std::string_view text;
  };
  using Arguments = std::array<Stored, kMaxArguments>;

  struct Piece {
    std::string literal;             // before the conversion
    std::optional<FormatSpec> spec;  // none: the format ends
    size_t argument = 0;             // the first that the conversion takes
  };

  bool Unpack(std::string_view payload, ByteOrder order, Arguments& arguments) const;
  void Print(const Piece& piece, const Arguments& arguments, std::string& line) const;

  std::vector<bool> is_text_;  // of each argument
  std::vector<Piece> pieces_;
};

}  // namespace qte::trace
