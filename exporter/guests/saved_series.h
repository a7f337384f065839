// Series as part of a checkpoint. What a metric is stands there once, its series with each guest.
//
//   spec:    {"name", "type", "label_names", "bounds", "native", "definition"}
//   series:  {"overflowed", "series": [[[value, ...], number, made at, [bucket, ...], native], ...]}
//   native:  {"schema", "zero", "positive": [first, [count, ...]], "negative"}
//
// A series is a list, since there may be many of them. "native" of a spec is [schema, max_buckets, zero_threshold], or null.
#pragma once

#include <memory>
#include <nlohmann/json_fwd.hpp>

#include "metrics/snapshot.h"

namespace qte::guests {

nlohmann::json LabelsToJson(const metrics::Labels& labels);
metrics::Labels LabelsFromJson(const nlohmann::json& json);

nlohmann::json SpecToJson(const metrics::FamilySpec& spec);
nlohmann::json SeriesToJson(const metrics::FamilySnapshot& family, uint64_t overflowed);

// Both throw nlohmann::json::exception or std::runtime_error where the JSON is not what the above make. A family's
// `base` stays empty.
std::shared_ptr<const metrics::FamilySpec> SpecFromJson(const nlohmann::json& json);
metrics::FamilySnapshot SeriesFromJson(std::shared_ptr<const metrics::FamilySpec> spec, const nlohmann::json& json);

}  // namespace qte::guests
