// A table of text cells that is made to fit a width: the least important columns go first, then long names are cut.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace qte::commands::top {

// How many columns a text takes on the screen; UTF-8 sequences count as one.
size_t WidthOf(std::string_view text);

// What a terminal may be sent: control characters become "?", so that a name cannot move the cursor.
std::string Printable(std::string_view text);

struct Column {
  enum class Kind {
    kName,    // to the left; its beginning is kept where it is cut
    kPath,    // to the left; its end is kept
    kNumber,  // to the right; never cut
  };
  std::string title;
  Kind kind = Kind::kNumber;
  int importance = 0;  // names have to stay, so it is for numbers alone
  std::vector<std::string> cells;
};

// At most `width` columns of a text; ".." stands for what is cut.
std::string CutText(const std::string& text, size_t width, Column::Kind kind);

// The titles, then a line for each row. Width 0: as wide as needed.
std::vector<std::string> LayOutTable(std::vector<Column> columns, size_t width);

}  // namespace qte::commands::top
