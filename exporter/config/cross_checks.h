// What is right by itself but not together: names given twice, labels that sources give already, lookups that are not
// there.
#pragma once

#include "config/config.h"
#include "config/report.h"

namespace qte::config {

void CheckTogether(const Config& config, Report& report);

}  // namespace qte::config
