// Chunks cut anywhere in, whole lines out.
//
// A line is handed on as a view into the chunk; only a line that crosses a chunk's border is copied, once. A line
// longer than `max_line_bytes` is skipped to its newline and counted. What the splitter reports does not depend on
// where chunks are cut. A chunk has kReadPadding readable bytes behind it, and so has a line, which comes without its
// newline.
#pragma once

#include <string>
#include <string_view>

#include "base/scan.h"
#include "source/receiver.h"

namespace qte::source {

static_assert(kReadPadding >= kChunkPadding);

class LineSplitter {
 public:
  explicit LineSplitter(size_t max_line_bytes) : max_line_bytes_(max_line_bytes) {}

  // Calls on_line(std::string_view) for each whole line and on_too_long() for each line over the limit, in order.
  template <class OnLine, class OnTooLong>
  void Feed(std::string_view chunk, OnLine&& on_line, OnTooLong&& on_too_long) {
    const char* p = chunk.data();
    const char* const end = p + chunk.size();
    PlacesOf newlines('\n', chunk);
    while (const char* newline = newlines.Next()) {
      std::string_view line(p, static_cast<size_t>(newline - p));
      p = newline + 1;
      if (!held_.empty() || skipping_) {
        Hold(line);
        if (skipping_) {
          on_too_long();
        } else {
          held_.append(kReadPadding, '\0');
          on_line(std::string_view(held_).substr(0, held_.size() - kReadPadding));
        }
        Drop();
      } else if (line.size() > max_line_bytes_) {
        on_too_long();
      } else {
        on_line(line);
      }
    }
    if (p != end) Hold({p, static_cast<size_t>(end - p)});
  }

  // Forgets the unfinished line; true if there was one.
  bool Drop() {
    bool had_line = has_partial();
    held_.clear();
    skipping_ = false;
    return had_line;
  }

  // Goes on in the middle of a line: with what came of it, or inside one that is too long.
  void Resume(std::string_view partial, bool skipping) {
    held_ = partial;
    skipping_ = skipping;
  }

  bool skipping() const { return skipping_; }
  bool has_partial() const { return skipping_ || !held_.empty(); }
  // The unfinished line so far; empty while a line that is too long is skipped.
  std::string_view partial() const { return held_; }

 private:
  void Hold(std::string_view piece) {
    if (skipping_) return;
    if (held_.size() + piece.size() > max_line_bytes_) {
      skipping_ = true;
      held_.clear();
      held_.shrink_to_fit();
      return;
    }
    held_.append(piece);
  }

  size_t max_line_bytes_;
  std::string held_;
  bool skipping_ = false;  // inside a line that is too long
};

}  // namespace qte::source
