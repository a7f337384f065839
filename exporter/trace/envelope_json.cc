// JSON of one object a line, read just as far as the text and its time need it.
#include <algorithm>
#include <cstdint>

#include "base/digits.h"
#include "base/scan.h"
#include "base/utf8.h"
#include "trace/envelope.h"

namespace qte::trace {
namespace {

// Reads the members of an object in their order. Anything but JSON ends it.
class Members {
 public:
  explicit Members(std::string_view object) : rest_(object.substr(1)) {}

  // The next key, as written; false at the end.
  bool Next() {
    SkipBlanks();
    if (rest_.starts_with(',')) {
      rest_.remove_prefix(1);
      SkipBlanks();
    }
    if (!TakeString(key_)) return false;
    SkipBlanks();
    if (!rest_.starts_with(':')) return false;
    rest_.remove_prefix(1);
    SkipBlanks();
    return !rest_.empty();
  }
  std::string_view key() const { return key_; }
  // Nothing of the object is torn off.
  bool is_whole() const { return rest_.starts_with('}'); }

  // The value of the key; `text` is a string's content, as written, or the whole value. False where it is torn.
  bool TakeValue(std::string_view& text) {
    if (rest_[0] == '"') return TakeString(text);
    const std::string_view from = rest_;
    int depth = 0;
    while (!rest_.empty()) {
      const char c = rest_[0];
      std::string_view ignored;
      if (c == '"') {
        if (!TakeString(ignored)) return false;
        continue;
      }
      if (depth == 0 && (c == ',' || c == '}')) break;
      depth += c == '{' || c == '[' ? 1 : 0;
      depth -= c == '}' || c == ']' ? 1 : 0;
      rest_.remove_prefix(1);
    }
    text = from.substr(0, from.size() - rest_.size());
    return !rest_.empty();
  }

 private:
  void SkipBlanks() {
    while (!rest_.empty() && (rest_[0] == ' ' || rest_[0] == '\t')) rest_.remove_prefix(1);
  }
  bool TakeString(std::string_view& content) {
    if (!rest_.starts_with('"')) return false;
    size_t at = 1;
    while (true) {
      at += FindByte(rest_.substr(at), '"');
      if (at >= rest_.size()) return false;
      size_t slashes = 0;
      while (rest_[at - 1 - slashes] == '\\') ++slashes;
      if (slashes % 2 == 0) break;
      ++at;
    }
    content = rest_.substr(1, at - 1);
    rest_.remove_prefix(at + 1);
    return true;
  }

  std::string_view rest_;
  std::string_view key_;
};

uint32_t Hex4(std::string_view text) {
  uint32_t number = 0;
  for (char c : text.substr(0, 4)) {
    if (!IsHexDigit(c)) return 0xfffd;
    number = number << 4 | static_cast<uint32_t>(IsDecimalDigit(c) ? c - '0' : (c | 0x20) - 'a' + 10);
  }
  return text.size() < 4 ? 0xfffd : number;
}

// One escape behind its backslash; `at` moves behind it.
void AppendEscape(std::string_view text, size_t& at, std::string& out) {
  constexpr std::string_view kEscapes = "bfnrt";
  constexpr std::string_view kMeanings = "\b\f\n\r\t";
  const char c = text[at++];
  if (c != 'u') {
    const size_t which = kEscapes.find(c);
    out += which == std::string_view::npos ? c : kMeanings[which];
    return;
  }
  uint32_t code = Hex4(text.substr(at));
  at = std::min(at + 4, text.size());
  if (code >= 0xd800 && code < 0xdc00 && text.substr(at).starts_with("\\u")) {
    code = 0x10000 + ((code - 0xd800) << 10) + (Hex4(text.substr(at + 2)) & 0x3ff);
    at = std::min(at + 6, text.size());
  }
  AppendUtf8(code, out);
}

void Unescape(std::string_view text, std::string& out) {
  while (!text.empty()) {
    const size_t end = FindByte(text, '\\');
    out += text.substr(0, end);
    size_t at = end + 1;
    if (at >= text.size()) return;
    AppendEscape(text, at, out);
    text.remove_prefix(at);
  }
}

// journald writes a text that is not valid UTF-8, or holds control characters, as an array of its bytes.
void AppendBytes(std::string_view array, std::string& out) {
  unsigned byte = 0;
  bool has_digit = false;
  for (char c : array) {
    if (IsDecimalDigit(c)) {
      byte = (byte * 10 + static_cast<unsigned>(c - '0')) & 0xff;
      has_digit = true;
    } else if (has_digit) {
      out += static_cast<char>(byte);
      byte = 0;
      has_digit = false;
    }
  }
}

Envelope EnvelopeOf(std::string_view key) {
  if (key == "log") return Envelope::kDockerJson;
  if (key == "MESSAGE") return Envelope::kJournalJson;
  return key == "msg" || key == "message" ? Envelope::kJson : Envelope::kNone;
}

// A time that a member's value tells.
WrapperTime TimeOf(std::string_view key, std::string_view value) {
  using Kind = WrapperTime::Kind;
  const bool is_number = !value.empty() && value.find_first_not_of("0123456789") == std::string_view::npos;
  if (key == "_SOURCE_REALTIME_TIMESTAMP" || key == "__REALTIME_TIMESTAMP") {
    return {is_number ? Kind::kMicroseconds : Kind::kNone, value};
  }
  return WholeTime(value);
}

bool IsTimeKey(std::string_view key) {
  return key == "time" || key == "timestamp" || key == "@timestamp" || key == "ts" || key == "__REALTIME_TIMESTAMP" ||
         key == "_SOURCE_REALTIME_TIMESTAMP";
}

}  // namespace

Peeled PeelJson(std::string_view line, std::string& unescaped) {
  Peeled peeled;
  std::string_view content;
  bool is_array = false;
  std::string_view value;
  Members members(line);
  while (members.Next()) {
    const Envelope envelope = EnvelopeOf(members.key());
    if (!members.TakeValue(value)) break;
    if (envelope != Envelope::kNone && peeled.envelope == Envelope::kNone) {
      peeled.envelope = envelope;
      content = value;
      is_array = envelope == Envelope::kJournalJson && value.starts_with('[') && value.ends_with(']') &&
                 value.data()[-1] != '"';
    } else if (members.key() == "stream") {
      peeled.stream = value == "stderr" ? 1 : 0;
    } else if (IsTimeKey(members.key()) && (peeled.time.kind == WrapperTime::Kind::kNone || members.key()[1] == 'S')) {
      peeled.time = TimeOf(members.key(), value);
    }
  }
  if (peeled.envelope == Envelope::kNone) return {};
  unescaped.clear();
  if (is_array) {
    AppendBytes(content, unescaped);
  } else {
    Unescape(content, unescaped);
  }
  const size_t size = std::min(unescaped.find('\n'), unescaped.size());
  // Docker ends each line with its newline; what has none is a part of a line.
  peeled.is_part = peeled.envelope == Envelope::kDockerJson && size == unescaped.size() && size > 0;
  if (peeled.is_part && !members.is_whole()) return {};
  unescaped.append(kChunkPadding, '\0');
  peeled.text = std::string_view(unescaped).substr(0, size);
  return peeled;
}

}  // namespace qte::trace
