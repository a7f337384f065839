// Suggests a first rule for an event that no rule uses.
#pragma once

#include <string>

#include "trace/catalog.h"

namespace qte::rules {

// Items for a config's `metrics` that count the event and, if it has a number of bytes, these bytes. Its text arguments
// become labels. The items are indented by two blanks, ready to be pasted.
std::string ReadyRule(const trace::EventDeclaration& event);

}  // namespace qte::rules
