#include "config/raw_text.h"

#include "base/printed.h"
#include "base/utf8.h"

namespace qte::config {
namespace {

bool IsForbiddenControl(char c) {
  auto byte = static_cast<unsigned char>(c);
  return (byte < 0x20 && c != '\t' && c != '\n' && c != '\r') || byte == 0x7f;
}

}  // namespace

bool CheckCharacters(std::string_view text, Report& report) {
  Position at{1, 1};
  for (size_t i = 0; i < text.size();) {
    size_t length = Utf8SequenceLength(text.substr(i));
    if (length == 0) {
      report.Add(at, "byte 0x" + HexByte(text[i]) + " is not UTF-8; save the file as UTF-8");
      return false;
    }
    if (IsForbiddenControl(text[i])) {
      report.Add(at, "control character 0x" + HexByte(text[i]) + "; a config is plain text");
      return false;
    }
    at = text[i] == '\n' ? Position{at.line + 1, 1} : Position{at.line, at.column + static_cast<int>(length)};
    i += length;
  }
  return true;
}

size_t SkipAnchor(std::string_view text, size_t offset) {
  constexpr std::string_view kBlanks = " \t\r\n";
  while (offset < text.size() && (text[offset] == '&' || text[offset] == '#')) {
    // A comment may stand between an anchor and its node.
    offset = text.find_first_of(text[offset] == '&' ? kBlanks : "\n", offset);
    offset = offset < text.size() ? text.find_first_not_of(kBlanks, offset) : text.size();
  }
  return offset < text.size() ? offset : text.size();
}

bool IsUnclosedQuote(std::string_view text, size_t offset) {
  if (offset >= text.size()) return false;
  char quote = text[offset];
  if (quote != '"' && quote != '\'') return false;
  for (size_t i = offset + 1; i < text.size(); ++i) {
    bool escapes = quote == '"' && text[i] == '\\';
    bool doubled = quote == '\'' && text.substr(i, 2) == "''";
    if (escapes || doubled) {
      ++i;
    } else if (text[i] == quote) {
      return false;
    }
  }
  return true;
}

}  // namespace qte::config
