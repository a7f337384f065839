#include "config/report.h"

#include <algorithm>
#include <utility>

#include "base/utf8.h"

namespace qte::config {

std::string Diagnostic::Format() const {
  std::string text;
  if (!place.file.empty()) text += place.file + ':';
  if (place.line > 0) text += std::to_string(place.line) + ':';
  if (place.line > 0 && place.column > 0) text += std::to_string(place.column) + ':';
  if (!text.empty()) text += ' ';
  return text + message;
}

void Report::Add(const Place& place, std::string message) {
  ++errors_;
  if (full() || !seen_.emplace(place.file, place.line, place.column, message).second) return;
  diagnostics_.push_back({place, std::move(message)});
}

std::vector<Diagnostic> Report::Take() {
  auto position = [](const Diagnostic& d) { return std::pair(d.place.line, d.place.column); };
  std::stable_sort(diagnostics_.begin(), diagnostics_.end(),
                   [&](const Diagnostic& a, const Diagnostic& b) { return position(a) < position(b); });
  if (full()) {
    std::string more = "more than " + std::to_string(kMaxDiagnostics) + " errors; the others are left out";
    diagnostics_.push_back({PlaceOf({}), std::move(more)});
  }
  seen_.clear();
  return std::exchange(diagnostics_, {});
}

std::string Quoted(std::string_view text) {
  constexpr size_t kMaxShown = 80;
  std::string shown(text);
  MakeValidUtf8(shown, kMaxShown);
  std::replace_if(
      shown.begin(), shown.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; }, ' ');
  return '"' + shown + (text.size() > kMaxShown ? "...\"" : "\"");
}

std::string OneOf(const std::vector<std::string_view>& words) {
  std::string text;
  for (size_t i = 0; i < words.size(); ++i) {
    if (i > 0) text += i + 1 == words.size() ? " or " : ", ";
    text += words[i];
  }
  return text;
}

}  // namespace qte::config
