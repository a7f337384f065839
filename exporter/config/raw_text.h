// Checks of the config's bytes that yaml-cpp does not make: encoding, control characters, and quotes that never close.
#pragma once

#include <string_view>

#include "config/report.h"

namespace qte::config {

// True if the text is valid UTF-8 without control characters other than tab and line ends; reports the first that is
// not. NULs would also make yaml-cpp take the text for UTF-16.
bool CheckCharacters(std::string_view text, Report& report);

// Offset of a node's first character behind its anchor ("&name"), given the offset that yaml-cpp marks it with.
size_t SkipAnchor(std::string_view text, size_t offset);

// True if a quoted scalar begins at `offset` and the text ends before its closing quote. yaml-cpp takes such a scalar
// in silence, with all the rest of the file in it.
bool IsUnclosedQuote(std::string_view text, size_t offset);

}  // namespace qte::config
