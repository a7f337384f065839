// Series as part of a checkpoint.
//
//   {"name", "type", "label_names", "bounds", "definition", "overflowed",
//    "bases": [[[name, value], ...], ...],           // the sources' labels, each set once
//    "series": [[base, [value, ...], number, [bucket, ...]], ...]}
#pragma once

#include <nlohmann/json.hpp>

#include "metrics/snapshot.h"

namespace qte::state {

nlohmann::json LabelsToJson(const metrics::Labels& labels);
metrics::Labels LabelsFromJson(const nlohmann::json& json);

// The overflow count stands in the JSON beside the series.
nlohmann::json FamilyToJson(const metrics::FamilySnapshot& family, uint64_t overflowed);
// Adds the series of another family with the same spec, both made by FamilyToJson.
void MergeFamilies(nlohmann::json from, nlohmann::json& to);
// Throws nlohmann::json::exception or std::runtime_error where the JSON is not what FamilyToJson makes.
metrics::FamilySnapshot FamilyFromJson(const nlohmann::json& json);

}  // namespace qte::state
