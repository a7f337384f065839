// Passes the bytes of one recorded log to its guest and shows each line to a callback first. `backfill` needs this: the
// time of a line decides whether a sample is due before the guest reads the line.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "guests/guests.h"
#include "trace/line_opener.h"

namespace qte::commands {

class LineFeed {
 public:
  // Gets each line without its envelope. HandOnBefore invalidates the texts, so read them first.
  using Look = std::function<void(std::span<const trace::LineOpener::Opened>)>;

  LineFeed(guests::Guests& guests, Look look) : guests_(guests), look_(std::move(look)), opener_(NewOpener()) {}

  // Starts a new file.
  void Open(trace::LineOpener::Pin envelope);
  // Passes on whole lines only, because the callback must see a line before the guest does.
  void OnBytes(source::StreamId id, std::string_view bytes);
  void OnEnd(source::StreamId id);
  // Call this within Look: the guest then reads all lines before the current one.
  void HandOnBefore();

 private:
  static constexpr size_t kLongestHeld = 1 << 20;

  trace::LineOpener NewOpener() const { return trace::LineOpener(guests_.common().program->limits.max_line_bytes); }
  void HandOn(source::StreamId id, size_t size);

  guests::Guests& guests_;
  const Look look_;
  trace::LineOpener opener_;
  std::string text_;  // bytes not passed on yet
  source::StreamId id_ = 0;
  size_t handed_ = 0;  // bytes of text_ already passed on during Look
  size_t line_ = 0;    // where the current line begins in text_
};

}  // namespace qte::commands
