// `limits:`: the caps that keep memory bounded.
#pragma once

#include "config/fields.h"

namespace qte::config {

Limits ReadLimits(const Field& field, Report& report);

}  // namespace qte::config
