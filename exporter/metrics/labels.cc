#include "metrics/labels.h"

#include <algorithm>
#include <cassert>
#include <cstring>
#include <numeric>

namespace qte::metrics {

namespace {

// Lists of fewer series are sorted when they are shown: most guests have some of those, and an order would weigh more.
constexpr size_t kFew = 32;

// Both have the same number of values.
bool Before(const LabelValues& a, const LabelValues& b) {
  for (LabelValues::Iterator x = a.begin(), y = b.begin(); x != a.end(); ++x, ++y) {
    if (int order = (*x).compare(*y); order != 0) return order < 0;
  }
  return false;
}

// Puts the series from `known` on in their order.
std::shared_ptr<std::vector<uint32_t>> SortOn(const SharedLabels& labels, const std::vector<uint32_t>& known) {
  auto order = std::make_shared<std::vector<uint32_t>>(labels.size());
  std::copy(known.begin(), known.end(), order->begin());
  auto added = order->begin() + static_cast<std::ptrdiff_t>(known.size());
  std::iota(added, order->end(), static_cast<uint32_t>(known.size()));
  auto before = [&](uint32_t a, uint32_t b) { return Before(labels[a], labels[b]); };
  std::sort(added, order->end(), before);
  std::inplace_merge(order->begin(), added, order->end(), before);
  return order;
}

}  // namespace

LabelChunk::LabelChunk(std::shared_ptr<const LabelChunk> before, size_t begin)
    : before_(std::move(before)),
      begin_(begin),
      capacity_(std::max(begin, kFirstCapacity)),
      texts_(new const char*[capacity_]) {}

char* LabelChunk::Allocate(size_t size) {
  constexpr size_t kFirstBlock = 64;
  if (size > left_) {
    left_ = std::max(kFirstBlock << blocks_.size(), size);
    free_ = blocks_.emplace_back(new char[left_]).get();
  }
  char* allocated = free_;
  free_ += size;
  left_ -= size;
  return allocated;
}

void LabelChunk::Set(size_t series, std::span<const std::string_view> values, uint32_t made_at) {
  size_t size = sizeof made_at;
  for (std::string_view value : values) size += sizeof(uint32_t) + value.size();
  char* at = Allocate(size);
  std::memcpy(at, &made_at, sizeof made_at);
  at += sizeof made_at;
  texts_[series - begin_] = at;
  for (std::string_view value : values) {
    auto value_size = static_cast<uint32_t>(value.size());
    std::memcpy(at, &value_size, sizeof value_size);
    std::copy(value.begin(), value.end(), at + sizeof value_size);
    at += sizeof value_size + value.size();
  }
}

std::shared_ptr<const std::vector<uint32_t>> LabelOrder::Get(const SharedLabels& labels) {
  std::lock_guard lock(mutex_);
  if (known_ == nullptr) known_ = std::make_shared<const std::vector<uint32_t>>();
  if (known_->size() < labels.size()) known_ = SortOn(labels, *known_);
  if (known_->size() == labels.size()) return known_;
  // A snapshot from before others that have been sorted.
  auto fewer = std::make_shared<std::vector<uint32_t>>();
  std::copy_if(known_->begin(), known_->end(), std::back_inserter(*fewer),
               [&](uint32_t series) { return series < labels.size(); });
  return fewer;
}

std::shared_ptr<const std::vector<uint32_t>> SharedLabels::Sorted() const {
  return order_ == nullptr ? SortOn(*this, {}) : order_->Get(*this);
}

void LabelList::Append(std::span<const std::string_view> values, uint32_t made_at) {
  assert(values.size() == width_);
  if (last_ == nullptr || size_ == last_->end()) last_ = std::make_shared<LabelChunk>(last_, size_);
  last_->Set(size_, values, made_at);
  ++size_;
  if (size_ == kFew) order_ = std::make_shared<LabelOrder>();
}

SharedLabels LabelList::Share() const {
  SharedLabels shared;
  shared.width_ = width_;
  shared.size_ = size_;
  shared.last_ = last_;
  shared.order_ = order_;
  return shared;
}

}  // namespace qte::metrics
