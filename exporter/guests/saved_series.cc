#include "guests/saved_series.h"

#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace qte::guests {
namespace {

using metrics::FamilySnapshot;
using metrics::FamilySpec;
using metrics::Labels;
using metrics::NativeHistogram;
using metrics::NativeOptions;
using nlohmann::json;

// A series count with which no arithmetic below can overflow; limits of the config are far lower.
constexpr size_t kMostSeries = size_t{1} << 30;

void AppendBuckets(FamilySnapshot& family, const json& series) {
  if (family.spec->type != metrics::Type::kHistogram) return;
  auto buckets = series.at(3).get<std::vector<uint64_t>>();
  if (buckets.size() != family.spec->bounds.size() + 1) throw std::runtime_error("wrong number of buckets");
  family.bucket_counts.insert(family.bucket_counts.end(), buckets.begin(), buckets.end());
}

json SideToJson(const NativeHistogram::Side& side) {
  return {side.first, side.counts};
}
NativeHistogram::Side SideFromJson(const json& from) {
  return {from.at(0).get<int32_t>(), from.at(1).get<std::vector<uint64_t>>()};
}

json NativeToJson(const NativeHistogram& native) {
  return {{"schema", native.schema()},
          {"zero", native.zero()},
          {"reset_at", native.reset_at()},
          {"positive", SideToJson(native.positive())},
          {"negative", SideToJson(native.negative())}};
}

void AppendNative(FamilySnapshot& family, const json& series) {
  if (!family.spec->native || family.details == nullptr) return;
  const json& from = series.at(4);
  if (!NativeHistogram::Make(from.at("schema").get<int>(), from.at("zero").get<uint64_t>(), SideFromJson(from.at("positive")),
                             SideFromJson(from.at("negative")), family.details->natives.emplace_back())) {
    throw std::runtime_error("no native histogram is like this");
  }
  family.details->natives.back().set_reset_at(from.at("reset_at").get<uint32_t>());
}

json OptionsToJson(const std::optional<NativeOptions>& native) {
  if (!native) return nullptr;
  return {native->schema, native->max_buckets, native->zero_threshold, native->reset_after};
}
std::optional<NativeOptions> OptionsFromJson(const json& from) {
  if (from.is_null()) return std::nullopt;
  return NativeOptions{from.at(0).get<int>(), from.at(1).get<uint32_t>(), from.at(2).get<double>(), from.at(3).get<uint32_t>()};
}

}  // namespace

json LabelsToJson(const Labels& labels) {
  json list = json::array();
  for (const auto& [name, value] : labels) list.push_back({name, value});
  return list;
}

Labels LabelsFromJson(const json& from) {
  Labels labels;
  for (const json& label : from) labels.emplace_back(label.at(0).get<std::string>(), label.at(1).get<std::string>());
  return labels;
}

json SpecToJson(const FamilySpec& spec) {
  return {{"name", spec.name},
          {"type", static_cast<int>(spec.type)},
          {"label_names", spec.label_names},
          {"bounds", spec.bounds},
          {"native", OptionsToJson(spec.native)},
          {"definition", spec.definition}};
}

std::shared_ptr<const FamilySpec> SpecFromJson(const json& from) {
  auto spec = std::make_shared<FamilySpec>();
  spec->name = from.at("name").get<std::string>();
  int type = from.at("type").get<int>();
  if (type < 0 || type > static_cast<int>(metrics::Type::kHistogram)) throw std::runtime_error("unknown metric type");
  spec->type = static_cast<metrics::Type>(type);
  spec->label_names = from.at("label_names").get<std::vector<std::string>>();
  spec->bounds = from.at("bounds").get<std::vector<double>>();
  spec->native = OptionsFromJson(from.at("native"));
  spec->definition = from.at("definition").get<std::string>();
  return spec;
}

json SeriesToJson(const FamilySnapshot& family, uint64_t overflowed) {
  json series = json::array();
  const size_t buckets = family.spec->bounds.size() + 1;
  for (size_t i = 0; i < family.series_count(); ++i) {
    json texts = json::array();
    for (std::string_view value : family.LabelsOf(i)) texts.push_back(value);
    json entry = {std::move(texts), family.values[i], family.labels.MadeAt(i)};
    if (family.spec->type == metrics::Type::kHistogram) {
      auto first = family.bucket_counts.begin() + static_cast<std::ptrdiff_t>(i * buckets);
      entry.push_back(std::vector<uint64_t>(first, first + static_cast<std::ptrdiff_t>(buckets)));
    }
    if (family.spec->native && family.details != nullptr) entry.push_back(NativeToJson(family.details->natives[i]));
    series.push_back(std::move(entry));
  }
  return {{"overflowed", overflowed}, {"series", std::move(series)}};
}

FamilySnapshot SeriesFromJson(std::shared_ptr<const FamilySpec> spec, const json& from) {
  FamilySnapshot family;
  family.spec = std::move(spec);
  if (family.spec->type == metrics::Type::kHistogram) family.details = std::make_shared<metrics::HistogramDetails>();
  const json& series = from.at("series");
  if (series.size() > kMostSeries) throw std::runtime_error("too many series");
  metrics::LabelList labels(family.spec->label_names.size());
  std::vector<std::string_view> values;
  for (const json& entry : series) {
    const auto texts = entry.at(0).get<std::vector<std::string>>();
    if (texts.size() != family.spec->label_names.size()) throw std::runtime_error("wrong number of labels");
    values.assign(texts.begin(), texts.end());
    labels.Append(values, entry.at(2).get<uint32_t>());
    family.values.push_back(entry.at(1).get<double>());
    AppendBuckets(family, entry);
    AppendNative(family, entry);
  }
  family.labels = labels.Share();
  return family;
}

}  // namespace qte::guests
