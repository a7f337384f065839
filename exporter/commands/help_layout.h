// The text of --help, laid out for a terminal of any width.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace qte::commands {

// A flag or a command, and what it does.
struct HelpEntry {
  std::string name;
  std::string text;
};

// Width of the terminal at standard output in columns, at most 120 because longer lines are hard to read. The COLUMNS
// variable takes precedence and has no upper bound. Without a terminal and without COLUMNS, the width is 80.
size_t HelpWidth();

// Wraps a paragraph at blanks. A word that is longer than a line is not split.
std::string WrapText(std::string_view text, size_t width);

// Writes each entry as a line with its name and its text in two columns. Below a name that is too long, the text gets a
// line of its own.
std::string LayOutEntries(const std::vector<HelpEntry>& entries, size_t width);

// Indents a command for pasting. A backslash breaks a line that is too long, but never within quotes.
std::string LayOutExample(std::string_view command, size_t width);

}  // namespace qte::commands
