// The series of one family out of a snapshot, one after the other in the order of their labels.
//
// What a scrape serialises comes from several places (the families of guests, counts by event, the exporter's own
// metrics), each of which is kept in another way. No two guests have the same labels, so each one's series lie together.
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

// OpenMetrics allows so many characters in all names and values of an exemplar's labels; of a longer path the end is shown.
inline constexpr size_t kLongestExemplarLog = 128 - std::string_view("logoffset18446744073709551615").size();

// One series of a histogram.
struct HistogramValue {
  std::span<const double> bounds;    // rising, without +Inf
  std::span<const uint64_t> counts;  // one more than bounds, not cumulated
  double sum = 0;
  const metrics::NativeHistogram* native = nullptr;  // null where it is not kept as one
  double zero_threshold = 0;                         // of the native one
  const metrics::Exemplar* exemplar = nullptr;       // null where there is none
  std::string_view exemplar_log = {};                // its path, or the end of a long one
};

// The bucket that the exemplar falls in, as an index into counts.
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

  // Of the series it stands at: the labels of its guest, and behind them the rule's, of which each name has a value. What
  // is empty is no label.
  const metrics::Labels& base() const { return *base_; }
  std::span<const std::string_view> names() const { return names_; }
  std::span<const std::string_view> values() const { return values_; }
  // Of a counter or a gauge.
  virtual double Value() const { return 0; }
  virtual HistogramValue Histogram() const { return {}; }
  // When the series began, in seconds since the epoch; 0 where nobody knows.
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
  // Makes the labels those of the series at this place in the order. Places are asked for one after the other.
  virtual void Load(size_t place) = 0;

  size_t at_ = 0;
  size_t size_;
};

// The snapshot has to outlive the cursor. The families are one metric's, of different guests.
std::unique_ptr<SeriesCursor> MakeCursor(std::vector<const metrics::FamilySnapshot*> families);
std::unique_ptr<SeriesCursor> MakeCursor(const metrics::CountsByName& counts);
std::unique_ptr<SeriesCursor> MakeCursor(const metrics::PlainFamily& family);

}  // namespace qte::exposition
