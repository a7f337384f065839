// A guest's part of a checkpoint:
//
//   {"labels": as in saved_series.h, "families": [[number of the spec, series as in saved_series.h], ...],
//    "events": as in event_counts.h, "counts": as in own_counts.h,
//    "processes": [as in rules/process_state.cc, ...], "log_counts": [as in log_counts.h, ...],
//    "logs": [{"id", "path", "process": its number, "partial": bytes, "skipping": bool, "torn": bytes, "torn_log",
//              "doubtful_lines", "at_start", "renewed", "prefixes": bool, "once": [name, ...], "waiting": [hash, ...],
//              "next", "opener": {"seen", "lines", "whole", "parts": [[text, time, kind of time, envelope, too long],
//              ...]}, "ended": bool, "counts": its number}, ...]}
#include <algorithm>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <utility>

#include "guests/guest.h"
#include "guests/saved_series.h"

namespace qte::guests {

using nlohmann::json;

namespace {

json OpenerToJson(const trace::LineOpener& opener) {
  const trace::LineOpener::State state = opener.TakeState();
  json parts = json::array();
  for (const trace::LineOpener::Part& part : state.parts) {
    parts.push_back({part.text, part.time, part.time_kind, trace::NameOf(part.envelope), part.is_too_long});
  }
  return {{"seen", state.seen}, {"lines", state.lines_to_open}, {"whole", state.has_whole_records}, {"parts", parts}};
}

trace::LineOpener::State OpenerFromJson(const json& saved) {
  trace::LineOpener::State state;
  saved.at("seen").get_to(state.seen);
  saved.at("lines").get_to(state.lines_to_open);
  saved.at("whole").get_to(state.has_whole_records);
  for (size_t i = 0; i < state.parts.size(); ++i) {
    const json& part = saved.at("parts").at(i);
    state.parts[i] = {
        part.at(0).get<std::string>(), part.at(1).get<std::string>(), part.at(2).get<trace::WrapperTime::Kind>(),
        trace::EnvelopeNamed(part.at(3).get<std::string>()).value_or(trace::Envelope::kNone), part.at(4).get<bool>()};
  }
  return state;
}

}  // namespace

Guest::Saved Guest::Save() {
  CountInFlight();
  Saved saved;
  saved.common = common_;
  saved.labels = labels_;
  families_.ForEach([&](size_t i, const metrics::Family& family) {
    saved.numbers.push_back(i);
    saved.families.push_back(family.TakeSnapshot(labels_));
    saved.overflowed.push_back(family.overflowed());
  });
  saved.events = events_.TakeSnapshot(labels_);
  saved.counts = counts_;
  saved.counts.overflowed_events += events_.overflowed();
  saved.counts.last_event_us = LastEventTime();
  saved.logs = json::array();
  saved.files = json::array();
  saved.processes = json::array();
  std::vector<const rules::Process*> processes;
  std::vector<const LogCounts*> files;
  auto place_of = [&files](const Log& log) {
    auto known = std::find(files.begin(), files.end(), log.counts.get());
    const auto place = static_cast<size_t>(known - files.begin());
    if (known == files.end()) files.push_back(log.counts.get());
    return place;
  };
  for (const auto& [id, log] : logs_) {
    auto process = std::find(processes.begin(), processes.end(), log.process.get());
    const auto number = static_cast<size_t>(process - processes.begin());
    if (process == processes.end()) {
      processes.push_back(log.process.get());
      saved.processes.push_back(log.process->Save());
    }
    // One by one: as one initializer list this takes the compiler a minute.
    json entry;
    entry["id"] = id;
    entry["path"] = log.path;
    entry["process"] = number;
    entry["partial"] = log.splitter.partial();
    entry["skipping"] = log.splitter.skipping();
    entry["torn"] = log.torn;
    entry["torn_log"] = log.torn_log;
    entry["doubtful_lines"] = log.doubtful_lines;
    entry["at_start"] = log.is_at_start;
    entry["renewed"] = log.is_renewed;
    entry["prefixes"] = log.has_prefixes;
    entry["once"] = log.newcomers.state().once;
    entry["waiting"] = log.newcomers.state().waiting;
    entry["next"] = log.newcomers.state().next;
    entry["opener"] = OpenerToJson(log.opener);
    entry["ended"] = log.has_ended;
    entry["counts"] = place_of(log);
    saved.logs.push_back(std::move(entry));
  }
  for (const LogCounts* counts : files) saved.files.push_back(guests::ToJson(*counts));
  return saved;
}

json Guest::ToJson(Saved saved) {
  json families = json::array();
  for (size_t i = 0; i < saved.families.size(); ++i) {
    families.push_back({saved.numbers[i], SeriesToJson(saved.families[i], saved.overflowed[i])});
  }
  return {{"labels", LabelsToJson(*saved.labels)},
          {"families", std::move(families)},
          {"events", guests::ToJson(saved.events, saved.common->program->names)},
          {"counts", guests::ToJson(saved.counts, *saved.common)},
          {"processes", std::move(saved.processes)},
          {"log_counts", std::move(saved.files)},
          {"logs", std::move(saved.logs)}};
}

// Metrics that the config no longer has, or has otherwise, begin anew.
void Guest::Restore(const json& saved, const Specs& specs) {
  for (const json& entry : saved.at("families")) {
    metrics::FamilySnapshot before = SeriesFromJson(specs.at(entry.at(0).get<size_t>()), entry.at(1));
    const auto& kinds = *common_->kinds;
    auto kind = std::find_if(kinds.begin(), kinds.end(),
                             [&](const auto& k) { return metrics::Compatible(*before.spec, k->spec); });
    if (kind == kinds.end()) continue;
    metrics::Family& family = families_.Make(static_cast<size_t>(kind - kinds.begin()));
    family.Restore(before);
    family.set_overflowed(entry.at(1).at("overflowed").get<uint64_t>());
  }
  events_.Restore(saved.at("events"), common_->program->names);
  counts_ = OwnCountsFromJson(saved.at("counts"), *common_);
  std::vector<std::shared_ptr<rules::Process>> processes;
  for (const json& state : saved.at("processes")) {
    processes.push_back(MakeProcess());
    try {
      processes.back()->Restore(state);
    } catch (const std::exception&) {
      processes.back()->Restart();  // the file was whole, so this is a bug of ours: names are lost, counts are not
    }
  }
  std::vector<std::shared_ptr<LogCounts>> counts;
  for (const json& entry : saved.at("log_counts")) {
    counts.push_back(std::make_shared<LogCounts>(LogCountsFromJson(entry)));
  }
  for (const json& entry : saved.at("logs")) {
    const size_t max_line_bytes = common_->program->limits.max_line_bytes;
    Log log{entry.at("path").get<std::string>(), source::LineSplitter(max_line_bytes),
            trace::LineOpener(max_line_bytes)};
    log.process = processes.at(entry.at("process").get<size_t>());
    log.splitter.Resume(entry.at("partial").get<std::string>(), entry.at("skipping").get<bool>());
    entry.at("torn").get_to(log.torn);
    entry.at("torn_log").get_to(log.torn_log);
    entry.at("doubtful_lines").get_to(log.doubtful_lines);
    entry.at("at_start").get_to(log.is_at_start);
    entry.at("renewed").get_to(log.is_renewed);
    entry.at("prefixes").get_to(log.has_prefixes);
    Newcomers::State newcomers{entry.at("once").get<std::vector<std::string>>(),
                               entry.at("waiting").get<std::vector<uint64_t>>(), entry.at("next").get<size_t>()};
    log.newcomers.Resume(std::move(newcomers));
    log.opener.Resume(OpenerFromJson(entry.at("opener")));
    entry.at("ended").get_to(log.has_ended);
    log.counts = counts.at(entry.at("counts").get<size_t>());
    log.lines_at_end = log.counts->lines;
    if (!logs_.emplace(entry.at("id").get<source::StreamId>(), std::move(log)).second) {
      throw std::runtime_error("a guest has the same log twice");
    }
  }
}

}  // namespace qte::guests
