// The last line that a command prints about the lines it read:
//   1,204 lines: 1,100 events (12 kinds), 104 not read: 100 not_an_event, 4 format_mismatch; QEMU dropped 7 events
#pragma once

#include <array>
#include <cstdint>
#include <set>
#include <string>

#include "guests/guests.h"

namespace qte::commands {

// "QEMU dropped 7 events"
std::string DroppedText(uint64_t events);

class Summary {
 public:
  // Adds the counts of these guests.
  void Add(const guests::Guests& guests);
  // Adds events that QEMU could not store, so no line shows them.
  void AddDropped(uint64_t events) { dropped_ += events; }

  uint64_t lines() const;
  uint64_t unread() const;
  // True if more than half of the lines were not read.
  bool is_mostly_unread() const { return unread() * 2 > lines(); }
  std::string Text() const;

 private:
  std::string ReasonsText() const;

  uint64_t lines_ = 0;     // complete lines
  uint64_t declared_ = 0;  // lines that begin with the name of a declared event
  uint64_t dropped_ = 0;
  bool has_match_rules_ = false;
  std::set<std::string> kinds_;
  std::array<uint64_t, guests::kUnparsedReasons> unparsed_{};
};

}  // namespace qte::commands
