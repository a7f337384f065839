// The compiled config: for each event, what to read from its line and what to do with it.
//
// A Program is made when the config is read and never changes, so all sources and threads share it. Names are resolved:
// an event is an id, an argument is a slot, a metric is the index of a family. State that changes while lines are read
// (series, learned names, open spans) is in process.h.
#pragma once

#include <re2/re2.h>

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "config/config.h"
#include "decoders/decoder.h"
#include "metrics/snapshot.h"
#include "rules/match_filter.h"
#include "trace/catalog.h"
#include "trace/format.h"
#include "trace/name_table.h"
#include "trace/value.h"

namespace qte::rules {

inline constexpr uint32_t kNone = UINT32_MAX;

// The index of an argument's value among the values of its event.
using Slot = uint8_t;
using trace::ArgumentUse;
inline constexpr Slot kNoSlot = 0xff;
inline constexpr size_t kMaxSlots = 40;  // enough for the arguments of a span's start and end, and a duration

// The values of one event, by slot.
using Values = std::array<trace::Value, kMaxSlots>;

// "{bus}:{slot}" is {"", bus} {":", slot}; a plain argument is one piece without a literal.
struct Template {
  struct Piece {
    std::string literal;  // before the argument
    Slot slot = kNoSlot;  // kNoSlot: a literal at the end

    bool operator==(const Piece&) const = default;
  };
  std::vector<Piece> pieces;

  bool operator==(const Template&) const = default;
};

struct Constant {
  std::string text;
  bool is_number = false;
  trace::Value number;  // kInteger or kReal; the text in it is unused

  bool operator==(const Constant& other) const { return text == other.text; }
};

struct ConditionPlan {
  config::Condition::Kind kind = config::Condition::Kind::kAnyOf;
  Slot slot = kNoSlot;
  std::vector<Constant> values;
  std::optional<Constant> min;
  std::optional<Constant> max;
  std::string argument;  // for explanations

  bool operator==(const ConditionPlan&) const = default;
};

struct LabelPlan {
  std::vector<Template> alternatives;  // the first one whose arguments are all present is used
  std::vector<ConditionPlan> where;    // the label is empty unless all of them hold
  uint32_t lookup = kNone;             // alternatively: the name that this lookup has for these arguments
  std::vector<Slot> key;

  bool operator==(const LabelPlan&) const = default;
};

// The labels that rules of one event share. They are rendered once for all of these rules.
struct LabelSetPlan {
  std::vector<LabelPlan> labels;
  std::vector<Slot> inputs;  // the arguments that conditions and templates of the labels use
  bool has_lookups = false;
  size_t rules = 0;           // number of rules that share it
  bool is_of_moment = false;  // its series do not last; see metrics::FamilySpec
};

// One metric for one event.
struct RulePlan {
  uint32_t family = kNone;
  uint32_t label_set = kNone;
  uint32_t column = 0;  // index among the rules of its label set
  metrics::Type type = metrics::Type::kCounter;
  Slot value = kNoSlot;  // kNoSlot: a counter that counts events
  double scale = 1;
  std::vector<ConditionPlan> where;
  bool shares_where = false;  // has the same conditions as the previous rule
};

struct LookupFeed {
  uint32_t lookup = kNone;
  std::vector<Slot> key;
  Slot value = kNoSlot;
};

struct SpanFeed {
  uint32_t span = kNone;
  bool is_start = false;
  std::vector<Slot> key;
  std::vector<Slot> saved;  // start: what to keep for the end
};

struct DecoderFeed {
  uint32_t decoder = kNone;
  size_t which = 0;             // index into DecoderKind::inputs
  std::vector<Slot> arguments;  // in the decoder's order
  bool is_in_order = false;     // the slots are consecutive, so no value has to be moved
};

struct EventPlan {
  // One known format of the event. It reads only the arguments that are needed.
  struct Reader {
    trace::FormatReader format;
    std::vector<Slot> absent;  // slots that this variant does not fill
  };

