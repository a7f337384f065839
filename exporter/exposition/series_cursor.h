// Iterates over the series of one family in a snapshot, in the order of their labels.
//
// The series of a scrape come from the families of guests, counts by event, and the exporter's own metrics. Each of
// these has a different representation. No two guests have the same labels, so the series of a guest are adjacent.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "metrics/snapshot.h"

namespace qte::exposition {

// OpenMetrics allows 128 characters in all names and values of an exemplar's labels. A longer path is cut at its start.
inline constexpr size_t kLongestExemplarLog = 128 - std::string_view("logoffset18446744073709551615").size();

// One series of a histogram.
struct HistogramValue {
  std::span<const double> bounds;    // ascending, without +Inf
  std::span<const uint64_t> counts;  // one more than bounds, not cumulative
  double sum = 0;
  const metrics::NativeHistogram* native = nullptr;  // null if it is not a native histogram
  double zero_threshold = 0;                         // of the native histogram
  const metrics::Exemplar* exemplar = nullptr;       // null if there is none
  std::string_view exemplar_log = {};                // its path, or the end of a long one
};

// The bucket of the exemplar, as an index into counts.
inline size_t BucketOfExemplar(const HistogramValue& histogram) {
  const auto bound = std::lower_bound(histogram.bounds.begin(), histogram.bounds.end(), histogram.exemplar->value);
  return static_cast<size_t>(bound - histogram.bounds.begin());
}

class SeriesCursor {
 public:
  virtual ~SeriesCursor() = default;

  bool at_end() const { return at_ == size_; }
  size_t size() const { return size_; }
  void Next() {
    if (++at_ < size_) Load(at_);
  }

  // Labels of the current series: those of its guest, followed by those of the rule. Each name has a value. A label
  // with an empty value counts as absent.
  const metrics::Labels& base() const { return *base_; }
  std::span<const std::string_view> names() const { return names_; }
  std::span<const std::string_view> values() const { return values_; }
  // Value of a counter or gauge.
  virtual double Value() const { return 0; }
  virtual HistogramValue Histogram() const { return {}; }
  // When the series was created, in seconds since the epoch; 0 if unknown.
  virtual double MadeAt() const { return 0; }

 protected:
  explicit SeriesCursor(size_t size) : size_(size) {}
  void Begin() {
    if (size_ > 0) Load(0);
  }
  size_t at() const { return at_; }

  const metrics::Labels* base_ = nullptr;
  std::vector<std::string_view> names_;
  std::vector<std::string_view> values_;

 private:
  // Loads the labels of the series at this place. Places are loaded in ascending order.
  virtual void Load(size_t place) = 0;

  size_t at_ = 0;
  size_t size_;
};

// The snapshot must outlive the cursor. The families belong to one metric of different guests.
std::unique_ptr<SeriesCursor> MakeCursor(std::vector<const metrics::FamilySnapshot*> families);
std::unique_ptr<SeriesCursor> MakeCursor(const metrics::CountsByName& counts);
std::unique_ptr<SeriesCursor> MakeCursor(const metrics::PlainFamily& family);

}  // namespace qte::exposition
