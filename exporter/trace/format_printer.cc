#include "trace/format_printer.h"

#include <algorithm>
#include <charconv>

#include "base/hash.h"

namespace qte::trace {
namespace {

constexpr size_t kNumberBytes = sizeof(uint64_t);
constexpr size_t kLengthBytes = sizeof(uint32_t);

// QEMU's simple backend stores these as strings. Older versions stored a `char **` as one, too, which was a bug.
bool IsStoredAsText(std::string_view type) {
  constexpr std::string_view kConst = "const ";
  if (type.starts_with(kConst)) type.remove_prefix(kConst.size());
  return (type.starts_with("char *") || type.starts_with("char*")) && std::count(type.begin(), type.end(), '*') == 1;
}

void AppendOnOneLine(std::string_view text, std::string& line) {
  const size_t begin = line.size();
  line += text;
  std::replace_if(
      line.begin() + static_cast<ptrdiff_t>(begin), line.end(), [](char c) { return c == '\n' || c == '\0'; }, ' ');
}

void AppendPadded(std::string_view text, const FormatSpec& spec, std::string& line) {
  const size_t blanks = spec.width - std::min<size_t>(spec.width, text.size());
  if (!spec.left) line.append(blanks, ' ');
  AppendOnOneLine(text, line);
  if (spec.left) line.append(blanks, ' ');
}

// "-", "+", "0x" or nothing, then the digits, filled up with zeros as precision and width want it.
void AppendNumber(std::string_view sign, std::string_view digits, const FormatSpec& spec, std::string& line) {
  size_t zeros = 0;
  if (spec.has_precision) {
    if (digits == "0" && spec.precision == 0) digits = {};
    zeros = spec.precision - std::min<size_t>(spec.precision, digits.size());
  } else if (spec.zero && !spec.left) {
    zeros = spec.width - std::min<size_t>(spec.width, sign.size() + digits.size());
  }
  AppendPadded(std::string(sign).append(zeros, '0').append(digits), spec, line);
}

void AppendUnsigned(uint64_t number, const FormatSpec& spec, std::string& line) {
  constexpr int kOctal = 8;
  constexpr int kDecimal = 10;
  constexpr int kHex = 16;
  const bool is_hex = spec.letter == 'x' || spec.letter == 'X' || spec.letter == 'p';
  const int base = is_hex ? kHex : spec.letter == 'o' ? kOctal : kDecimal;
  std::array<char, 24> digits;
  char* end = std::to_chars(digits.data(), digits.data() + digits.size(), number, base).ptr;
  if (spec.letter == 'X') {
    std::transform(digits.data(), end, digits.data(),
                   [](char c) { return c >= 'a' ? static_cast<char>(c - 'a' + 'A') : c; });
  }
  std::string_view sign;
  if (spec.base && is_hex && number != 0) sign = spec.letter == 'X' ? "0X" : "0x";
  if (spec.base && base == kOctal && number != 0) sign = "0";
  AppendNumber(sign, {digits.data(), static_cast<size_t>(end - digits.data())}, spec, line);
}

void AppendSigned(int64_t number, const FormatSpec& spec, std::string& line) {
  std::array<char, 24> digits;
  const uint64_t size = number < 0 ? 0 - static_cast<uint64_t>(number) : static_cast<uint64_t>(number);
  char* end = std::to_chars(digits.data(), digits.data() + digits.size(), size).ptr;
  const std::string_view sign = number < 0 ? "-" : spec.plus ? "+" : spec.blank ? " " : "";
  AppendNumber(sign, {digits.data(), static_cast<size_t>(end - digits.data())}, spec, line);
}

void AppendPointer(uint64_t pointer, FormatSpec spec, std::string& line) {
  if (pointer == 0) return AppendPadded("(nil)", spec, line);
  spec.letter = 'p';
  spec.base = true;
  AppendUnsigned(pointer, spec, line);
}

// The simple backend casts a real number to an integer.
void AppendReal(int64_t number, const FormatSpec& spec, std::string& line) {
  constexpr int kUsualPrecision = 6;
  constexpr size_t kLongest = 320;
  std::array<char, kLongest> text;
  const auto style = spec.letter == 'f'   ? std::chars_format::fixed
                     : spec.letter == 'e' ? std::chars_format::scientific
                                          : std::chars_format::general;
  const int precision = spec.has_precision ? static_cast<int>(spec.precision) : kUsualPrecision;
  const auto [end, error] =
      std::to_chars(text.data(), text.data() + text.size(), static_cast<double>(number), style, precision);
  if (error == std::errc()) AppendPadded({text.data(), static_cast<size_t>(end - text.data())}, spec, line);
}

// The low bytes of a number, as the length modifier wants it.
uint64_t Unsigned(uint64_t bits, uint8_t bytes) {
  return bytes == kNumberBytes ? bits : bits & ((uint64_t{1} << (8 * bytes)) - 1);
}

int64_t Signed(uint64_t bits, uint8_t bytes) {
  const unsigned others = 8 * static_cast<unsigned>(kNumberBytes - bytes);
  return static_cast<int64_t>(bits << others) >> others;
}

// Puts the width and precision that the record holds ("%*d") into the conversion.
void TakeStars(int64_t width, int64_t precision, FormatSpec& spec) {
  constexpr int64_t kMost = FormatSpec::kMaxWidth;
  if (spec.takes_width) {
    spec.left |= width < 0;
    spec.width = static_cast<unsigned>(std::min(width < 0 ? -width : width, kMost));
  }
  if (spec.takes_precision) {
    spec.has_precision = precision >= 0;
    spec.precision = static_cast<unsigned>(std::clamp<int64_t>(precision, 0, kMost));
  }
}

}  // namespace

uint64_t Stored64(const char* p, ByteOrder order) {
  const uint64_t word = Load64(p);
  return order == ByteOrder::kOwn ? word : __builtin_bswap64(word);
}

uint32_t Stored32(const char* p, ByteOrder order) {
  const uint32_t word = Load32(p);
  return order == ByteOrder::kOwn ? word : __builtin_bswap32(word);
}

Result<FormatPrinter> FormatPrinter::Compile(const Declaration& declaration) {
  FormatPrinter printer;
  for (const Argument& argument : declaration.arguments) printer.is_text_.push_back(IsStoredAsText(argument.type));
  const std::string_view format = FirstLineOf(declaration.format);
  printer.pieces_.emplace_back();
  size_t argument = 0;
  for (size_t at = 0; at < format.size();) {
    const bool is_conversion = IsConversion(format, at);
    const char c = format[at++];
    Piece& piece = printer.pieces_.back();
    if (!is_conversion) {
      if (c == '%') ++at;  // "%%"
      piece.literal += c;
      continue;
    }
    Result<FormatSpec> spec = ParseFormatSpec(format, at);
    if (!spec) return Error{spec.error()};
    piece.argument = argument;
    argument += spec->stars() + 1;
    if (argument > declaration.arguments.size()) return Error{"more conversions than arguments"};
    piece.spec = *spec;
    printer.pieces_.emplace_back();
  }
  return printer;
}

bool FormatPrinter::Unpack(std::string_view payload, ByteOrder order, Arguments& arguments) const {
  for (size_t i = 0; i < is_text_.size(); ++i) {
    const size_t head = is_text_[i] ? kLengthBytes : kNumberBytes;
    if (payload.size() < head) return false;
    if (!is_text_[i]) {
      arguments[i].bits = Stored64(payload.data(), order);
      payload.remove_prefix(head);
      continue;
    }
    const size_t size = Stored32(payload.data(), order);
    payload.remove_prefix(head);
    if (payload.size() < size) return false;
    arguments[i].text = payload.substr(0, size);
    payload.remove_prefix(size);
  }
  return payload.empty();
}

void FormatPrinter::Print(const Piece& piece, const Arguments& arguments, std::string& line) const {
  FormatSpec spec = *piece.spec;
  size_t argument = piece.argument;
  const auto star = [&] { return Signed(arguments[argument++].bits, sizeof(int)); };
  const int64_t width = spec.takes_width ? star() : 0;
  const int64_t precision = spec.takes_precision ? star() : 0;
  TakeStars(width, precision, spec);
  const Stored& stored = arguments[argument];
  switch (spec.letter) {
    case 's':
      if (!is_text_[argument]) return AppendPointer(stored.bits, spec, line);  // a string of another type is a pointer
      return AppendPadded(stored.text.substr(0, spec.has_precision ? spec.precision : stored.text.size()), spec, line);
    case 'c': {
      const char c = static_cast<char>(stored.bits);
      return AppendPadded({&c, 1}, spec, line);
    }
    case 'p':
      return AppendPointer(stored.bits, spec, line);
    case 'd':
    case 'i':
      return AppendSigned(Signed(stored.bits, spec.integer_bytes), spec, line);
    case 'e':
    case 'f':
    case 'g':
      return AppendReal(static_cast<int64_t>(stored.bits), spec, line);
    default:
      return AppendUnsigned(Unsigned(stored.bits, spec.integer_bytes), spec, line);
  }
}

bool FormatPrinter::Print(std::string_view payload, ByteOrder order, std::string& line) const {
  Arguments arguments;
  if (!Unpack(payload, order, arguments)) return false;
  for (const Piece& piece : pieces_) {
    line += piece.literal;
    if (piece.spec) Print(piece, arguments, line);
  }
  return true;
}

}  // namespace qte::trace
