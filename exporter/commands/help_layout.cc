#include "commands/help_layout.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "config/scalar.h"

namespace qte::commands {
namespace {

constexpr size_t kUsual = 80;
constexpr size_t kWidest = 120;
constexpr size_t kNarrowest = 40;
constexpr std::string_view kIndent = "  ";
constexpr size_t kTextColumn = 28;
// If the column for texts would be too narrow, each text goes below its name.
constexpr size_t kNarrowTextColumn = 6;
constexpr size_t kLeastText = 40;

// Words, or parts of a command that must not be split: a blank within quotes does not end a word.
std::vector<std::string_view> WordsOf(std::string_view text) {
  std::vector<std::string_view> words;
  size_t begin = 0;
  bool is_quoted = false;
  for (size_t i = 0; i <= text.size(); ++i) {
    if (i < text.size() && text[i] == '\'') is_quoted = !is_quoted;
    if (i < text.size() && (text[i] != ' ' || is_quoted)) continue;
    if (i > begin) words.push_back(text.substr(begin, i - begin));
    begin = i + 1;
  }
  return words;
}

// Lines of at most `width` columns, the first of at most `first_width`.
std::vector<std::string> Fill(const std::vector<std::string_view>& words, size_t first_width, size_t width) {
  std::vector<std::string> lines(1);
  for (std::string_view word : words) {
    const size_t room = lines.size() == 1 ? first_width : width;
    if (!lines.back().empty() && lines.back().size() + 1 + word.size() > room) lines.emplace_back();
    if (!lines.back().empty()) lines.back() += ' ';
    lines.back() += word;
  }
  return lines;
}

// In prose, an apostrophe does not open a quotation.
std::vector<std::string_view> WordsOfProse(std::string_view text) {
  std::vector<std::string_view> words;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find(' ', begin), text.size());
    if (end > begin) words.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return words;
}

}  // namespace

size_t HelpWidth() {
  if (const char* columns = std::getenv("COLUMNS")) {
    if (auto count = config::ParseCount(columns); count && *count > 0) return std::max<size_t>(*count, kNarrowest);
  }
  winsize size{};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return kUsual;
  return std::clamp<size_t>(size.ws_col, kNarrowest, kWidest);
}

std::string WrapText(std::string_view text, size_t width) {
  std::string wrapped;
  for (const std::string& line : Fill(WordsOfProse(text), width, width)) wrapped += line + '\n';
  return wrapped;
}

std::string LayOutEntries(const std::vector<HelpEntry>& entries, size_t width) {
  const size_t column = width >= kTextColumn + kLeastText ? kTextColumn : kNarrowTextColumn;
  std::string text;
  for (const HelpEntry& entry : entries) {
    std::string line = std::string(kIndent) + entry.name;
    const bool is_beside = line.size() + 2 <= column;
    if (!is_beside) text += line + '\n';
    if (!is_beside) line.clear();
    for (const std::string& part : Fill(WordsOfProse(entry.text), width - column, width - column)) {
      line.resize(column, ' ');
      text += line + part + '\n';
      line.clear();
    }
  }
  return text;
}

std::string LayOutExample(std::string_view command, size_t width) {
  constexpr std::string_view kContinued = " \\";
  constexpr std::string_view kDeeper = "    ";
  const size_t room = width - kIndent.size();
  if (command.size() <= room) return std::string(kIndent).append(command) + '\n';
  const size_t first_width = room - kContinued.size();
  std::string text;
  for (const std::string& line : Fill(WordsOf(command), first_width, first_width - kDeeper.size())) {
    if (!text.empty()) text.append(kContinued).append("\n").append(kDeeper);
    text.append(kIndent).append(line);
  }
  return text + '\n';
}

}  // namespace qte::commands
