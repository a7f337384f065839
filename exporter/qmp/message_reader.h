// Splits what a QMP peer sends into JSON objects, byte by byte, within a bound of memory.
//
// A message ends where its braces are balanced, so it may stand on one line or on several (QEMU's pretty=on). The
// exporter needs nothing that lies deeper than the image of a drive in the answer to query-block. The reader replaces
// each deeper object or array by null before it is stored: chains of backing images and hostile nesting cost no memory,
// and what is parsed is never deep.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace qte::qmp {

class MessageReader {
 public:
  // What a stored message may cost: its bytes, and kValueCost for each value, which is what parsing adds at most. The
  // answer to query-block costs about 4 KiB a disk.
  static constexpr size_t kMostCost = size_t{2} << 20;
  static constexpr size_t kValueCost = 64;

  enum class State {
    kMore,      // the message goes on
    kWhole,     // text() is a message; Reset() before the next byte
    kNoObject,  // a message must begin with a brace
    kTooLong,
  };
  State Add(char c);
  void Reset();

  std::string_view text() const { return text_; }
  size_t cost() const { return cost_; }

 private:
  static constexpr size_t kDeepest = 5;  // {"return": [{"inserted": {"image": {...}}}]}

  State AddToString(char c);
  void Keep(std::string_view text);

  std::string text_;
  size_t cost_ = 0;
  size_t depth_ = 0;
  bool in_string_ = false;
  bool is_escaped_ = false;
};

}  // namespace qte::qmp
