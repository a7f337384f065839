// The first lines of a log: whether most of them could be read, and what they look like if not.
//
// It sees batches with the counts after each, so that no line pays for it, and is done after about 1,000 lines.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "guests/own_counts.h"

namespace qte::guests {

class FirstLines {
 public:
  bool is_told() const { return is_told_; }
  bool is_over() const { return lines_ >= kEnough; }
  // `lines` and `unread` are what the batch has added.
  void Add(std::string_view batch, uint64_t lines, const UnparsedCounts& unread);

  enum class Input { kGoesOn, kHasEnded };
  // What to tell a user about the log, once. While input goes on, few lines of no known kind are no reason to speak.
  std::optional<std::string> Take(Input input);

 private:
  static constexpr uint64_t kEnough = 1000;

  std::string Reason() const;

  uint64_t lines_ = 0;
  UnparsedCounts unread_{};
  std::string sample_;  // the start of the first batch of which most was not read
  bool has_sample_ = false;
  uint64_t lines_at_look_ = 0;
  bool is_told_ = false;
};

}  // namespace qte::guests
