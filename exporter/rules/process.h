// What one QEMU process has told so far: learned names, open spans, decoders, and the way from arguments to series. Takes
// events in the order of its log, or logs, and moves the series of its guest.
//
// The thread at work on the guest owns the process. On lines of known events nothing is allocated once warm.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "decoders/decoder.h"
#include "joins/key.h"
#include "joins/lookup_table.h"
#include "joins/span_table.h"
#include "metrics/families.h"
#include "rules/label_sets.h"
#include "rules/lookups.h"
#include "rules/program.h"
#include "trace/prefix.h"
#include "trace/value.h"

namespace qte::rules {

enum class Outcome {
  kDone,
  kNotTaken,        // a text that no `match` rule takes
  kFormatMismatch,  // no known format of the event fits the line
  kNegativeValue,   // a counter's value was below zero; the rest of the line was used
  kNotANumber,      // a value was none, or not a finite one; the rest of the line was used
};

// A read of nothing at an offset between two sectors that no guest makes: the line that shows it tells the backend and
// the node of the drive that QEMU says this of.
struct DriveProbe {
  int64_t offset = 0;
  std::string file;
  std::string format = {};
  std::string name = {};
  std::string qdev = {};
  std::string serial = {};
  bool is_read_only = false;
};

// The bytes that are being worked on, and where they come from.
struct Batch {
  std::string_view bytes;
  uint32_t log = 0;
  uint64_t offset = 0;            // of its first byte
  const char* at = nullptr;       // in the line that a derived event comes from, or in a copy of what an envelope held
  const char* wrapped = nullptr;  // in the latest line that was in an envelope
};

// Values at work: of no use between two lines, so all processes of a thread share them.
struct Scratch {
  Batch batch;
  Values values;   // of the line
  Values derived;  // of the derived event it led to
  Values spans;
};

// A line that is a trace event, whole and in parts.
struct EventLine {
  std::string_view line;
  trace::Prefix prefix;
  std::string_view arguments;  // after the name and its blank
};

class Process final : private decoders::Sink {
 public:
  Process(std::shared_ptr<const Program> program, metrics::Families& families, Scratch& scratch);

  // The thread that goes on with it has another scratch.
  void Use(Scratch& scratch) { scratch_ = &scratch; }

  // One line of an event that some rule uses: `line` whole, `prefix` of it, `arguments` after the name and its blank.
  Outcome OnEvent(uint32_t plan, std::string_view line, const trace::Prefix& prefix, std::string_view arguments);

  // What a line in doubt says about the process that wrote it, before OnEvent. `plan` is kNone where no rule uses the
  // event; `is_first` is true for the first event since the doubt arose. QEMU opens images in its main thread, and its
  // nodes lie in the main thread's heap, which is elsewhere in each process.
  enum class Sign { kUnclear, kSame, kAnother };
  Sign SignOf(uint32_t plan, const EventLine& event, bool is_first);

  // Whether some known format of the event fits these arguments.
  bool Fits(uint32_t plan, std::string_view arguments) { return Read(program_->plans[plan], arguments, scratch_->values); }

  // A line that is no trace event.
  Outcome OnText(std::string_view text) { return program_->matches.empty() ? Outcome::kNotTaken : MatchText(text); }

  // Adds every open span, and what decoders have open, to the gauges that show what is in flight.
  void CountInFlight();

  // Whether something that learns names of disks does not know this drive.
  bool LacksDrive(const DriveProbe& drive) const;
  // These reads will be seen: their lines tell which drive is which, and do nothing else. Replaces what was expected
  // before.
  void Expect(std::vector<DriveProbe> probes) { probes_ = std::move(probes); }

  // The QEMU process has ended, or another one has begun: forgets all that it told.
  void Restart();

  // The families' series are others, or fewer: looks all of them up again. Those that exist at 0 from the start are
  // made.
  void RenewSeries();
  // As RenewSeries, but makes none before an event asks for it.
  void ForgetSeries() { label_sets_.Forget(); }

