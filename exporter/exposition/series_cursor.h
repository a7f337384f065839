// The series of one family out of a snapshot, one after the other in the order of their labels.
//
// What a scrape serialises comes from several places (the families of guests, counts by event, the exporter's own
// metrics), each of which is kept in another way. No two guests have the same labels, so each one's series lie together.
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

 protected:
  explicit SeriesCursor(size_t size) : size_(size) {}
  void Begin() {
    if (size_ > 0) Load(0);
  }

  const metrics::Labels* base_ = nullptr;  // of the source
  std::vector<std::string_view> names_;    // of the rule's labels
  std::vector<std::string_view> values_;

 private:
  // Makes the labels those of the series at this place in the order. Places are asked for one after the other.
  virtual void Load(size_t place) = 0;
  virtual void SetValue(size_t place, prometheus::ClientMetric& metric) const = 0;

  size_t at_ = 0;
  size_t size_;
};

// The snapshot has to outlive the cursor. The families are one metric's, of different guests.
std::unique_ptr<SeriesCursor> MakeCursor(std::vector<const metrics::FamilySnapshot*> families);
std::unique_ptr<SeriesCursor> MakeCursor(const metrics::CountsByName& counts);
std::unique_ptr<SeriesCursor> MakeCursor(const metrics::PlainFamily& family);

}  // namespace qte::exposition
