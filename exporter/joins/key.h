// What joins events: the values of some arguments as one byte string.
//
// Numbers are keyed by value, not by text, so that a tag printed as 16 and as 0x10 is the same tag.
#pragma once

#include <string>
#include <string_view>

#include "trace/value.h"

namespace qte::joins {

class KeyBuilder {
 public:
  void Clear() { bytes_.clear(); }

  void Add(const trace::Value& value) {
    if (value.is_number()) {
      bytes_ += 'n';
      bytes_.append(reinterpret_cast<const char*>(&value.bits), sizeof value.bits);
    } else if (value.has_value()) {
      bytes_ += 't';
      bytes_.append(reinterpret_cast<const char*>(&value.size), sizeof value.size);
      bytes_.append(value.text());
    } else {
      bytes_ += 'm';
    }
  }

  // Valid until the next call.
  std::string_view key() const { return bytes_; }

 private:
  std::string bytes_;  // keeps its capacity, so that no key allocates once warm
};

}  // namespace qte::joins
