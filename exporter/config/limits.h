// `limits:`: the caps that keep memory bounded, and how many threads work.
#pragma once

#include "config/fields.h"

namespace qte::config {

Limits ReadLimits(const Field& field, Report& report);

// Takes over what `more`, of another file, sets. A limit that both set is told, even if they agree: the next change of
// one of them would be in vain.
void CombineLimits(const Limits& more, Limits& limits, std::vector<Diagnostic>& diagnostics);

}  // namespace qte::config
