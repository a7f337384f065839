#include "metrics/labels.h"

#include <algorithm>
#include <cassert>
#include <cstring>
#include <numeric>

namespace qte::metrics {

bool Before(const SeriesLabels& a, const SeriesLabels& b) {
  if (a.base.get() != b.base.get() && *a.base != *b.base) return *a.base < *b.base;
  // Both have the same number of values.
  for (LabelValues::Iterator x = a.values.begin(), y = b.values.begin(); x != a.values.end(); ++x, ++y) {
    if (int order = (*x).compare(*y); order != 0) return order < 0;
  }
  return false;
}

char* LabelChunk::Allocate(size_t size) {
  constexpr size_t kFirstBlock = 256;
  if (size > left_) {
    left_ = std::max(kFirstBlock << blocks_.size(), size);
    free_ = blocks_.emplace_back(new char[left_]).get();
  }
  char* allocated = free_;
  free_ += size;
  left_ -= size;
  return allocated;
}

void LabelChunk::Set(size_t index, std::shared_ptr<const Labels> base, std::span<const std::string_view> values) {
  size_t size = 0;
  for (std::string_view value : values) size += sizeof(uint32_t) + value.size();
  char* at = Allocate(size);
  entries_[index] = {std::move(base), at};
  for (std::string_view value : values) {
    auto value_size = static_cast<uint32_t>(value.size());
    std::memcpy(at, &value_size, sizeof value_size);
    std::copy(value.begin(), value.end(), at + sizeof value_size);
    at += sizeof value_size + value.size();
  }
}

std::shared_ptr<const std::vector<uint32_t>> LabelOrder::Get(const SharedLabels& labels) {
  std::lock_guard lock(mutex_);
  size_t known = known_ == nullptr ? 0 : known_->size();
  if (known < labels.size() || known_ == nullptr) {
    auto order = std::make_shared<std::vector<uint32_t>>(labels.size());
    if (known > 0) std::copy(known_->begin(), known_->end(), order->begin());
    auto added = order->begin() + static_cast<std::ptrdiff_t>(known);
    std::iota(added, order->end(), static_cast<uint32_t>(known));
    auto before = [&](uint32_t a, uint32_t b) { return Before(labels[a], labels[b]); };
    std::sort(added, order->end(), before);
    std::inplace_merge(order->begin(), added, order->end(), before);
    known_ = std::move(order);
  }
  if (known_->size() == labels.size()) return known_;
  // A snapshot from before others that have been sorted.
  auto fewer = std::make_shared<std::vector<uint32_t>>();
  std::copy_if(known_->begin(), known_->end(), std::back_inserter(*fewer),
               [&](uint32_t series) { return series < labels.size(); });
  return fewer;
}

void LabelList::Append(std::shared_ptr<const Labels> base, std::span<const std::string_view> values) {
  assert(values.size() == width_);
  if (size_ % LabelChunk::kSize == 0) chunks_.push_back(std::make_shared<LabelChunk>());
  chunks_.back()->Set(size_ % LabelChunk::kSize, std::move(base), values);
  ++size_;
}

SharedLabels LabelList::Share() const {
  SharedLabels shared;
  shared.width_ = width_;
  shared.size_ = size_;
  shared.chunks_.assign(chunks_.begin(), chunks_.end());
  shared.order_ = order_;
  return shared;
}

}  // namespace qte::metrics
