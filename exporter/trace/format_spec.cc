#include "trace/format_spec.h"

#include <algorithm>

namespace qte::trace {
namespace {

constexpr uint8_t kCharBytes = 1;
constexpr uint8_t kShortBytes = 2;
constexpr uint8_t kLongBytes = 8;

class SpecScanner {
 public:
  SpecScanner(std::string_view format, size_t& at) : format_(format), at_(at) {}

  char Peek() const { return at_ < format_.size() ? format_[at_] : '\0'; }
  bool Take(char c) {
    if (Peek() != c) return false;
    ++at_;
    return true;
  }

  void TakeFlags(FormatSpec& spec) {
    for (;; ++at_) {
      switch (Peek()) {
        case '-':
          spec.left = true;
          break;
        case '+':
          spec.plus = true;
          break;
        case ' ':
          spec.blank = true;
          break;
        case '#':
          spec.base = true;
          break;
        case '0':
          spec.zero = true;
          break;
        default:
          return;
      }
    }
  }

  unsigned TakeNumber(bool& is_argument) {
    is_argument = Take('*');
    unsigned n = 0;
    for (; Peek() >= '0' && Peek() <= '9'; ++at_) {
      n = std::min(n * 10 + static_cast<unsigned>(Peek() - '0'), FormatSpec::kMaxWidth);
    }
    return n;
  }

  uint8_t TakeLength(uint8_t bytes) {
    for (; Peek() != '\0' && std::string_view("hlzjtLq").find(Peek()) != std::string_view::npos; ++at_) {
      bytes = Peek() != 'h' ? kLongBytes : bytes == kShortBytes ? kCharBytes : kShortBytes;
    }
    return bytes;
  }

 private:
  std::string_view format_;
  size_t& at_;
};

}  // namespace

Result<FormatSpec> ParseFormatSpec(std::string_view format, size_t& at) {
  FormatSpec spec;
  SpecScanner scan(format, at);
  scan.TakeFlags(spec);
  spec.width = scan.TakeNumber(spec.takes_width);
  spec.has_precision = scan.Take('.');
  if (spec.has_precision) spec.precision = scan.TakeNumber(spec.takes_precision);
  spec.integer_bytes = scan.TakeLength(spec.integer_bytes);
  if (scan.Peek() == '\0') return Error{"format ends inside a conversion"};
  spec.letter = format[at++];
  return spec;
}

std::string_view FirstLineOf(std::string_view format) {
  return format.substr(0, format.find_first_of(std::string_view("\n\0", 2)));
}

}  // namespace qte::trace
