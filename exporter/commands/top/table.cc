#include "commands/top/table.h"

#include <algorithm>

#include "base/utf8.h"

namespace qte::commands::top {
namespace {

// So much of a name is shown before a number gives way to it: with these, 80 columns have room for the first eight
// numbers.
constexpr size_t kLeastName = 10;
constexpr size_t kLeastPath = 14;
// Most numbers have no more, so columns do not move at each update.
constexpr size_t kLeastNumber = 5;
constexpr std::string_view kCut = "..";

bool IsContinuation(char c) {
  return (static_cast<unsigned char>(c) & 0xc0) == 0x80;
}

size_t NeededWidth(const Column& column) {
  size_t width = WidthOf(column.title);
  for (const std::string& cell : column.cells) width = std::max(width, WidthOf(cell));
  return column.kind == Column::Kind::kNumber ? std::max(width, kLeastNumber) : width;
}

std::vector<size_t> NeededWidths(const std::vector<Column>& columns) {
  std::vector<size_t> widths;
  for (const Column& column : columns) widths.push_back(NeededWidth(column));
  return widths;
}

size_t LeastWidth(const Column& column) {
  const size_t needed = NeededWidth(column);
  if (column.kind == Column::Kind::kNumber) return needed;
  return std::min(needed, column.kind == Column::Kind::kName ? kLeastName : kLeastPath);
}

void DropNumbers(std::vector<Column>& columns, size_t width) {
  while (true) {
    size_t total = columns.size() - 1;
    auto least = columns.end();
    for (auto column = columns.begin(); column != columns.end(); ++column) {
      total += LeastWidth(*column);
      if (column->kind != Column::Kind::kNumber) continue;
      if (least == columns.end() || column->importance < least->importance) least = column;
    }
    if (total <= width || least == columns.end()) return;
    columns.erase(least);
  }
}

// Takes from the widest name until all fit.
void ShrinkNames(const std::vector<Column>& columns, size_t width, std::vector<size_t>& widths) {
  size_t total = columns.size() - 1;
  for (size_t each : widths) total += each;
  while (total > width) {
    size_t widest = columns.size();
    for (size_t i = 0; i < columns.size(); ++i) {
      if (columns[i].kind == Column::Kind::kNumber) continue;
      if (widest == columns.size() || widths[i] > widths[widest]) widest = i;
    }
    if (widest == columns.size() || widths[widest] == 0) return;
    --widths[widest];
    --total;
  }
}

}  // namespace

size_t WidthOf(std::string_view text) {
  return static_cast<size_t>(std::count_if(text.begin(), text.end(), [](char c) { return !IsContinuation(c); }));
}

std::string Printable(std::string_view text) {
  std::string printable(text);
  MakeValidUtf8(printable);
  std::string clean;
  for (size_t i = 0; i < printable.size(); ++i) {
    const auto c = static_cast<unsigned char>(printable[i]);
    // U+0080 to U+009F control terminals, too.
    const bool is_c1 = c == 0xc2 && i + 1 < printable.size() && static_cast<unsigned char>(printable[i + 1]) < 0xa0;
    if (is_c1) ++i;
    clean += is_c1 || c < ' ' || c == 0x7f ? '?' : static_cast<char>(c);
  }
  return clean;
}

std::string CutText(const std::string& text, size_t width, Column::Kind kind) {
  const size_t size = WidthOf(text);
  if (size <= width) return text;
  if (width <= kCut.size()) return std::string(kCut.substr(0, width));
  const size_t kept = width - kCut.size();
  const bool keeps_end = kind == Column::Kind::kPath;
  size_t at = 0;
  for (size_t left = keeps_end ? size - kept : kept; left > 0; --left) {
    do ++at;
    while (at < text.size() && IsContinuation(text[at]));
  }
  return keeps_end ? std::string(kCut) + text.substr(at) : text.substr(0, at) + std::string(kCut);
}

std::vector<std::string> LayOutTable(std::vector<Column> columns, size_t width) {
  for (Column& column : columns) {
    for (std::string& cell : column.cells) cell = Printable(cell);
  }
  if (width > 0) DropNumbers(columns, width);
  std::vector<size_t> widths = NeededWidths(columns);
  if (width > 0) ShrinkNames(columns, width, widths);
  std::vector<std::string> lines(columns.front().cells.size() + 1);
  for (size_t row = 0; row < lines.size(); ++row) {
    for (size_t i = 0; i < columns.size(); ++i) {
      const std::string cell =
          CutText(row == 0 ? columns[i].title : columns[i].cells[row - 1], widths[i], columns[i].kind);
      const std::string blanks(widths[i] - std::min(widths[i], WidthOf(cell)), ' ');
      if (i > 0) lines[row] += ' ';
      lines[row] += columns[i].kind == Column::Kind::kNumber ? blanks + cell : cell + blanks;
    }
  }
  return lines;
}

}  // namespace qte::commands::top