  std::string name;
  std::vector<std::string> slot_names;
  std::vector<Reader> readers;  // empty for a derived event
  std::vector<LookupFeed> lookups;
  std::vector<SpanFeed> spans;
  std::vector<DecoderFeed> decoders;
  std::vector<RulePlan> rules;
  bool needs_time = false;  // a rule uses a duration that begins or ends with this event
  bool needs_thread = false;
  bool is_watched = false;  // it opens an image, or may be a probe
  bool only_rules = false;  // has only rules and none of the above, like most lines
};

struct LookupPlan {
  std::string name;
  std::string definition;  // its declaration as text; if a reload does not change it, the state continues
  std::map<std::string, std::string, std::less<>> names;  // by key; if the config defines names, none are learned
};

struct SpanPlan {
  // The source of a slot of the derived event: an argument of the start, an argument of the end, or the duration.
  struct Source {
    enum class From { kStart, kEnd, kDuration } from = From::kDuration;
    size_t index = 0;  // kStart: into SpanFeed::saved
  };
  std::string name;
  int64_t timeout_us = 0;
  size_t saved = 0;
  uint32_t plan = kNone;  // plan of the derived event
  std::vector<Source> slots;
  std::vector<RulePlan> in_flight;  // gauges of open spans; their slots come from the start
  std::string definition;           // as in LookupPlan
};

struct DecoderPlan {
  struct Output {
    uint32_t plan = kNone;          // plan of the derived event; kNone if no rule uses it
    std::vector<size_t> arguments;  // by slot: index into DecoderOutput::arguments
  };
  const decoders::DecoderKind* kind = nullptr;
  std::vector<Output> outputs;
  std::vector<size_t> parts;      // indices into DecoderKind::parts of the parts that rules need
  bool counts_in_flight = false;  // a gauge shows its requests in flight
};

// A metric for lines that are not trace events. Its values are the groups of the regex, by slot.
struct MatchPlan {
  std::unique_ptr<const re2::RE2> regex;
  RulePlan rule;
};

// The events that name disks; see block_names.h.
inline constexpr std::string_view kOpenEvent = "bdrv_open_common";
inline constexpr std::string_view kAttachEvent = "blk_root_attach";
inline constexpr std::string_view kDetachEvent = "blk_root_detach";
inline constexpr std::string_view kReadEvent = "blk_co_preadv";

// How to learn the names of drives that were opened before the log began: the exporter makes QEMU read 0 bytes of a
// drive, and the line of that read shows the drive's backend and node.
struct ProbePlan {
  uint32_t read = kNone;  // plan of blk_co_preadv; kNone if the config does not need probes
  Slot read_backend = kNoSlot;
  Slot read_node = kNoSlot;
  Slot read_offset = kNoSlot;
  Slot read_bytes = kNoSlot;
  uint32_t open = kNone;  // plan of bdrv_open_common, even if nothing is probed
  Slot open_node = kNoSlot;
  Slot open_file = kNoSlot;
};

// QEMU's events that a program reads, in the order in which QMP switches them on. `naming` shows which disk is which.
// In `rest`, events that end a request come before events that begin it, so that no request is left open.
struct EventOrder {
  std::vector<std::string> naming;
  std::vector<std::string> rest;
};

struct Program {
  trace::NameTable names;         // of the catalog's events, by event id
  std::vector<uint32_t> plan_of;  // by event id: index into plans, or kNone if nothing uses the event
  std::vector<EventPlan> plans;   // QEMU's events and derived ones
  std::vector<metrics::FamilySpec> families;
  std::vector<LookupPlan> lookups;
  std::vector<SpanPlan> spans;
  std::vector<DecoderPlan> decoders;
  std::vector<MatchPlan> matches;
  MatchFilter match_filter;  // for the regexes of `matches`, in the same order
  std::vector<LabelSetPlan> label_sets;
  ProbePlan probe;
  config::Limits limits;

  // The sorted names of QEMU's events that must be traced for this program. It also reads other events if a log has
  // them; see DecoderInput::is_optional.
  std::vector<std::string> NeededEvents() const;
  EventOrder OrderOfNeededEvents() const;
  bool NeedsTime() const;

 private:
  bool IsNeeded(const EventPlan& plan) const;
};

}  // namespace qte::rules
