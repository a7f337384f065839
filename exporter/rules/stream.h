// What one source has made of a Program so far: learned names, open spans, decoders, and the way from arguments to
// series. Takes events in the order of the log and moves the families' series.
//
// One thread owns a Stream and the families it writes to. On lines of known events nothing is allocated once warm.
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
#include "metrics/family.h"
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
// the node of the drive that has this file open.
struct DriveProbe {
  int64_t offset = 0;
  std::string file;
};

class Stream final : private decoders::Sink {
 public:
  Stream(std::shared_ptr<const Program> program, std::shared_ptr<const metrics::Labels> labels,
         std::vector<metrics::Family>& families);

  // One line of an event that some rule uses: `line` whole, `prefix` of it, `arguments` after the name and its blank.
  Outcome OnEvent(uint32_t plan, std::string_view line, const trace::Prefix& prefix, std::string_view arguments);

  // A line that is no trace event.
  Outcome OnText(std::string_view text) { return program_->matches.empty() ? Outcome::kNotTaken : MatchText(text); }

  // Adds every open span, and what decoders have open, to the gauges that show what is in flight.
  void CountInFlight();

  // Whether something that learns names of disks does not know this one.
  bool LacksName(std::string_view file) const;
  // These reads will be seen: their lines teach the names of nodes that have none, and do nothing else. Replaces what
  // was expected before.
  void Expect(std::vector<DriveProbe> probes) { probes_ = std::move(probes); }

  // The source was truncated or replaced: forgets what belonged to its QEMU process.
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

  // Takes over what `old`, the same source under another Program, has learned, as far as its definition is unchanged.
  void Adopt(Stream&& old);

  size_t open_spans(size_t span) const { return spans_[span].open(); }
  uint64_t abandoned_spans(size_t span) const { return spans_[span].abandoned(); }
  const decoders::Decoder& decoder(size_t index) const { return *decoders_[index]; }
  const joins::LookupTable& lookup(size_t index) const { return lookups_.tables()[index]; }
  // The name that a lookup has for a key, be it learned or given by the config; null if it has none.
  const std::string* NameOf(size_t lookup, std::string_view key) const { return lookups_.NameOf(lookup, key); }
  const joins::SpanTable& span(size_t index) const { return spans_[index]; }
  const std::shared_ptr<const metrics::Labels>& labels() const { return labels_; }
  const Program& program() const { return *program_; }
  // True once a line lacked the timestamp that a duration needs.
  bool lacks_time() const { return lacks_time_; }

 private:
  // The event being handled; what spans and decoders need beside its values.
  struct Moment {
    int64_t time_us = joins::kNoTime;
    uint64_t thread = decoders::kNoThread;
  };

  // Whether a decoder is asked for what is in flight: to add it up, or only so that its series exist.
  enum class Asked { kNothing, kSeries, kCounts };

  void MakeForeseeableSeries();
  bool TakeProbe();
  void Teach(uint32_t plan, const Values& values, uint64_t node);
  bool Read(const EventPlan& plan, std::string_view arguments, Values& values);
  Moment MomentOf(const EventPlan& plan, std::string_view line, const trace::Prefix& prefix);
  void FeedSpan(const SpanFeed& feed, const Values& values, int64_t time_us);
  template <class Visit>
  void ForEachInFlight(const SpanPlan& plan, std::span<const trace::Value> saved, Visit&& visit);
  void FeedDecoder(const DecoderFeed& feed, const Values& values, const Moment& moment);
  void Emit(size_t which, std::span<const trace::Value> args) override;
  void AskDecoders(Asked what);
  void AddInFlight(const RulePlan& rule, const Values& values);
  void RunDerived(uint32_t plan);

  Outcome MatchText(std::string_view text);
  void RunRules(std::span<const RulePlan> rules, const Values& values);
  void RunRule(const RulePlan& rule, const Values& values);

  std::shared_ptr<const Program> program_;
  std::shared_ptr<const metrics::Labels> labels_;
  std::vector<metrics::Family>& families_;
  Lookups lookups_;
  LabelSets label_sets_;
  std::vector<joins::SpanTable> spans_;
  std::vector<std::unique_ptr<decoders::Decoder>> decoders_;
  std::vector<DriveProbe> probes_;

  // Scratch, kept so that no line allocates.
  Values values_;          // of the line
  Values derived_values_;  // of the derived event it led to
  Values span_values_;
  joins::KeyBuilder key_;
  std::vector<int> matching_;
  uint32_t emitting_ = kNone;  // the decoder that is at work
  Asked asked_ = Asked::kNothing;
  Outcome outcome_ = Outcome::kDone;  // of the line at work
  bool lacks_time_ = false;
};

}  // namespace qte::rules
