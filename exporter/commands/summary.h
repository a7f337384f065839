// The last line of a command that has read lines:
//   1,204 lines: 1,100 events (12 kinds), 104 not read: 100 not_an_event, 4 format_mismatch
#pragma once

#include <array>
#include <cstdint>
#include <set>
#include <string>

#include "guests/guests.h"

namespace qte::commands {

class Summary {
 public:
  // Adds what these guests have read.
  void Add(const guests::Guests& guests);

  uint64_t lines() const;
  uint64_t unread() const;
  // More than half of the lines were not read.
  bool is_mostly_unread() const { return unread() * 2 > lines(); }
  std::string Text() const;

 private:
  uint64_t lines_ = 0;     // those that end
  uint64_t declared_ = 0;  // lines that begin with the name of a declared event
  std::set<std::string> kinds_;
  std::array<uint64_t, guests::kUnparsedReasons> unparsed_{};
};

}  // namespace qte::commands
