// The config, compiled: for each event, what to read from its line and what to do with it.
//
// Made once when the config is read and constant from then on, so every source and thread shares one Program. All names
// are gone by here: an event is an id, an argument a slot, a metric a family's index. What changes while lines are read
// (series, learned names, open spans) is elsewhere; see process.h.
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

// Where an argument's value stands among the values of its event.
using Slot = uint8_t;
using trace::ArgumentUse;
inline constexpr Slot kNoSlot = 0xff;
inline constexpr size_t kMaxSlots = 40;  // a span has its start's and its end's arguments and a duration

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
  trace::Value number;  // kInteger or kReal; its text is not used

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
  std::vector<Template> alternatives;  // the first whose arguments are all there
  std::vector<ConditionPlan> where;    // the label is empty unless all of them hold
  uint32_t lookup = kNone;             // or: the name a lookup has learned for these arguments
  std::vector<Slot> key;

  bool operator==(const LabelPlan&) const = default;
};

// The labels that rules of one event have in common: found once for all of them.
struct LabelSetPlan {
  std::vector<LabelPlan> labels;
  std::vector<Slot> inputs;  // the arguments that conditions and templates of the labels use
  bool has_lookups = false;
  size_t rules = 0;  // that share it
  bool is_of_moment = false;  // its series do not last; see metrics::FamilySpec
};

// One metric on one event.
struct RulePlan {
  uint32_t family = kNone;
  uint32_t label_set = kNone;
  uint32_t column = 0;  // which of the rules of its label set it is
  metrics::Type type = metrics::Type::kCounter;
  Slot value = kNoSlot;  // kNoSlot: a counter that counts events
  double scale = 1;
  std::vector<ConditionPlan> where;
  bool shares_where = false;  // has the conditions of the rule before it
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
  bool is_in_order = false;     // these slots follow each other, so that no value has to be moved
};

struct EventPlan {
  // One known format of the event, reading only what is needed.
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
  bool needs_time = false;  // some rule uses a duration that this event bounds
  bool needs_thread = false;
  bool is_watched = false;  // it opens an image, or may be a probe
  bool only_rules = false;  // nothing of the above but rules: what most lines are
};

struct LookupPlan {
  std::string name;
  std::string definition;  // what it was declared as: across a reload, state goes on where this is the same
  std::map<std::string, std::string, std::less<>> names;  // by key; nothing is learned where the config gives them
};

struct SpanPlan {
  // What fills a slot of the derived event: an argument of the start, one of the end, or the duration.
  struct Source {
    enum class From { kStart, kEnd, kDuration } from = From::kDuration;
    size_t index = 0;  // kStart: into SpanFeed::saved
  };
  std::string name;
  int64_t timeout_us = 0;
  size_t saved = 0;
  uint32_t plan = kNone;  // of the derived event
  std::vector<Source> slots;
  std::vector<RulePlan> in_flight;  // gauges of what is open, over the slots that come from the start
  std::string definition;           // as in LookupPlan
};

struct DecoderPlan {
  struct Output {
    uint32_t plan = kNone;          // of the derived event; kNone where no rule uses it
    std::vector<size_t> arguments;  // by slot: index into DecoderOutput::arguments
  };
  const decoders::DecoderKind* kind = nullptr;
  std::vector<Output> outputs;
  std::vector<size_t> parts;      // of DecoderKind::parts, those that some rule has a use for
  bool counts_in_flight = false;  // some gauge shows what it has in flight
};

// A metric on lines that are no trace event. Its values are the regex's groups, by slot.
struct MatchPlan {
  std::unique_ptr<const re2::RE2> regex;
  RulePlan rule;
};

// What names disks; see block_names.h.
inline constexpr std::string_view kOpenEvent = "bdrv_open_common";
inline constexpr std::string_view kAttachEvent = "blk_root_attach";
inline constexpr std::string_view kDetachEvent = "blk_root_detach";
inline constexpr std::string_view kReadEvent = "blk_co_preadv";

// How names of drives that were opened before the log began are learned: a read of nothing that somebody makes on
// purpose tells a drive's backend and node.
struct ProbePlan {
  uint32_t read = kNone;  // plan of blk_co_preadv; kNone where the config has no use for all this
  Slot read_backend = kNoSlot;
  Slot read_node = kNoSlot;
  Slot read_offset = kNoSlot;
  Slot read_bytes = kNoSlot;
  uint32_t open = kNone;  // of bdrv_open_common, be it that nothing is probed
  Slot open_node = kNoSlot;
  Slot open_file = kNoSlot;
};

// QEMU's events that a program reads, in the order in which they are to be switched on one by one: `naming` tells which
// disk is which, and of the rest what ends a request comes before what begins it, so that none is left open.
struct EventOrder {
  std::vector<std::string> naming;
  std::vector<std::string> rest;
};

struct Program {
  trace::NameTable names;         // of the catalog's events, by event id
  std::vector<uint32_t> plan_of;  // by event id: index into plans, or kNone where nothing uses the event
  std::vector<EventPlan> plans;   // QEMU's events and derived ones
  std::vector<metrics::FamilySpec> families;
  std::vector<LookupPlan> lookups;
  std::vector<SpanPlan> spans;
  std::vector<DecoderPlan> decoders;
  std::vector<MatchPlan> matches;
  MatchFilter match_filter;  // of their regexes, in the same order
  std::vector<LabelSetPlan> label_sets;
  ProbePlan probe;
  config::Limits limits;

  // The names of QEMU's events that this program needs, sorted: what has to be traced. It reads others as well, where
  // a log has them; see DecoderInput::is_optional.
  std::vector<std::string> NeededEvents() const;
  EventOrder OrderOfNeededEvents() const;
  bool NeedsTime() const;

 private:
  bool IsNeeded(const EventPlan& plan) const;
};

}  // namespace qte::rules
