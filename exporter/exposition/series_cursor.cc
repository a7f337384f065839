#include "exposition/series_cursor.h"

#include <algorithm>
#include <string>
#include <utility>

namespace qte::exposition {
namespace {

using metrics::CountsByName;
using metrics::CountsSnapshot;
using metrics::FamilySnapshot;
using metrics::PlainFamily;

bool ComesBefore(const FamilySnapshot* a, const FamilySnapshot* b) {
  return *a->base < *b->base;
}

class FamilyCursor final : public SeriesCursor {
 public:
  explicit FamilyCursor(std::vector<const FamilySnapshot*> guests) : SeriesCursor(CountOf(guests)), guests_(std::move(guests)) {
    // Usually they are already sorted.
    if (!std::is_sorted(guests_.begin(), guests_.end(), ComesBefore)) {
      std::sort(guests_.begin(), guests_.end(), ComesBefore);
    }
    const std::vector<std::string>& names = guests_.front()->spec->label_names;
    names_.assign(names.begin(), names.end());
    Begin();
  }

  double Value() const override { return family().values[series_]; }
  HistogramValue Histogram() const override {
    const std::vector<double>& bounds = family().spec->bounds;
    const size_t counts = bounds.size() + 1;
    HistogramValue value{bounds, std::span(family().bucket_counts).subspan(series_ * counts, counts), family().values[series_]};
    if (const auto& native = family().spec->native) {
      value.native = &family().details->natives[series_];
      value.zero_threshold = native->zero_threshold;
    }
    const metrics::HistogramDetails& details = *family().details;
    const metrics::Exemplar& exemplar = details.exemplars[series_];
    if (exemplar.log == 0 || details.logs == nullptr) return value;
    if (auto log = details.logs->find(exemplar.log); log != details.logs->end()) {
      value.exemplar = &exemplar;
      value.exemplar_log = log->second;
      const size_t size = value.exemplar_log.size();
      if (size > kLongestExemplarLog) value.exemplar_log.remove_prefix(size - kLongestExemplarLog);
    }
    return value;
  }
  double MadeAt() const override {
    const uint32_t made_at = family().labels.MadeAt(series_);
    return family().spec->native ? std::max(made_at, family().details->natives[series_].reset_at()) : made_at;
  }

 private:
  static size_t CountOf(const std::vector<const FamilySnapshot*>& guests) {
    size_t count = 0;
    for (const FamilySnapshot* guest : guests) count += guest->series_count();
    return count;
  }

  void Load(size_t place) override {
    while (order_ == nullptr || place >= first_ + order_->size()) {
      if (order_ != nullptr) {
        first_ += order_->size();
        ++guest_;
      }
      order_ = family().labels.Sorted();
    }
    base_ = family().base.get();
    series_ = (*order_)[place - first_];
    values_.resize(names_.size());
    auto value = values_.begin();
    for (std::string_view label : family().LabelsOf(series_)) *value++ = label;
  }

  const FamilySnapshot& family() const { return *guests_[guest_]; }

  std::vector<const FamilySnapshot*> guests_;
  size_t guest_ = 0;  // the current guest
  size_t first_ = 0;  // the place of the guest's first series
  size_t series_ = 0;
  std::shared_ptr<const std::vector<uint32_t>> order_;
};

// Sorts the names once. Each guest's counts are then ordered by the ranks of their names, when the cursor reaches the
// guest.
class CountsCursor final : public SeriesCursor {
 public:
  explicit CountsCursor(const CountsByName& counts) : SeriesCursor(CountOf(counts)), counts_(counts) {
    names_.push_back(counts.label);
    values_.resize(1);
    RankNames();
    for (const CountsSnapshot& guest : counts.guests) guests_.push_back(&guest);
    std::sort(guests_.begin(), guests_.end(), [](const auto* a, const auto* b) { return *a->base < *b->base; });
    Begin();
  }

  double Value() const override { return static_cast<double>(count_); }
  double MadeAt() const override { return guests_[next_guest_ - 1]->made_at; }

