// The series of one family out of one part of a snapshot, one after the other in the order of their labels.
//
// What a scrape serialises may come from several parts (a pipeline's families, counts by event, the exporter's own
// metrics), each of which is kept in another way. A cursor walks one of them; SortedSeries merges those of one name.
#pragma once

#include <prometheus/client_metric.h>

#include <cstddef>
#include <memory>
#include <string_view>
#include <vector>

#include "metrics/snapshot.h"

namespace qte::exposition {

class SeriesCursor {
 public:
  virtual ~SeriesCursor() = default;

  bool at_end() const { return at_ == size_; }
  size_t size() const { return size_; }
  void Next() {
    if (++at_ < size_) Load(at_);
  }
  // The series it stands at.
  void Fill(prometheus::ClientMetric& metric) const;
  // Puts it together with one of the same labels out of an earlier part: counts add up, and so do gauges of what is in
  // flight. Of any other gauge it is the later part's, since which one was set last is not known.
  void FillUp(prometheus::ClientMetric& metric) const;
  bool IsBefore(const SeriesCursor& other) const;

 protected:
  enum class Gauges { kLastPart, kAddUp };
  explicit SeriesCursor(size_t size, Gauges gauges = Gauges::kLastPart) : size_(size), gauges_(gauges) {}
  void Begin() {
    if (size_ > 0) Load(0);
  }

  const metrics::Labels* base_ = nullptr;  // of the source
  std::vector<std::string_view> names_;    // of the rule's labels
  std::vector<std::string_view> values_;

 private:
  // Makes the labels those of the series at this place in the order.
  virtual void Load(size_t place) = 0;
  virtual void SetValue(size_t place, prometheus::ClientMetric& metric) const = 0;

  size_t at_ = 0;
  size_t size_;
  Gauges gauges_;
};

// The snapshot has to outlive the cursor.
std::unique_ptr<SeriesCursor> MakeCursor(const metrics::FamilySnapshot& family);
std::unique_ptr<SeriesCursor> MakeCursor(const metrics::CountsSnapshot& counts);
std::unique_ptr<SeriesCursor> MakeCursor(const metrics::PlainFamily& family);

// All series of one name, whoever brought them.
class SortedSeries {
 public:
  void Add(std::unique_ptr<SeriesCursor> part) { parts_.push_back(std::move(part)); }
  size_t size() const;
  bool at_end() const;
  // The next one in the order of labels. Where several parts have the same labels (pipelines that have folded what is
  // over a limit), they are put together to one.
  void Take(prometheus::ClientMetric& metric);

 private:
  std::vector<std::unique_ptr<SeriesCursor>> parts_;
};

}  // namespace qte::exposition
