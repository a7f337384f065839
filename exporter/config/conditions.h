// `where:`: which events a rule takes.
#pragma once

#include <vector>

#include "config/fields.h"

namespace qte::config {

std::vector<Condition> ReadConditions(const Field& field, Report& report);

}  // namespace qte::config
