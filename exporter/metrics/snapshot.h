// A consistent copy of all series, taken between two batches of lines and read without a lock.
//
// Label texts are not copied but shared with the family (see labels.h). Numbers are copied, which is a memcpy per
// family.
#pragma once

#include <concepts>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "metrics/labels.h"
#include "metrics/native_histogram.h"

namespace qte::metrics {

enum class Type { kCounter, kGauge, kHistogram };

// What a family is, fixed when the config is read.
struct FamilySpec {
  std::string name;
  std::string help;
  Type type = Type::kCounter;
  std::vector<std::string> label_names;  // of the rule; the source's own labels come before them
  std::vector<double> bounds;            // histogram: upper bounds, rising, without +Inf
  bool is_in_flight = false;             // a gauge that counts what is open
  bool is_of_moment = false;             // in flight, and series of what is no more go
  std::string definition = {};           // what it counts: see rules/definition.h
  std::optional<NativeOptions> native = {};  // histogram: kept as a native one, too
};

// The line that a histogram's value came from, if the value was the largest of its time.
struct Exemplar {
  double value = 0;
  double time = 0;      // of the line, in seconds since the epoch; 0 where it has none
  uint64_t offset = 0;  // of the line in its log, in bytes
  uint32_t log = 0;     // key in LogPaths; 0 where there is no exemplar
};
using LogPaths = std::map<uint32_t, std::string>;

// What a histogram has beyond buckets.
struct HistogramDetails {
  std::vector<NativeHistogram> natives;  // one a series, where the spec has them
  std::vector<Exemplar> exemplars;       // one a series
  std::shared_ptr<const LogPaths> logs;  // of the exemplars
};

// One guest's series of a metric.
struct FamilySnapshot {
  std::shared_ptr<const FamilySpec> spec;
  std::shared_ptr<const Labels> base;  // the labels of the guest's sources, which all its series carry
  SharedLabels labels;                 // of the rule
  std::vector<double> values;           // counter, gauge: the value of each series; histogram: its sum
  std::vector<uint64_t> bucket_counts;  // histogram: bounds+1 counts a series, not cumulated
  std::shared_ptr<HistogramDetails> details;  // histogram

  size_t series_count() const { return labels.size(); }
  LabelValues LabelsOf(size_t series) const { return labels[series]; }
};

// One guest's counter by name: counts are copied as they lie, and become texts only where they are shown.
struct CountsSnapshot {
  struct Count {
    uint32_t id = 0;
    uint64_t count = 0;
  };
  std::shared_ptr<const Labels> base;
  std::vector<Count> counts;
  SharedLabels own_names;  // of ids from `shared_names` on
  uint32_t shared_names = 0;
  uint32_t made_at = 0;  // when counting began, in seconds since the epoch; 0 where nobody knows
};

// The same counter of all guests. Ids below `shared_names` mean the same name in each guest.
struct CountsByName {
  std::string name;
  std::string help;
  std::string label;  // that shows the name
  std::function<std::string_view(uint32_t id)> name_of;  // of a shared id; valid as long as the snapshot
  std::vector<CountsSnapshot> guests;

  std::string_view NameOf(const CountsSnapshot& guest, uint32_t id) const {
    return id < guest.shared_names ? name_of(id) : guest.own_names[id - guest.shared_names][0];
  }
};

// A family that is made for one scrape: the exporter's own metrics.
struct PlainFamily {
  struct Series {
    Series(Labels own, double of_series) : labels(std::make_shared<const Labels>(std::move(own))), value(of_series) {}
    // Of 10,000 logs, each with some series, every copy of the labels counts. A template, since {} means no labels.
    template <std::same_as<std::shared_ptr<const Labels>> Shared>
    Series(Shared shared, double of_series) : labels(std::move(shared)), value(of_series) {}

    std::shared_ptr<const Labels> labels;
    double value;                         // of a histogram: its sum
    std::vector<uint64_t> bucket_counts;  // histogram: bounds+1 counts, not cumulated
  };
  std::string name;
  std::string help;
  Type type = Type::kGauge;
  std::vector<Series> series;
  std::vector<double> bounds = {};  // histogram: upper bounds, rising, without +Inf
};

struct Snapshot {
  std::vector<FamilySnapshot> families;
  std::vector<CountsByName> counts;
  std::vector<PlainFamily> plain;
};

}  // namespace qte::metrics
