// The key of SeriesCache: the arguments of a label set as one text and one 64-bit word.
//
// Most labels show one argument, or arguments that are adjacent in the line. The key then refers to that part of the
// line, including the characters between the arguments, and copies nothing. The word has the size and position of each
// argument, so that ("a b", "") and ("a", "b") differ. If the sizes and positions do not fit into the word, the key is
// a copy of the arguments, preceded by their sizes.
//
//   bits 0 to 2    of an argument: 1 + the number of bytes since the previous argument; 0 if the argument is missing
//   bits 3 to 9    its size
//   ...            the same for each further argument
//   bit 63         the sizes are in the text
#pragma once

#include <cstdint>
#include <cstring>
#include <string_view>
#include <vector>

#include "trace/value.h"

namespace qte::rules {

struct SeriesKey {
  uint64_t shape = 0;
  std::string_view text;
};

class SeriesKeyBuilder {
 public:
  // Begins a key. Arguments that point into `line` need not be copied.
  void Begin(std::string_view line) {
    line_ = line;
    key_ = {};
    shift_ = 0;
    copied_ = 0;
    if (line.data() != nullptr) return;
    key_.shape = uint64_t{1} << kCopies;  // all arguments must be copied
    shift_ = kCopies;
  }

  void Add(const trace::Value& value) {
    if (shift_ == kCopies || !AddInPlace(value)) AddCopy(InputOf(value));
  }
  // The same, if no argument points into a line.
  void AddDerived(const trace::Value& value) { AppendSized(InputOf(value)); }
  // Adds a text that is not an argument.
  void AddCopy(std::string_view text) {
    if (shift_ != kCopies) StartCopies();
    AppendSized(text);
  }

  // Valid until the next Begin, and while the line is valid.
  SeriesKey Finish() {
    if (shift_ == kCopies) key_.text = {copies_.data(), copied_};
    return key_;
  }

 private:
  static constexpr unsigned kArgumentBits = 10;
  static constexpr unsigned kGapBits = 3;
  static constexpr size_t kMostSize = (size_t{1} << (kArgumentBits - kGapBits)) - 1;
  static constexpr size_t kMostGap = (size_t{1} << kGapBits) - 2;
  static constexpr unsigned kMostShift = 5 * kArgumentBits;  // six arguments
  static constexpr unsigned kCopies = 63;

  // The text of an argument, or the bits of a derived number, which has no text.
  static std::string_view InputOf(const trace::Value& value) {
    if (!value.has_value()) return {};
    if (value.data != nullptr) return value.text();
    return {reinterpret_cast<const char*>(&value.bits), sizeof value.bits};
  }

  bool AddInPlace(const trace::Value& value) {
    if (shift_ > kMostShift || value.size > kMostSize) return false;
    if (!value.has_value()) {
      shift_ += kArgumentBits;
      return true;
    }
    bool is_in_line = reinterpret_cast<uintptr_t>(value.data) - reinterpret_cast<uintptr_t>(line_.data()) < line_.size();
    if (!is_in_line) return false;
    size_t gap = 0;
    if (key_.text.empty()) {
      key_.text = value.text();
    } else {
      gap = static_cast<size_t>(value.data - (key_.text.data() + key_.text.size()));
      if (gap > kMostGap) return false;  // also true for an argument that comes earlier, because the gap is unsigned
      key_.text = {key_.text.data(), key_.text.size() + gap + value.size};
    }
    key_.shape |= static_cast<uint64_t>(value.size << kGapBits | (gap + 1)) << shift_;
    shift_ += kArgumentBits;
    return true;
  }

  // Starts the copy with the part of the line collected so far, and its shape.
  void StartCopies() {
    const std::string_view shape(reinterpret_cast<const char*>(&key_.shape), sizeof key_.shape);
    AppendSized(shape);
    AppendSized(key_.text);
    key_.shape = uint64_t{1} << kCopies;
    shift_ = kCopies;
  }
  // Distinguishes a missing text (null) from an empty one.
  void AppendSized(std::string_view text) {
    uint32_t size = text.data() == nullptr ? UINT32_MAX : static_cast<uint32_t>(text.size());
    const size_t end = copied_ + sizeof size + text.size();
    if (copies_.size() < end) [[unlikely]] copies_.resize(2 * end);
    char* at = copies_.data() + copied_;
    std::memcpy(at, &size, sizeof size);
    if (!text.empty()) std::memcpy(at + sizeof size, text.data(), text.size());
    copied_ = end;
  }

  std::string_view line_;
  SeriesKey key_;
  unsigned shift_ = 0;
  std::vector<char> copies_;  // the first `copied_` bytes; not a std::string, whose append is slow for short pieces
  size_t copied_ = 0;
};

}  // namespace qte::rules
