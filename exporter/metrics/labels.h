// The labels of a family's series: append-only, written by one thread, read by all who hold a snapshot.
//
// A series' labels never change, so snapshots copy none. They take the chunks that are there and look at no more series
// than there were: entries and texts of a chunk never move, what is written later lies elsewhere, and handing a
// snapshot to another thread orders what was written before it. Texts are packed: a series of two short labels weighs
// about 40 bytes here, and a list of four about 300, since each of many guests has some lists.
#pragma once

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/hash.h"

namespace qte::metrics {

// Name and value, in the order of exposition.
using Labels = std::vector<std::pair<std::string, std::string>>;

// Texts that lie one behind the other, each with its size before it: a range of string_views.
class LabelValues {
 public:
  class Iterator {
   public:
    using iterator_category = std::input_iterator_tag;
    using value_type = std::string_view;
    using difference_type = std::ptrdiff_t;
    using pointer = const std::string_view*;
    using reference = std::string_view;

    Iterator() = default;
    Iterator(const char* at, size_t left) : at_(at), left_(left) {}
    std::string_view operator*() const { return {at_ + sizeof(uint32_t), Load32(at_)}; }
    Iterator& operator++() {
      at_ += sizeof(uint32_t) + Load32(at_);
      --left_;
      return *this;
    }
    Iterator operator++(int) {
      Iterator before = *this;
      ++*this;
      return before;
    }
    // Of one range.
    bool operator==(const Iterator& other) const { return left_ == other.left_; }

   private:
    const char* at_ = nullptr;
    size_t left_ = 0;
  };

  LabelValues() = default;
  LabelValues(const char* at, size_t size) : at_(at), size_(size) {}

  size_t size() const { return size_; }
  Iterator begin() const { return {at_, size_}; }
  Iterator end() const { return {nullptr, 0}; }
  // Walks there.
  std::string_view operator[](size_t index) const { return *std::next(begin(), static_cast<std::ptrdiff_t>(index)); }

 private:
  const char* at_ = nullptr;
  size_t size_ = 0;
};

// The labels of a run of series and when each was made, linked to the runs before it, each as large as all before it
// together.
class LabelChunk {
 public:
  LabelChunk(std::shared_ptr<const LabelChunk> before, size_t begin);

  size_t end() const { return begin_ + capacity_; }
  void Set(size_t series, std::span<const std::string_view> values, uint32_t made_at);
  // The packed texts of a series of this chunk or of one before; right before them, as a uint32_t, when it was made.
  const char* At(size_t series) const {
    const LabelChunk* chunk = this;
    while (series < chunk->begin_) chunk = chunk->before_.get();
    return chunk->texts_[series - chunk->begin_];
  }
  uint32_t MadeAt(size_t series) const { return Load32(At(series) - sizeof(uint32_t)); }

 private:
  static constexpr size_t kFirstCapacity = 4;
  char* Allocate(size_t size);

  const std::shared_ptr<const LabelChunk> before_;
  const size_t begin_;  // its first series
  const size_t capacity_;
  const std::unique_ptr<const char*[]> texts_;
  // Of the writer: blocks of texts, each twice as large as the one before.
  std::vector<std::unique_ptr<char[]>> blocks_;
  char* free_ = nullptr;
  size_t left_ = 0;
};

class SharedLabels;

// The order of series by their labels, found by whoever needs it and kept, since it only grows. Any thread.
class LabelOrder {
 public:
  std::shared_ptr<const std::vector<uint32_t>> Get(const SharedLabels& labels);

 private:
  std::mutex mutex_;
  std::shared_ptr<const std::vector<uint32_t>> known_;  // guarded by mutex_
};

// What a snapshot has of a LabelList.
class SharedLabels {
 public:
  size_t size() const { return size_; }
  // Valid as long as these labels.
  LabelValues operator[](size_t series) const { return {last_->At(series), width_}; }
  // In seconds since the epoch; 0 where nobody knows.
  uint32_t MadeAt(size_t series) const { return last_->MadeAt(series); }
  // All series in the order of their labels, so that two scrapes of one state are one text.
  std::shared_ptr<const std::vector<uint32_t>> Sorted() const;

 private:
  friend class LabelList;
  size_t width_ = 0;
  size_t size_ = 0;
  std::shared_ptr<const LabelChunk> last_;
  std::shared_ptr<LabelOrder> order_;  // null while there are few
};

class LabelList {
 public:
  // Each series has `width` values.
  explicit LabelList(size_t width) : width_(width) {}
  LabelList(LabelList&&) = default;
  LabelList& operator=(LabelList&&) = default;
  LabelList(const LabelList&) = delete;  // two would append to one chunk
  LabelList& operator=(const LabelList&) = delete;

  size_t size() const { return size_; }
  LabelValues operator[](size_t series) const { return {last_->At(series), width_}; }
  uint32_t MadeAt(size_t series) const { return last_->MadeAt(series); }
  void Append(std::span<const std::string_view> values, uint32_t made_at = 0);
  SharedLabels Share() const;

 private:
  size_t width_;
  size_t size_ = 0;
  std::shared_ptr<LabelChunk> last_;
  std::shared_ptr<LabelOrder> order_;
};

}  // namespace qte::metrics
