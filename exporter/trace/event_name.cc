#include "trace/event_name.h"

#include <algorithm>
#include <array>

#include "base/digits.h"
#include "base/scan.h"
#include "trace/prefix.h"

namespace qte::trace {
namespace {

constexpr size_t kLongestName = 256;  // QEMU's longest has 60
constexpr size_t kThreadDigits = 7;   // Linux has no longer thread ids

// First words of lines that `-d int` prints, read in QEMU 2.5 to 10.0. Most of its lines begin otherwise.
constexpr auto kLogWords = std::to_array<std::string_view>({"check_exception", "cpuid_data"});
// mips_cpu_do_interrupt and others: the function's name stands before "enter".
constexpr std::string_view kLogFunction = "_do_interrupt";

bool IsLetter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool IsDeclared(std::string_view text, const NameTable& declared) {
  return declared.Find(text.substr(0, FindByte(text, ' '))) != NameTable::kNone;
}

// Where the prefix begins whose '@' or 'T' stands at `mark`; npos if none can.
size_t StartOfPrefix(std::string_view line, size_t mark) {
  constexpr size_t kDate = std::string_view("2026-11-23").size();
  if (line[mark] == 'T') return mark >= kDate ? mark - kDate : std::string_view::npos;
  size_t start = mark;
  while (start > 0 && mark - start < kThreadDigits && IsDecimalDigit(line[start - 1])) --start;
  return start;
}

}  // namespace

bool LooksLikeEventName(std::string_view word) {
  if (word.size() < 3 || word.size() > kLongestName || !IsLetter(word[0])) return false;
  const bool is_word =
      std::all_of(word.begin(), word.end(), [](char c) { return IsLetter(c) || IsDecimalDigit(c) || c == '_'; });
  if (!is_word || word.find('_') >= word.size() - 1) return false;
  return !word.ends_with(kLogFunction) && std::find(kLogWords.begin(), kLogWords.end(), word) == kLogWords.end();
}

bool IsEventLine(std::string_view line, const NameTable& declared) {
  const Prefix prefix = FindPrefix(line);
  const std::string_view text = line.substr(prefix.size);
  const std::string_view name = text.substr(0, FindByte(text, ' '));
  if (declared.Find(name) != NameTable::kNone) return true;
  return prefix.kind != PrefixKind::kNone && LooksLikeEventName(name);
}

size_t FindEventBehind(std::string_view line, const NameTable& declared) {
  for (size_t mark = line.find_last_of("@T"); mark != std::string_view::npos && mark > 0;
       mark = line.find_last_of("@T", mark - 1)) {
    const size_t start = StartOfPrefix(line, mark);
    if (start == std::string_view::npos || start == 0) continue;
    const Prefix prefix = FindPrefix(line.substr(start));
    if (prefix.kind != PrefixKind::kNone && IsDeclared(line.substr(start + prefix.size), declared)) return start;
  }
  return 0;
}

}  // namespace qte::trace
