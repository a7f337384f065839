// A printf format compiled into a reader of what it printed.
//
//   FormatReader reader = *FormatReader::Compile(declaration);   // "%s %02x:%02x.%x @0x%x -> 0x%x"
//   reader.SelectArguments(slots);                              // which arguments are wanted, and where to
//   if (reader.Read("i440FX 00:00.0 @0x0 -> 0x12378086", values)) ...
//
// Reading is strict: the whole text must be what the format can print, so a torn line never passes for a whole one.
// No regex, no allocation, and time linear in the text but for formats with several strings, where it is at worst the
// text's length times the piece between two strings: a %s ends at the first place from which the piece up to the next
// %s fits, as in a glob pattern, and only the latest %s is ever tried again.
//
// What a format cannot tell is settled so: two strings with nothing between give all to the last one; a number takes
// all the digits there are; a format that holds a newline is read up to it, since its rest is on the next line.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "trace/declaration.h"
#include "trace/value.h"

namespace qte::trace {

class FormatReader {
 public:
  static constexpr uint8_t kSkip = 0xff;

  // Fails on a conversion it does not know or on more conversions than arguments.
  static Result<FormatReader> Compile(const Declaration& declaration);

  // slots[i] is where argument i goes in the values of Read, or kSkip. Without a call nothing is stored.
  void SelectArguments(std::span<const uint8_t> slots);

  // Reads `text` (a line after the event's name and one blank) into values[slot] of every selected argument. False if
  // it does not fit; values are then undefined.
  bool Read(std::string_view text, Value* values) const;

  // How far into `text` the format fitted before it failed, for messages: the offset of the byte that is wrong.
  size_t FirstMismatch(std::string_view text) const;

  // False for an argument that is never printed (the width of %*d, or what follows a newline).
  bool Prints(size_t argument) const;

 private:
  enum class Conversion : uint8_t { kUnsigned, kSigned, kHex, kOctal, kPointer, kChar, kReal, kString };

  // One conversion and the literal that follows it.
  struct Step {
    Conversion conversion = Conversion::kString;
    uint8_t slot = kSkip;
    uint8_t argument = 0;
    uint8_t pad_left = 0;      // at most so many blanks before
    uint8_t width = 0;         // total width to which blanks follow ("%-10s")
    uint8_t exact_digits = 0;  // of a number that stands right before another number
    uint16_t literal_at = 0;
    uint16_t literal_size = 0;
  };

  struct Spec;
  static Result<Spec> ParseSpec(std::string_view format, size_t& at);
  Status AddConversion(const Spec& spec, size_t& argument, size_t arguments);
  template <bool kTrack>
  bool Match(std::string_view text, Value* values, size_t* furthest) const;
  static bool ReadNumber(const Step& step, const char*& p, const char* end, Value& value);
  static bool ReadConversion(const Step& step, const char*& p, const char* end, Value& value);
  bool SkipLiteral(const Step& step, const char*& p, const char* end) const;
  const char* FindLiteral(const Step& step, const char* from, const char* end) const;

  std::string head_;      // literal before the first conversion
  std::string literals_;  // all others, end to end
  std::vector<Step> steps_;
};

}  // namespace qte::trace
