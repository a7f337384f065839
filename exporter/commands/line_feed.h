// The bytes of one recorded log on their way to its guest, which others may look at line by line: what a line tells
// decides what is to be done before the guest reads it.
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
  // Gets each line as its event has it. The texts are gone after HandOnBefore, so read them first.
  using Look = std::function<void(std::span<const trace::LineOpener::Opened>)>;

  LineFeed(guests::Guests& guests, Look look) : guests_(guests), look_(std::move(look)), opener_(NewOpener()) {}

  // A file begins.
  void Open(trace::LineOpener::Pin envelope);
  // Lines are handed on whole, as what follows them may be looked at first.
  void OnBytes(source::StreamId id, std::string_view bytes);
  void OnEnd(source::StreamId id);
  // Within Look: the guest reads all lines before this one.
  void HandOnBefore();

 private:
  static constexpr size_t kLongestHeld = 1 << 20;

  trace::LineOpener NewOpener() const { return trace::LineOpener(guests_.common().program->limits.max_line_bytes); }
  void HandOn(source::StreamId id, size_t size);

  guests::Guests& guests_;
  const Look look_;
  trace::LineOpener opener_;
  std::string text_;  // not handed on yet
  source::StreamId id_ = 0;
  size_t handed_ = 0;  // of text_, while it is looked at
  size_t line_ = 0;    // where the line begins that is looked at
};

}  // namespace qte::commands
