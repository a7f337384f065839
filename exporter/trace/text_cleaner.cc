#include "trace/text_cleaner.h"

#include <algorithm>
#include <cstdint>

#include "base/scan.h"
#include "base/utf8.h"

namespace qte::trace {
namespace {

constexpr char kEscape = '\x1b';
constexpr std::string_view kUtf8Mark = "\xef\xbb\xbf";
constexpr std::string_view kLittleEndianMark = "\xff\xfe";
constexpr std::string_view kBigEndianMark = "\xfe\xff";

bool HasUtf16Mark(std::string_view line) {
  return line.starts_with(kLittleEndianMark) || line.starts_with(kBigEndianMark);
}

// Text of any language has blanks, digits and ends of lines, each of which has a NUL beside it. A line of 8-bit text
// has NULs at its start alone, where a hole of a truncated file was.
bool IsUtf16(std::string_view line) {
  if (HasUtf16Mark(line)) return true;
  if (line.size() < 4 || (line[0] != '\0' && line[1] != '\0')) return false;
  const auto nuls = static_cast<size_t>(std::count(line.begin(), line.end(), '\0'));
  const size_t first = line.find_first_not_of('\0');
  return first <= 1 && nuls * 3 >= line.size();
}

// Behind the escape sequence at `at`: ESC [ parameters letter, ESC ] text BEL, or ESC intermediates and one byte.
size_t EndOfSequence(std::string_view text, size_t at) {
  auto within = [&](unsigned char low, unsigned char high) {
    return at < text.size() && static_cast<unsigned char>(text[at]) >= low &&
           static_cast<unsigned char>(text[at]) <= high;
  };
  ++at;
  if (at < text.size() && text[at] == ']') {
    const size_t end = text.find_first_of("\a\x1b", at);
    if (end == std::string_view::npos) return text.size();
    return std::min(text[end] == kEscape ? end + 2 : end + 1, text.size());
  }
  if (at < text.size() && text[at] == '[') {
    ++at;
    while (within(0x30, 0x3f)) ++at;
  }
  while (within(0x20, 0x2f)) ++at;
  return within(0x30, 0x7e) ? at + 1 : at;
}

void RemoveSequences(std::string_view text, std::string& out) {
  out.clear();
  for (size_t at = 0; at < text.size();) {
    if (text[at] == kEscape) {
      at = EndOfSequence(text, at);
      continue;
    }
    const size_t end = std::min(text.find(kEscape, at), text.size());
    out += text.substr(at, end - at);
    at = end;
  }
}

std::string_view Trim(std::string_view text) {
  while (!text.empty() && text.back() == '\r') text.remove_suffix(1);
  while (!text.empty() && (text.front() == '\r' || text.front() == '\0')) text.remove_prefix(1);
  while (text.starts_with(kUtf8Mark)) text.remove_prefix(kUtf8Mark.size());
  return text;
}

// With what may be read behind it.
std::string_view Pad(std::string& text) {
  const size_t size = text.size();
  text.append(kChunkPadding, '\0');
  return std::string_view(text).substr(0, size);
}

}  // namespace

std::string_view TextCleaner::Clean(std::string_view line, bool& is_big_endian) {
  if (IsUtf16(line)) {
    DecodeUtf16(line, is_big_endian);
    line = Pad(text_);
  }
  line = Trim(line);
  if (FindByte(line, kEscape) == line.size()) return line;
  std::string plain;
  RemoveSequences(line, plain);
  text_.swap(plain);
  return Trim(Pad(text_));
}

void TextCleaner::DecodeUtf16(std::string_view line, bool& is_big_endian) {
  text_.clear();
  if (HasUtf16Mark(line)) {
    is_big_endian = line.starts_with(kBigEndianMark);
    line.remove_prefix(2);
  } else if (!is_big_endian && line.size() % 2 == 1 && line[0] == '\0') {
    line.remove_prefix(1);  // of the newline before
  }
  auto unit_at = [&](size_t at) -> uint32_t {
    auto first = static_cast<unsigned char>(line[at]);
    auto second = static_cast<unsigned char>(line[at + 1]);
    return is_big_endian ? first << 8 | second : second << 8 | first;
  };
  for (size_t at = 0; at + 1 < line.size(); at += 2) {
    uint32_t c = unit_at(at);
    if (c >= 0xd800 && c < 0xdc00 && at + 3 < line.size()) {
      at += 2;
      c = 0x10000 + ((c - 0xd800) << 10) + (unit_at(at) & 0x3ff);
    }
    AppendUtf8(c, text_);
  }
}

}  // namespace qte::trace