  // What was learned and what is open, for a checkpoint; and back. State of a definition that is not this program's is
  // left out. Restore throws where the JSON is not what Save makes; the stream is then good for nothing but Restart.
  nlohmann::json Save() const;
  void Restore(const nlohmann::json& state);

  // Takes over what `old`, the same process under another Program, has learned, as far as its definition is unchanged.
  void Adopt(Process&& old);

  size_t open_spans(size_t span) const { return spans_[span].open(); }
  uint64_t abandoned_spans(size_t span) const { return spans_[span].abandoned(); }
  // Null before its first event.
  const decoders::Decoder* decoder(size_t index) const { return decoders_[index].get(); }
  const joins::LookupTable& lookup(size_t index) const { return lookups_.tables()[index]; }
  // The name that a lookup has for a key, be it learned or given by the config; null if it has none.
  const std::string* NameOf(size_t lookup, std::string_view key) const { return lookups_.NameOf(lookup, key); }
  const joins::SpanTable& span(size_t index) const { return spans_[index]; }
  const Program& program() const { return *program_; }
  // True once a line lacked the timestamp that a duration needs.
  bool lacks_time() const { return lacks_time_; }

 private:
  // Of the event at work: what spans and decoders need beside its values.
  struct Origin {
    int64_t time_us = joins::kNoTime;
    uint64_t thread = decoders::kNoThread;
  };

  // Whether a decoder is asked for what is in flight: to add it up, or only so that its series exist.
  enum class Asked { kNothing, kSeries, kCounts };

  class FirstEvent;

  void FeedDecoders();
  decoders::Decoder& DecoderAt(size_t index);
  std::unique_ptr<decoders::Decoder> MakeDecoder(size_t index) const;
  void MakeForeseeableSeries();
  void NoteImage(std::string_view line, const trace::Prefix& prefix);
  bool TakeProbe();
  bool Read(const EventPlan& plan, std::string_view arguments, Values& values);
  Origin OriginOf(const EventPlan& plan, std::string_view line, const trace::Prefix& prefix);
  void FeedSpan(const SpanFeed& feed, const Values& values, int64_t time_us);
  template <class Visit>
  void ForEachInFlight(const SpanPlan& plan, std::span<const trace::Value> saved, Visit&& visit);
  void FeedDecoder(const DecoderFeed& feed, const Values& values, const Origin& origin);
  void Emit(size_t which, std::span<const trace::Value> args) override;
  void AskDecoders(Asked what);
  void AddInFlight(const RulePlan& rule, const Values& values);
  metrics::Exemplar ExemplarOf(double value) const;
  void RunDerived(uint32_t plan);

  Outcome MatchText(std::string_view text);
  void RunRules(std::span<const RulePlan> rules, const Values& values);
  void RunRule(const RulePlan& rule, const Values& values);

  std::shared_ptr<const Program> program_;
  metrics::Families& families_;
  Lookups lookups_;
  LabelSets label_sets_;
  std::vector<joins::SpanTable> spans_;
  // Null before the first event: most VMs have no use for some.
  std::vector<std::unique_ptr<decoders::Decoder>> decoders_;
  std::vector<decoders::Decoder*> fed_;  // what takes events: the decoder, or before the first one, what makes it
  std::vector<DriveProbe> probes_;

  Scratch* scratch_;
  joins::KeyBuilder key_;
  std::vector<int> matching_;
  uint32_t emitting_ = kNone;  // the decoder that is at work
  Asked asked_ = Asked::kNothing;
  Outcome outcome_ = Outcome::kDone;  // of the line at work
  bool lacks_time_ = false;

  // By which the process is known again; 0 where they are not known.
  uint64_t main_thread_ = decoders::kNoThread;
  uint64_t first_node_ = 0;  // of the block layer
  uint64_t last_node_ = 0;   // that was opened
};

}  // namespace qte::rules