 private:
  static constexpr uint32_t kUnseen = UINT32_MAX;

  static size_t CountOf(const CountsByName& counts) {
    size_t count = 0;
    for (const CountsSnapshot& guest : counts.guests) count += guest.counts.size();
    return count;
  }

  void RankNames() {
    for (const CountsSnapshot& guest : counts_.guests) {
      for (const CountsSnapshot::Count& count : guest.counts) {
        if (count.id >= guest.shared_names) {
          sorted_names_.push_back(counts_.NameOf(guest, count.id));
          continue;
        }
        if (count.id >= rank_of_.size()) rank_of_.resize(count.id + 1, kUnseen);
        if (std::exchange(rank_of_[count.id], 0) == kUnseen) sorted_names_.push_back(counts_.name_of(count.id));
      }
    }
    std::sort(sorted_names_.begin(), sorted_names_.end());
    sorted_names_.erase(std::unique(sorted_names_.begin(), sorted_names_.end()), sorted_names_.end());
    for (uint32_t id = 0; id < rank_of_.size(); ++id) {
      if (rank_of_[id] != kUnseen) rank_of_[id] = RankOf(counts_.name_of(id));
    }
    by_rank_.resize(sorted_names_.size(), 0);
  }

  uint32_t RankOf(std::string_view name) const {
    auto found = std::lower_bound(sorted_names_.begin(), sorted_names_.end(), name);
    return static_cast<uint32_t>(found - sorted_names_.begin());
  }

  // A guest has no counts of 0, so 0 means that the guest lacks the event.
  void TakeGuest(const CountsSnapshot& guest) {
    base_ = guest.base.get();
    left_ = guest.counts.size();
    rank_ = 0;
    for (const CountsSnapshot::Count& count : guest.counts) {
      const bool is_shared = count.id < guest.shared_names;
      by_rank_[is_shared ? rank_of_[count.id] : RankOf(counts_.NameOf(guest, count.id))] = count.count;
    }
  }

  void Load(size_t) override {
    while (left_ == 0) TakeGuest(*guests_[next_guest_++]);
    while (by_rank_[rank_] == 0) ++rank_;
    count_ = std::exchange(by_rank_[rank_], 0);
    values_[0] = sorted_names_[rank_];
    --left_;
  }

  const CountsByName& counts_;
  std::vector<uint32_t> rank_of_;  // by shared id
  std::vector<std::string_view> sorted_names_;
  std::vector<const CountsSnapshot*> guests_;
  size_t next_guest_ = 0;
  // Counts of the current guest by the ranks of their names. Counts already shown are reset to 0.
  std::vector<uint64_t> by_rank_;
  size_t left_ = 0;
  uint32_t rank_ = 0;
  uint64_t count_ = 0;
};

class PlainCursor final : public SeriesCursor {
 public:
  explicit PlainCursor(const PlainFamily& family) : SeriesCursor(family.series.size()), bounds_(family.bounds) {
    for (const PlainFamily::Series& series : family.series) order_.push_back(&series);
    std::sort(order_.begin(), order_.end(), [](const auto* a, const auto* b) { return *a->labels < *b->labels; });
    Begin();
  }

  double Value() const override { return order_[at()]->value; }
  HistogramValue Histogram() const override { return {bounds_, order_[at()]->bucket_counts, order_[at()]->value}; }

 private:
  void Load(size_t place) override { base_ = order_[place]->labels.get(); }

  const std::span<const double> bounds_;
  std::vector<const PlainFamily::Series*> order_;
};

}  // namespace

std::unique_ptr<SeriesCursor> MakeCursor(std::vector<const FamilySnapshot*> families) {
  return std::make_unique<FamilyCursor>(std::move(families));
}
std::unique_ptr<SeriesCursor> MakeCursor(const CountsByName& counts) {
  return std::make_unique<CountsCursor>(counts);
}
std::unique_ptr<SeriesCursor> MakeCursor(const PlainFamily& family) {
  return std::make_unique<PlainCursor>(family);
}

}  // namespace qte::exposition
