// Decoders: events in, derived events out. What a `lookups:` or `spans:` declaration cannot say is a decoder written in
// C++ (scan codes, the join of a DMA request with the block layer); what it emits is used by rules like any event.
//
// A decoder belongs to one source, whose events it sees in order, on the one thread that owns the source. It holds the
// state of one QEMU process; Reset() forgets it when the source is truncated or replaced. It must stay bounded under
// any input and allocate nothing per event once warm.
#pragma once

#include <cstdint>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "joins/elapsed.h"
#include "trace/value.h"

namespace qte::decoders {

using joins::kNoTime;
inline constexpr uint64_t kNoThread = 0;

// Two lines that may come of one thread of QEMU.
inline bool SameThread(uint64_t a, uint64_t b) {
  return a == b || a == kNoThread || b == kNoThread;
}

inline int64_t SignedOf(const trace::Value& value) {
  return static_cast<int64_t>(value.bits);
}

// One event as decoders see it.
struct Input {
  size_t which;                        // index into DecoderKind::inputs
  std::span<const trace::Value> args;  // in the order of DecoderInput::arguments; kMissing where the variant has none
  int64_t time_us = kNoTime;           // microseconds since the epoch, kNoTime where the line carries no time
  uint64_t thread = kNoThread;         // QEMU's thread id, kNoThread where the line carries none
};

// Takes what a decoder derives. `which` is an index into DecoderKind::outputs; `args` are in the order of
// DecoderOutput::arguments and are read before Emit returns.
class Sink {
 public:
  virtual void Emit(size_t which, std::span<const trace::Value> args) = 0;

 protected:
  ~Sink() = default;
};

// What QEMU says of a drive by QMP, and the backend that a probe has shown it to be.
struct Drive {
  trace::Value backend;  // missing before the probe
  uint64_t node = 0;
  std::string_view file;
  std::string_view format;
  std::string_view name;
  std::string_view qdev;
  std::string_view serial;
  bool is_read_only = false;
};

class Decoder {
 public:
  virtual ~Decoder() = default;
  virtual void OnEvent(const Input& input, Sink& sink) = 0;
  // Emits the outputs that tell what is in flight now, one for each thing that has or may have something.
  virtual void CountInFlight(Sink&) const {}
  // Forgets all that belonged to the QEMU process: the source was truncated or replaced. Requests that are open then
  // count as abandoned.
  virtual void Reset() = 0;
  // All state, for a checkpoint: a decoder of the same kind that restores it goes on as this one would.
  virtual nlohmann::json Save() const = 0;
  // Replaces the state, counters too. What is above this decoder's limits is dropped as if it had come in by events.
  // Throws nlohmann::json::exception or std::runtime_error where `state` is not what Save() makes; the decoder is then
  // as after Reset().
  virtual void Restore(const nlohmann::json& state) = 0;
  // Of a part, as an index into DecoderKind::parts: requests that started and have not ended; those that were dropped
  // without an end, over the decoder's life; and what it had learned and gave up to make room.
  virtual size_t open(size_t /*part*/) const { return 0; }
  virtual uint64_t abandoned(size_t /*part*/) const { return 0; }
  virtual uint64_t forgotten(size_t /*part*/) const { return 0; }
  // What it knows of the things that an event speaks of, for people: "dbs 0x7 is an open read of /a.img". An event that
  // it has handled; input.args as in OnEvent.
  virtual std::vector<std::string> Explain(const Input& /*input*/) const { return {}; }
  // A decoder that knows disks by their names learns this drive.
  virtual void OnDrive(const Drive& /*drive*/) {}
  // Whether it does, and has not learned this drive yet.
  virtual bool LacksDrive(const Drive& /*drive*/) const { return false; }
};

// Which of a kind's outputs, a bit each.
using OutputSet = uint32_t;
inline constexpr OutputSet kAllOutputs = UINT32_MAX;

// What an event means for a log that has only a part of the events. kRequest begins a request. kCommand may begin one.
// kTransfer has the size and the disk of a request. A log that has requests and no transfers lacks sizes and names.
enum class InputRole { kOther, kRequest, kCommand, kTransfer };

struct DecoderInput {
  std::string_view event;
  std::vector<std::string_view> arguments;
  bool begins = false;  // a request: where events are switched on one by one, this one comes after those that end it
  OutputSet outputs = kAllOutputs;  // that need it; it is read if a rule uses one of them
  bool is_optional = false;  // read if a log has it; QEMU is not asked for it, since the other inputs tell the same
  InputRole role = InputRole::kOther;
};

struct DecoderOutput {
  std::string_view event;
  std::vector<std::string_view> arguments;
  std::vector<std::string_view> texts;  // those of them that a rule sees as texts: labels, not values
  bool is_in_flight = false;            // comes from CountInFlight alone, when somebody looks; OnEvent does not emit it
  bool is_of_moment = false;            // the same, and what is not told any more is no more
};

struct DecoderLimits {
  size_t max_open = 65536;                // open requests; the oldest is dropped and counted above it
  size_t max_names = 65536;               // learned names
  int64_t max_open_age_us = 600'000'000;  // of trace time; an older open request is dropped and counted
};

// What the exporter's own metrics tell apart in a decoder: open_spans, spans_abandoned_total, lookups_forgotten_total.
struct DecoderPart {
  std::string_view name;
  bool opens = true;                // requests; else it only learns
  OutputSet outputs = kAllOutputs;  // that come of it; it is shown if a rule uses one of them
};

// A kind of decoder: what it reads, what it emits, how to make one. Saved state goes by its name, so a kind that saves
// something else needs another.
struct DecoderKind {
  std::string_view name;
  std::vector<DecoderPart> parts;
  std::vector<DecoderInput> inputs;
  std::vector<DecoderOutput> outputs;
  std::unique_ptr<Decoder> (*make)(const DecoderLimits& limits);
};

// All decoders there are, in a fixed order.
std::span<const DecoderKind> BuiltinDecoders();

}  // namespace qte::decoders
