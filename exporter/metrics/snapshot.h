// A consistent copy of all series, taken between two batches of lines and read without a lock.
//
// Label texts are not copied but shared with the family (see labels.h). Numbers are copied, which is a memcpy per
// family.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "metrics/labels.h"

namespace qte::metrics {

enum class Type { kCounter, kGauge, kHistogram };

// What a family is, fixed when the config is read.
struct FamilySpec {
  std::string name;
  std::string help;
  Type type = Type::kCounter;
  std::vector<std::string> label_names;  // of the rule; the source's own labels come before them
  std::vector<double> bounds;            // histogram: upper bounds, rising, without +Inf
  bool is_in_flight = false;             // a gauge that counts what is open, so that two of them add up
  std::string definition = {};           // what it counts: see rules/definition.h
};

struct FamilySnapshot {
  std::shared_ptr<const FamilySpec> spec;
  SharedLabels labels;
  std::vector<double> values;           // counter, gauge: the value of each series; histogram: its sum
  std::vector<uint64_t> bucket_counts;  // histogram: bounds+1 counts a series, not cumulated

  size_t series_count() const { return labels.size(); }
  SeriesLabels LabelsOf(size_t series) const { return labels[series]; }
};

// A counter by name for each set of source labels: counts are copied as they lie, and become texts only where they are
// shown. Each name has an id.
struct CountsSnapshot {
  struct Group {
    std::shared_ptr<const Labels> labels;
    size_t end = 0;  // of its counts; they begin where those of the group before end
  };
  struct Count {
    uint32_t id = 0;
    uint64_t count = 0;
  };
  std::string name;
  std::string help;
  std::string label;  // that shows the name
  std::vector<Group> groups;
  std::vector<Count> counts;
  std::function<std::string_view(uint32_t id)> name_of;  // valid as long as the snapshot

  // Calls visit(labels, id, count) for every count.
  template <class Visit>
  void ForEach(Visit&& visit) const {
    size_t at = 0;
    for (const Group& group : groups) {
      for (; at < group.end; ++at) visit(*group.labels, counts[at].id, counts[at].count);
    }
  }
};

// A family that is made for one scrape: the exporter's own metrics.
struct PlainFamily {
  struct Series {
    Labels labels;
    double value = 0;
  };
  std::string name;
  std::string help;
  Type type = Type::kGauge;  // never kHistogram
  std::vector<Series> series;
};

struct Snapshot {
  std::vector<FamilySnapshot> families;
  std::vector<CountsSnapshot> counts;
  std::vector<PlainFamily> plain;
};

}  // namespace qte::metrics
