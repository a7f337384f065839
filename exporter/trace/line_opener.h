// The step between the bytes of a line and its prefix: out comes the line as QEMU would have written it.
//
// In: the lines of one log, one by one. Text is cleaned (text_cleaner.h), envelopes are taken off, one within another
// as well (envelope.h), parts of a line are joined, and what stands before an event that its own prefix proves is
// dropped. Where an event has no time of its own, the time of the innermost wrapper that has one is put before it as a
// prefix.
//
// Envelopes need no announcement. One that other text may look like (a name, a date) counts once it held an event of
// this log. Lines may change from one to another, and back.
//
// A log of plain lines need not be opened line by line: must_open() is true for the first lines of a log and for some
// behind each that was wrapped or dirty. Between those, only lines that cannot be read as they stand are opened.
// Nothing that comes of an event depends on which lines these are, but for text arguments that hold a CR or escape
// sequences from the middle of a clean log on.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "trace/envelope.h"
#include "trace/event_name.h"
#include "trace/name_table.h"
#include "trace/prefix.h"
#include "trace/text_cleaner.h"

namespace qte::trace {

class LineOpener {
 public:
  static constexpr size_t kMostLayers = 4;
  static constexpr uint32_t kLinesToOpen = 100;  // of a log that is new

  // The envelope that the config names: no other is looked for. kNone: every line is read as it stands.
  using Pin = std::optional<Envelope>;

  struct Opened {
    enum class Kind : uint8_t {
      kLine,
      kTooLong,    // parts that make a line over the limit
      kTornParts,  // parts whose end never came
    };
    Kind kind = Kind::kLine;
    std::string_view line;    // kChunkPadding bytes behind it are readable, the first of which no format prints
    bool is_event = false;    // as IsEventLine
    bool has_prefix = false;  // the line's own
    size_t layers = 0;
    std::array<Envelope, kMostLayers> envelopes{};  // the outermost first
    WrapperTime time;                               // of the innermost that has one
    uint64_t thread = 0;                            // QEMU's, where an envelope tells it
  };

  explicit LineOpener(size_t max_line_bytes) : max_line_bytes_(max_line_bytes) {}

  void Use(Pin pin);
  bool must_open() const { return lines_to_open_ != 0; }
  // The next lines may be others than before.
  void LookAgain();

  // None for a part of a line, two where the parts before it were a line. Their texts are valid until the next call by
  // this thread, of any such object. `line` has kChunkPadding readable bytes behind it.
  std::span<const Opened> Open(std::string_view line, const NameTable& declared);
  // No line will follow: hands on what parts there are.
  std::span<const Opened> Finish(const NameTable& declared);

  // The text of a line, cleaned. As valid.
  std::string_view Clean(std::string_view line);
  // Where an event begins behind other text; 0 if there is none.
  size_t FindBehind(std::string_view text, const NameTable& declared) const;

  // Microseconds since the epoch.
  std::optional<int64_t> TimeOf(const Opened& opened) { return work().times.Microseconds(opened.time); }

  // What continues over a restart.
  struct Part {
    std::string text;  // empty: none
    std::string time;
    WrapperTime::Kind time_kind = WrapperTime::Kind::kNone;
    Envelope envelope = Envelope::kNone;
    bool is_too_long = false;

    bool is_there() const { return envelope != Envelope::kNone; }
  };
  struct State {
    uint32_t seen = 0;  // envelopes that held an event, a bit each
    uint32_t lines_to_open = 0;
    bool has_whole_records = false;  // Docker's records without a newline are whole lines
    std::array<Part, 2> parts;       // of standard output and standard error
  };
  // A bit for each envelope that held an event.
  uint32_t seen() const { return seen_; }
  State TakeState() const { return {seen_, lines_to_open_, has_whole_records_, parts_}; }
  void Resume(State state);

 private:
  // How a line was taken apart: texts[i] is what is left under i layers.
  struct Layers {
    size_t count = 0;
    std::array<Peeled, kMostLayers> peeled;
    std::array<std::string_view, kMostLayers + 1> texts;
    bool is_event = false;
    bool is_part = false;
    bool is_too_long = false;
  };

  // What a call works with: of no use to the next one, so all logs of a thread share it.
  struct Work {
    std::array<TextCleaner, kMostLayers + 1> cleaners;
    std::array<std::string, kMostLayers> unescaped;
    std::string joined;
    TimeReader times;
    std::array<Opened, 3> opened;
    std::array<Part, 3> handed_on;     // what `opened` points to
    std::array<std::string, 3> lines;  // as well
    size_t count = 0;                  // of `opened`
  };
  static Work& work() {
    thread_local Work work;
    return work;
  }

  void TakeApart(std::string_view text, const NameTable& declared, Layers& layers);
  bool Join(Layers& layers, const NameTable& declared);
  void Keep(Part& part, const Peeled& peeled, std::string_view text) const;
  void HandOn(Part& part, const NameTable& declared);
  void HandOn(const Layers& layers, const NameTable& declared);
  void PutTime(Opened& opened);
  bool WritePrefix(const Opened& opened, std::string& line);
  bool Knows(Envelope envelope) const { return (seen_ >> static_cast<unsigned>(envelope) & 1) != 0; }

  size_t max_line_bytes_;
  Pin pin_;
  uint32_t seen_ = 0;
  uint32_t lines_to_open_ = kLinesToOpen;
  bool has_whole_records_ = false;
  std::array<Part, 2> parts_;
  bool is_big_endian_ = false;  // see TextCleaner
};

}  // namespace qte::trace
