// A metric's `labels:`: a name, and where its value comes from.
#pragma once

#include <vector>

#include "config/fields.h"

namespace qte::config {

std::vector<Label> ReadLabels(const Field& field, Report& report);

}  // namespace qte::config
