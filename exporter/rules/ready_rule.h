// A rule to begin with, for an event that no rule uses yet.
#pragma once

#include <string>

#include "trace/catalog.h"

namespace qte::rules {

// Items for a config's `metrics` that count the event, and the bytes it tells of if it does, by its arguments that are
// text. Indented by two blanks, to be pasted as they are.
std::string ReadyRule(const trace::EventDeclaration& event);

}  // namespace qte::rules
