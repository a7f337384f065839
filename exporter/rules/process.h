// The state of one QEMU process: learned names, open spans, decoders, and the path from arguments to series. A Process
// reads events in the order of the log or logs and updates the series of its guest.
//
// The thread that works on the guest owns the process. Once warm, lines of known events allocate nothing.
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
  kNotANumber,      // a value was not a finite number; the rest of the line was used
};

// A read of 0 bytes at an offset between two sectors, which no guest makes. Its line shows the backend and the node of
// the drive for which QEMU made the read.
struct DriveProbe {
  int64_t offset = 0;
  std::string file;
  std::string format = {};
  std::string name = {};
  std::string qdev = {};
  std::string serial = {};
  bool is_read_only = false;
};

// The bytes currently processed, and where they come from.
struct Batch {
  std::string_view bytes;
  uint32_t log = 0;
  uint64_t offset = 0;            // offset of the first byte
  const char* at = nullptr;       // points into the line of a derived event, or into a copy of an envelope's content
  const char* wrapped = nullptr;  // points into the latest line that was in an envelope
};

// Values of the current line. They are not needed between lines, so all processes of a thread share them.
struct Scratch {
  Batch batch;
  Values values;   // of the line
  Values derived;  // of the derived event
  Values spans;
};

// A line with a trace event, whole and in parts.
struct EventLine {
  std::string_view line;
  trace::Prefix prefix;
  std::string_view arguments;  // after the name and its blank
};

class Process final : private decoders::Sink {
 public:
  Process(std::shared_ptr<const Program> program, metrics::Families& families, Scratch& scratch);

  // Sets the scratch memory of the thread that continues with this process.
  void Use(Scratch& scratch) { scratch_ = &scratch; }

  // Reads one line of an event that a rule uses: the whole `line`, its `prefix`, and the `arguments` after the name and
  // the blank.
  Outcome OnEvent(uint32_t plan, std::string_view line, const trace::Prefix& prefix, std::string_view arguments);

  // Checks whether a line may come from another QEMU process. Call it before OnEvent. `plan` is kNone if no rule uses
  // the event; `is_first` is true for the first event since the doubt arose. QEMU opens images in its main thread, and
  // its nodes lie in the main thread's heap, which has a different address in each process.
  enum class Sign { kUnclear, kSame, kAnother };
  Sign SignOf(uint32_t plan, const EventLine& event, bool is_first);

  // True if a known format of the event fits these arguments.
  bool Fits(uint32_t plan, std::string_view arguments) { return Read(program_->plans[plan], arguments, scratch_->values); }

  // Reads a line that is not a trace event.
  Outcome OnText(std::string_view text) { return program_->matches.empty() ? Outcome::kNotTaken : MatchText(text); }

  // Adds all open spans and all open requests of decoders to the gauges of requests in flight.
  void CountInFlight();

  // True if a decoder that names disks does not know this drive.
  bool LacksDrive(const DriveProbe& drive) const;
  // Expects the lines of these reads. They only show which backend belongs to which drive. Replaces earlier
  // expectations.
  void Expect(std::vector<DriveProbe> probes) { probes_ = std::move(probes); }

  // Clears all state, because the QEMU process has ended or another one has begun.
  void Restart();

  // Call this when series were removed or replaced. All series are then looked up again. Creates the series that exist
  // at 0 from the start.
  void RenewSeries();
  // Like RenewSeries, but creates no series before an event needs it.
  void ForgetSeries() { label_sets_.Forget(); }

  // Saves and restores learned names and open requests, for a checkpoint. Restore skips the state of definitions that
  // this program lacks. It throws if the JSON is not in the format of Save; only Restart may then be called.
  nlohmann::json Save() const;
  void Restore(const nlohmann::json& state);

  // Takes over the state of `old`, the same process under another Program, for definitions that are unchanged.
  void Adopt(Process&& old);

  size_t open_spans(size_t span) const { return spans_[span].open(); }
  uint64_t abandoned_spans(size_t span) const { return spans_[span].abandoned(); }
  // Null before its first event.
  const decoders::Decoder* decoder(size_t index) const { return decoders_[index].get(); }
  const joins::LookupTable& lookup(size_t index) const { return lookups_.tables()[index]; }
  // The name that a lookup has for a key, either learned or defined by the config; null if it has none.
  const std::string* NameOf(size_t lookup, std::string_view key) const { return lookups_.NameOf(lookup, key); }
  const joins::SpanTable& span(size_t index) const { return spans_[index]; }
  const Program& program() const { return *program_; }
  // True once a line lacked the timestamp that a duration needs.
  bool lacks_time() const { return lacks_time_; }

 private:
  // What spans and decoders need from the current event besides its values.
  struct Origin {
    int64_t time_us = joins::kNoTime;
    uint64_t thread = decoders::kNoThread;
  };

  // Why decoders are asked for requests in flight: to add them up, or only to create their series.
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
  // Null before the first event, because most VMs do not use all decoders.
  std::vector<std::unique_ptr<decoders::Decoder>> decoders_;
  std::vector<decoders::Decoder*> fed_;  // receive events: decoders, or before their first event what makes them
  std::vector<DriveProbe> probes_;

  Scratch* scratch_;
  joins::KeyBuilder key_;
  std::vector<int> matching_;
  uint32_t emitting_ = kNone;  // the decoder that currently emits
  Asked asked_ = Asked::kNothing;
  Outcome outcome_ = Outcome::kDone;  // outcome of the current line
  bool lacks_time_ = false;

  // Identify the process; 0 if unknown.
  uint64_t main_thread_ = decoders::kNoThread;
  uint64_t first_node_ = 0;  // first node of the block layer that was opened
  uint64_t last_node_ = 0;   // last node that was opened
};

}  // namespace qte::rules
