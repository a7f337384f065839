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

// Columns of the terminal at standard output, at most 120, since longer lines are hard to read. COLUMNS in the
// environment comes first and has no upper bound. 80 where neither tells.
size_t HelpWidth();

// A paragraph, broken at blanks. A word that is longer than a line stays whole.
std::string WrapText(std::string_view text, size_t width);

// A line an entry: its name, and its text in a column of its own, or below a name that is too long for that.
std::string LayOutEntries(const std::vector<HelpEntry>& entries, size_t width);

// A command to paste, indented: a line that is too long continues behind a backslash, and never within quotes.
std::string LayOutExample(std::string_view command, size_t width);

}  // namespace qte::commands
