#include "trace/envelope.h"

#include <algorithm>
#include <charconv>

#include "base/digits.h"
#include "base/scan.h"

namespace qte::trace {
namespace {

constexpr std::array<std::string_view, kEnvelopes> kNames = {
    "none", "docker-json", "journal-json", "json", "cri", "timestamp", "name", "syslog", "stap", "ftrace", "qemu"};

size_t DigitsFrom(std::string_view text, size_t at) {
  while (at < text.size() && IsDecimalDigit(text[at])) ++at;
  return at;
}

bool IsNameByte(char c) {
  return IsDecimalDigit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '_' || c == '.';
}

// Takes a word and one blank off the start.
std::string_view TakeWord(std::string_view& text) {
  const size_t end = std::min(text.find(' '), text.size());
  const std::string_view word = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return word;
}

// "stderr F EVENT", "stdout P:TAG EVENT"
bool PeelStream(std::string_view rest, Peeled& peeled) {
  const std::string_view stream = TakeWord(rest);
  if (stream != "stderr" && stream != "stdout") return false;
  const std::string_view tags = TakeWord(rest);
  const bool is_tag = !tags.empty() && (tags[0] == 'F' || tags[0] == 'P') && (tags.size() == 1 || tags[1] == ':');
  if (!is_tag) return false;
  peeled.envelope = Envelope::kCri;
  peeled.text = rest;
  peeled.is_part = tags[0] == 'P';
  peeled.stream = stream == "stderr" ? 1 : 0;
  return true;
}

// "[vm] qemu-system-x86_64(4711:CPU 0/KVM): EVENT"
bool PeelQemu(std::string_view rest, Peeled& peeled) {
  constexpr size_t kLongestGuestName = 256;
  const size_t at = rest.substr(0, kLongestGuestName).find("qemu");
  if (at == std::string_view::npos || (at > 0 && rest[at - 1] != ' ')) return false;
  size_t open = at;
  while (open < rest.size() && IsNameByte(rest[open])) ++open;
  if (open >= rest.size() || rest[open] != '(') return false;
  const size_t colon = DigitsFrom(rest, open + 1);
  if (colon == open + 1 || colon - open > 11 || colon >= rest.size() || rest[colon] != ':') return false;
  const size_t close = rest.find("): ", colon);
  if (close == std::string_view::npos) return false;
  peeled.envelope = Envelope::kQemu;
  peeled.text = rest.substr(close + 3);
  std::from_chars(rest.data() + open + 1, rest.data() + colon, peeled.thread);
  return true;
}

// Behind the structured data of RFC 5424: "-", or elements [id name="value"...] in which \] and \" are text.
bool SkipStructuredData(std::string_view& rest) {
  if (rest.starts_with("- ") || rest == "-") return TakeWord(rest), true;
  size_t at = 0;
  bool is_quoted = false;
  for (; at < rest.size() && (at == 0 || is_quoted || rest[at - 1] != ']' || rest[at] == '['); ++at) {
    if (at == 0 && rest[0] != '[') return false;
    if (is_quoted && rest[at] == '\\') {
      ++at;
    } else if (rest[at] == '"') {
      is_quoted = !is_quoted;
    }
  }
  if (at == 0 || is_quoted || at > rest.size()) return false;
  rest.remove_prefix(at);
  if (rest.starts_with(' ')) rest.remove_prefix(1);
  return true;
}

// "host app procid msgid [data] EVENT"
bool PeelRfc5424(std::string_view rest, Peeled& peeled) {
  for (int i = 0; i < 4; ++i) {
    if (TakeWord(rest).empty()) return false;
  }
  if (!SkipStructuredData(rest)) return false;
  peeled.envelope = Envelope::kSyslog;
  peeled.text = rest;
  return true;
}

// "host qemu-system-x86_64[4711]: EVENT"; the host may be left out.
bool PeelTag(std::string_view rest, Peeled& peeled) {
  for (int words = 0; words < 2; ++words) {
    const std::string_view word = TakeWord(rest);
    if (word.empty()) return false;
    if (word.size() == 1 || word.back() != ':') continue;
    peeled.envelope = Envelope::kSyslog;
    peeled.text = rest;
    return true;
  }
  return false;
}

// rsyslog writes control characters as #ooo.
void TrimEscapedEnd(Peeled& peeled, std::string& unescaped) {
  std::string_view text = peeled.text;
  while (text.ends_with("#015") || text.ends_with("#012")) text.remove_suffix(4);
  if (text.size() == peeled.text.size()) return;
  unescaped = text;
  unescaped.append(kChunkPadding, '\0');
  peeled.text = std::string_view(unescaped).substr(0, text.size());
}

// "<14>1 ", in front of a syslog line; true if it says RFC 5424.
bool SkipPriority(std::string_view& line) {
  if (line.starts_with('<')) {
    const size_t end = DigitsFrom(line, 1);
    if (end == 1 || end > 4 || end >= line.size() || line[end] != '>') return false;
    line.remove_prefix(end + 1);
  }
  if (!line.starts_with("1 ")) return false;
  line.remove_prefix(2);
  return true;
}

// "[12345.678901] host qemu[4711]: EVENT", "[2026-11-23T04:38:20Z] EVENT"
WrapperTime TakeBracketedTime(std::string_view& line) {
  const size_t close = line.find("] ");
  if (close == std::string_view::npos) return {};
  std::string_view time = line.substr(1, close - 1);
  time.remove_prefix(std::min(time.find_first_not_of(' '), time.size()));
  WrapperTime found;
  if (time.find_first_not_of("0123456789.") == std::string_view::npos && time.find('.') < time.size() &&
      time[0] != '.') {
    found = {WrapperTime::Kind::kSeconds, time};
  } else {
    found = WholeTime(time);
    if (found.kind == WrapperTime::Kind::kNone) return {};
  }
  line.remove_prefix(close + 2);
  return found;
}

// "vm-1  | EVENT", "[pod/NAME/CONTAINER] EVENT"
bool PeelName(std::string_view line, Peeled& peeled) {
  if (line.starts_with("[pod/")) {
    const size_t close = line.find("] ");
    if (close == std::string_view::npos || line.substr(0, close).find(' ') != std::string_view::npos) return false;
    peeled.text = line.substr(close + 2);
  } else {
    size_t at = 0;
    while (at < line.size() && IsNameByte(line[at])) ++at;
    const size_t end = line.find_first_not_of(' ', at);
    if (at == 0 || end == at || end == std::string_view::npos || !line.substr(end).starts_with("| ")) return false;
    peeled.text = line.substr(end + 2);
  }
  peeled.envelope = Envelope::kName;
  return true;
}

// "4711@1554311155346094123 EVENT"
bool PeelStap(std::string_view line, Peeled& peeled) {
  const size_t at = DigitsFrom(line, 0);
  if (at == 0 || at > 10 || at >= line.size() || line[at] != '@') return false;
  const size_t end = DigitsFrom(line, at + 1);
  const size_t digits = end - at - 1;
  if (digits < 10 || digits > 19 || end >= line.size() || line[end] != ' ') return false;
  peeled.envelope = Envelope::kStap;
  peeled.time = {WrapperTime::Kind::kNanoseconds, line.substr(at + 1, digits)};
  peeled.text = line.substr(end + 1);
  return true;
}

// "qemu-system-x86-4711    [002] .... 12345.678901: tracing_mark_write: EVENT"
bool PeelFtrace(std::string_view line, Peeled& peeled) {
  constexpr std::string_view kMark = "tracing_mark_write: ";
  const size_t mark = line.find(kMark);
  if (mark == std::string_view::npos) return false;
  std::string_view head = line.substr(0, mark);
  const size_t colon = head.find(": ");
  if (colon == std::string_view::npos) return false;
  head = head.substr(0, colon);
  const size_t blank = head.rfind(' ');
  const std::string_view seconds = blank == std::string_view::npos ? head : head.substr(blank + 1);
  const size_t point = DigitsFrom(seconds, 0);
  if (point == 0 || point >= seconds.size() || seconds[point] != '.') return false;
  peeled.envelope = Envelope::kFtrace;
  peeled.time = {WrapperTime::Kind::kSeconds, seconds};
  peeled.text = line.substr(mark + kMark.size());
  peeled.text.remove_prefix(std::min(peeled.text.find_first_not_of(' '), peeled.text.size()));
  return true;
}

}  // namespace

std::string_view NameOf(Envelope envelope) {
  return kNames[static_cast<size_t>(envelope)];
}

std::optional<Envelope> EnvelopeNamed(std::string_view name) {
  const auto found = std::find(kNames.begin(), kNames.end(), name);
  if (found == kNames.end()) return std::nullopt;
  return static_cast<Envelope>(found - kNames.begin());
}

bool IsUnmistakable(Envelope envelope) {
  return envelope != Envelope::kTimestamp && envelope != Envelope::kName && envelope != Envelope::kSyslog;
}

Peeled Peel(std::string_view line, std::string& unescaped) {
  if (line.starts_with('{')) return PeelJson(line, unescaped);
  Peeled peeled;
  if (PeelStap(line, peeled) || PeelName(line, peeled)) return peeled;
  std::string_view rest = line;
  const bool is_rfc5424 = SkipPriority(rest);
  peeled.time = rest.starts_with('[') ? TakeBracketedTime(rest) : TakeTime(rest);
  const bool has_time = peeled.time.kind != WrapperTime::Kind::kNone;
  if ((has_time && PeelStream(rest, peeled)) || PeelQemu(rest, peeled)) return peeled;
  if (!has_time) return PeelFtrace(line, peeled) ? peeled : Peeled{};
  if (is_rfc5424 ? PeelRfc5424(rest, peeled) : PeelTag(rest, peeled)) {
    TrimEscapedEnd(peeled, unescaped);
    return peeled;
  }
  peeled.envelope = Envelope::kTimestamp;
  peeled.text = rest;
  return peeled;
}

}  // namespace qte::trace
