// A printf format compiled into a reader of what it printed.
//
//   FormatReader reader = *FormatReader::Compile(declaration);   // "%s %02x:%02x.%x @0x%x -> 0x%x"
//   reader.SelectArguments(selected);                           // which arguments are wanted, as what, and where to
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

struct FormatSpec;

// What is wanted of an argument: its text alone, as labels do, or also the number that it makes. For a text, the
// bits of a value are undefined, even if it is a number.
enum class ArgumentUse : uint8_t { kText, kNumber };

class FormatReader {
 public:
  static constexpr uint8_t kSkip = 0xff;

  // Fails on a conversion it does not know or on more conversions than arguments.
  static Result<FormatReader> Compile(const Declaration& declaration);

  // What is wanted of an argument: `slot` is where it goes in the values of Read, or kSkip.
  struct Selected {
    uint8_t slot = kSkip;
    ArgumentUse use = ArgumentUse::kNumber;
  };
  // selected[i] is of argument i. Without a call nothing is stored.
  void SelectArguments(std::span<const Selected> selected);

  // Reads `text` (a line after the event's name and one blank) into values[slot] of every selected argument. False if
  // it does not fit; values are then undefined. Behind the text stands a byte that no format prints, a newline or NUL,
  // and kScanPadding (base/scan.h) bytes are readable: so the end of the text needs no look at every step.
  bool Read(std::string_view text, Value* values) const;

  // How far into `text`, padded as for Read, the format fitted before it failed: the offset of the byte that is wrong.
  size_t FirstMismatch(std::string_view text) const;

  // False for an argument that is never printed (the width of %*d, or what follows a newline).
  bool Prints(size_t argument) const;

 private:
  enum class Conversion : uint8_t { kUnsigned, kSigned, kHex, kOctal, kPointer, kChar, kReal, kString };

  // What a step does before its literal. A plain number has nothing around it, as nearly all have: no padding, no
  // width. Those that no rule asks for are stepped over.
  enum class Op : uint8_t {
    kLiteral,  // nothing: one more piece of a literal
    kHex,
    kTextOfHex,
    kSkipHex,
    kPointer,
    kTextOfPointer,
    kSkipPointer,
    kUnsigned,
    kTextOfUnsigned,
    kSkipUnsigned,
    kSigned,
    kTextOfSigned,
    kSkipSigned,
    kOther,   // any conversion but a string
    kString,  // up to its literal
    kRest,    // a string that nothing follows
    kEnd,     // of the format: the text must end here as well
  };

  // One conversion and the literal that follows it, up to eight bytes of it, which are compared as one word.
  struct Step {
    uint64_t literal = 0;
    uint64_t mask = 0;  // of the literal's bytes
    uint8_t literal_size = 0;
    Op op = Op::kLiteral;
    uint8_t slot = kSkip;
    ArgumentUse use = ArgumentUse::kNumber;
    Conversion conversion = Conversion::kString;
    uint8_t argument = kSkip;  // kSkip: the step has no conversion
    uint8_t pad_left = 0;      // at most so many blanks before
    uint8_t width = 0;         // total width to which blanks follow ("%-10s")
    uint8_t exact_digits = 0;  // of a number that stands right before another number
    bool has_base = false;     // "%#x"

    bool is_conversion() const { return argument != kSkip; }
    bool is_number() const { return is_conversion() && conversion < Conversion::kChar; }
  };

  Status AddConversion(const FormatSpec& spec, size_t& argument, size_t arguments);
  void AddLiteral(char c);
  void Finish();
  Op OpOf(size_t step) const;

  struct Cursor;
  template <bool kTrack>
  bool Match(std::string_view text, Value* values, size_t* furthest) const;
  static bool Take(const Step& step, Cursor& at, Value* values);
  static bool ReadString(const Step& step, Cursor& at, Value* values);
  enum class Wanted : uint8_t { kNothing, kText, kNumber };
  template <Conversion kConversion, Wanted kWanted>
  static bool ReadPlain(const Step& step, const char*& p, const char* end, Value* values);
  static bool ReadOther(const Step& step, const char*& p, const char* end, Value* values);
  static bool ReadConversion(const Step& step, const char*& p, const char* end, Value& value);
  static bool ReadNumber(const Step& step, const char*& p, const char* end, Value& value);
  static bool HasLiteral(const Step& step, const char* p);
  static const char* FindLiteral(const Step& step, const char* from, const char* end);
  static size_t Offset(std::string_view text, const Step& step, const char* p, bool is_in_literal);

  std::vector<Step> steps_;
};

}  // namespace qte::trace
