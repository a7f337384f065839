// Keys as a terminal sends them: a byte each, and escape sequences for arrows.
#pragma once

#include <optional>
#include <string>

namespace qte::commands::top {

enum class Key { kQuit, kSort, kVm, kPause, kUp, kDown, kOther };

// Takes the first key from what has been typed. Nothing if there is none, or if an escape sequence has just begun.
std::optional<Key> TakeKey(std::string& typed);

}  // namespace qte::commands::top
