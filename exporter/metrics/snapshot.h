// A consistent copy of all series, taken between two batches of lines and read without a lock.
//
// Label texts are not copied: a series' labels never change, they live in append-only chunks that the snapshot shares
// with the family. Numbers are copied, which is a memcpy per family.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace qte::metrics {

enum class Type { kCounter, kGauge, kHistogram };

// Name and value, in the order of exposition.
using Labels = std::vector<std::pair<std::string, std::string>>;

// What a family is, fixed when the config is read.
struct FamilySpec {
  std::string name;
  std::string help;
  Type type = Type::kCounter;
  std::vector<std::string> label_names;  // of the rule; the source's own labels come before them
  std::vector<double> bounds;            // histogram: upper bounds, rising, without +Inf
};

// The labels of up to kSize series: the source's labels (shared by all its series) and the rule's own values.
struct LabelChunk {
  static constexpr size_t kSize = 256;
  struct Entry {
    std::shared_ptr<const Labels> base;
    std::vector<std::string> values;  // one for each of FamilySpec::label_names; "" where the event had none
  };
  std::array<Entry, kSize> entries;
};

struct FamilySnapshot {
  std::shared_ptr<const FamilySpec> spec;
  size_t series_count = 0;
  std::vector<std::shared_ptr<const LabelChunk>> labels;
  std::vector<double> values;           // counter, gauge: the value of each series; histogram: its sum
  std::vector<uint64_t> bucket_counts;  // histogram: bounds+1 counts a series, not cumulated

  const LabelChunk::Entry& LabelsOf(size_t series) const {
    return labels[series / LabelChunk::kSize]->entries[series % LabelChunk::kSize];
  }
};

// A family that is made for one scrape: the exporter's own metrics, counts by event.
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
  std::vector<PlainFamily> plain;
};

}  // namespace qte::metrics
