#include "state/series.h"

#include <map>
#include <stdexcept>
#include <utility>

namespace qte::state {
namespace {

using metrics::FamilySnapshot;
using metrics::FamilySpec;
using metrics::Labels;
using nlohmann::json;

// A series count with which no arithmetic below can overflow; limits of the config are far lower.
constexpr size_t kMostSeries = size_t{1} << 30;

std::shared_ptr<const FamilySpec> SpecFromJson(const json& from) {
  auto spec = std::make_shared<FamilySpec>();
  spec->name = from.at("name").get<std::string>();
  int type = from.at("type").get<int>();
  if (type < 0 || type > static_cast<int>(metrics::Type::kHistogram)) throw std::runtime_error("unknown metric type");
  spec->type = static_cast<metrics::Type>(type);
  spec->label_names = from.at("label_names").get<std::vector<std::string>>();
  spec->bounds = from.at("bounds").get<std::vector<double>>();
  spec->definition = from.at("definition").get<std::string>();
  return spec;
}

void AppendBuckets(FamilySnapshot& family, const json& series) {
  if (family.spec->type != metrics::Type::kHistogram) return;
  auto buckets = series.at(3).get<std::vector<uint64_t>>();
  if (buckets.size() != family.spec->bounds.size() + 1) throw std::runtime_error("wrong number of buckets");
  family.bucket_counts.insert(family.bucket_counts.end(), buckets.begin(), buckets.end());
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

json FamilyToJson(const FamilySnapshot& family, uint64_t overflowed) {
  const FamilySpec& spec = *family.spec;
  json bases = json::array();
  json series = json::array();
  std::map<Labels, size_t> known;
  size_t buckets = spec.bounds.size() + 1;
  for (size_t i = 0; i < family.series_count(); ++i) {
    metrics::SeriesLabels labels = family.LabelsOf(i);
    auto [base, added] = known.try_emplace(*labels.base, known.size());
    if (added) bases.push_back(LabelsToJson(*labels.base));
    json texts = json::array();
    for (std::string_view value : labels.values) texts.push_back(value);
    json entry = {base->second, std::move(texts), family.values[i]};
    if (spec.type == metrics::Type::kHistogram) {
      auto first = family.bucket_counts.begin() + static_cast<std::ptrdiff_t>(i * buckets);
      entry.push_back(std::vector<uint64_t>(first, first + static_cast<std::ptrdiff_t>(buckets)));
    }
    series.push_back(std::move(entry));
  }
  return {{"name", spec.name},
          {"type", static_cast<int>(spec.type)},
          {"label_names", spec.label_names},
          {"bounds", spec.bounds},
          {"definition", spec.definition},
          {"overflowed", overflowed},
          {"bases", std::move(bases)},
          {"series", std::move(series)}};
}

void MergeFamilies(json from, json& to) {
  to["overflowed"] = to["overflowed"].get<uint64_t>() + from["overflowed"].get<uint64_t>();
  size_t bases = to["bases"].size();
  for (json& base : from["bases"]) to["bases"].push_back(std::move(base));
  for (json& series : from["series"]) {
    series[0] = series[0].get<size_t>() + bases;
    to["series"].push_back(std::move(series));
  }
}

FamilySnapshot FamilyFromJson(const json& from) {
  FamilySnapshot family;
  family.spec = SpecFromJson(from);
  std::vector<std::shared_ptr<const Labels>> bases;
  for (const json& base : from.at("bases")) bases.push_back(std::make_shared<const Labels>(LabelsFromJson(base)));
  const json& series = from.at("series");
  if (series.size() > kMostSeries) throw std::runtime_error("too many series");
  metrics::LabelList labels(family.spec->label_names.size());
  std::vector<std::string_view> values;
  for (const json& entry : series) {
    const auto texts = entry.at(1).get<std::vector<std::string>>();
    if (texts.size() != family.spec->label_names.size()) throw std::runtime_error("wrong number of labels");
    values.assign(texts.begin(), texts.end());
    labels.Append(bases.at(entry.at(0).get<size_t>()), values);
    family.values.push_back(entry.at(2).get<double>());
    AppendBuckets(family, entry);
  }
  family.labels = labels.Share();
  return family;
}

}  // namespace qte::state
