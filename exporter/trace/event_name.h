// What the name of a trace event looks like, and finding an event behind other text in a line.
#pragma once

#include <cstddef>
#include <string_view>

#include "trace/name_table.h"

namespace qte::trace {

// True for what can be the name of an event that no catalog declares: a letter first, then letters, digits and
// underscores, with an underscore before the last byte. A torn line begins with the rest of a name, as in "_keycode".
// The words with which QEMU's own `-d` output begins are none.
bool LooksLikeEventName(std::string_view word);

// True if `line` is an event as far as its prefix and its name tell: the name is declared, or a prefix of QEMU stands
// before what looks like a name. `line` has kScanPadding readable bytes behind it.
bool IsEventLine(std::string_view line, const NameTable& declared);

// Where the last event begins that stands behind other text in `line`; 0 if there is none. Only a prefix of QEMU before
// a declared name proves one.
size_t FindEventBehind(std::string_view line, const NameTable& declared);

}  // namespace qte::trace
