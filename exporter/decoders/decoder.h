// Decoders turn events into derived events. They are written in C++ and cover what `lookups:` and `spans:` cannot
// express, such as scan codes, or the join of a DMA request with the block layer. Rules use derived events like any
// event.
//
// A decoder belongs to one source. It sees the events of that source in order, on the thread that owns the source. It
// holds the state of one QEMU process; Reset() clears it when the source is truncated or replaced. A decoder must stay
// bounded for any input, and must not allocate memory per event once warm.
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

// True if two lines may come from the same thread of QEMU.
inline bool SameThread(uint64_t a, uint64_t b) {
  return a == b || a == kNoThread || b == kNoThread;
}

inline int64_t SignedOf(const trace::Value& value) {
  return static_cast<int64_t>(value.bits);
}

// One event, as passed to decoders.
struct Input {
  size_t which;                        // index into DecoderKind::inputs
  std::span<const trace::Value> args;  // in the order of DecoderInput::arguments; kMissing if the variant lacks one
  int64_t time_us = kNoTime;           // microseconds since the epoch; kNoTime if the line has no time
  uint64_t thread = kNoThread;         // QEMU's thread id; kNoThread if the line has none
};

// Receives derived events. `which` is an index into DecoderKind::outputs. `args` are in the order of
// DecoderOutput::arguments and are read before Emit returns.
class Sink {
 public:
  virtual void Emit(size_t which, std::span<const trace::Value> args) = 0;

 protected:
  ~Sink() = default;
};

// What QEMU reports about a drive by QMP, and the backend that a probe found for it.
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
  // Emits the current number of requests in flight, one output for each disk that can have requests.
  virtual void CountInFlight(Sink&) const {}
  // Clears the state of the QEMU process, because the source was truncated or replaced. Open requests count as
  // abandoned.
  virtual void Reset() = 0;
  // All state, for a checkpoint. A decoder of the same kind that restores it continues exactly like this one.
  virtual nlohmann::json Save() const = 0;
  // Replaces the state, including counters. Entries above this decoder's limits are dropped as if they had come from
  // events. If `state` is not in the format of Save(), it throws nlohmann::json::exception or std::runtime_error, and
  // the decoder is as after Reset().
  virtual void Restore(const nlohmann::json& state) = 0;
  // Counts of a part, which is an index into DecoderKind::parts: requests that have started but not ended, requests
  // that were dropped without an end since the decoder was made, and learned entries that were dropped to make room.
  virtual size_t open(size_t /*part*/) const { return 0; }
  virtual uint64_t abandoned(size_t /*part*/) const { return 0; }
  virtual uint64_t forgotten(size_t /*part*/) const { return 0; }
  // Describes for users what the decoder knows about the objects in an event: "dbs 0x7 is an open read of /a.img". Call
  // it after OnEvent with the same input.
  virtual std::vector<std::string> Explain(const Input& /*input*/) const { return {}; }
  // Tells a decoder that names disks about this drive.
  virtual void OnDrive(const Drive& /*drive*/) {}
  // True if the decoder names disks and has not learned this drive yet.
  virtual bool LacksDrive(const Drive& /*drive*/) const { return false; }
};

// A set of a kind's outputs, one bit for each.
using OutputSet = uint32_t;
inline constexpr OutputSet kAllOutputs = UINT32_MAX;

// The role of an event. kRequest begins a request. kCommand may begin one. kTransfer has the size and the disk of a
// request. A log that has requests but no transfers lacks sizes and names, so the exporter warns.
enum class InputRole { kOther, kRequest, kCommand, kTransfer };

struct DecoderInput {
  std::string_view event;
  std::vector<std::string_view> arguments;
  bool begins = false;              // begins a request; QMP switches it on after the events that end the request
  OutputSet outputs = kAllOutputs;  // outputs that need this input; it is read if a rule uses one of them
  bool is_optional = false;  // read if a log has it, but not switched on in QEMU, since other inputs have the same data
  InputRole role = InputRole::kOther;
};

struct DecoderOutput {
  std::string_view event;
  std::vector<std::string_view> arguments;
  std::vector<std::string_view> texts;  // arguments that rules see as texts: for labels, not for values
  bool is_in_flight = false;            // only CountInFlight emits it, at a scrape; OnEvent does not
  bool is_of_moment = false;            // the same, and a series that is not emitted any more is removed
};

struct DecoderLimits {
  size_t max_open = 65536;                // open requests; above this limit the oldest is dropped and counted
  size_t max_names = 65536;               // learned names
  int64_t max_open_age_us = 600'000'000;  // in trace time; older open requests are dropped and counted
};

// Parts of a decoder that have their own series in open_spans, spans_abandoned_total and lookups_forgotten_total.
struct DecoderPart {
  std::string_view name;
  bool opens = true;                // opens requests; otherwise it only learns names
  OutputSet outputs = kAllOutputs;  // outputs that depend on it; it is shown if a rule uses one of them
};

// A kind of decoder: its inputs, its outputs, and how to make one. Checkpoints identify saved state by the kind's name,
// so a change of the saved format needs a new name.
struct DecoderKind {
  std::string_view name;
  std::vector<DecoderPart> parts;
  std::vector<DecoderInput> inputs;
  std::vector<DecoderOutput> outputs;
  std::unique_ptr<Decoder> (*make)(const DecoderLimits& limits);
};

// All kinds of decoders, in a fixed order.
std::span<const DecoderKind> BuiltinDecoders();

}  // namespace qte::decoders
