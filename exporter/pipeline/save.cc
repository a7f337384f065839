// A pipeline's part of a checkpoint:
//
//   {"families": [as in state/series.h], "events": [as in EventCounts],
//    "lines", "event_lines", "bytes", "expired", "unparsed": {reason: count}, "losses": losses, "last_stamp": prefix,
//    "streams": [[id, {"labels": as in state/series.h, "losses": losses, "partial": bytes, "skipping": bool, "stream":
//    as in rules/stream_state.cc}], ...]}
//
// where losses are {"abandoned": {span: count}, "forgotten": {lookup: count}}. What several pipelines have saved is put
// together to one such part, and one part may be spread over several pipelines: the number of lanes is not in it.
#include <cstdint>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "pipeline/pipeline.h"
#include "state/series.h"
#include "trace/prefix.h"

namespace qte::pipeline {

using nlohmann::json;

namespace {

json ToJson(const Losses& losses) {
  return {{"abandoned", losses.abandoned}, {"forgotten", losses.forgotten}};
}

Losses LossesFromJson(const json& from) {
  Losses losses;
  from.at("abandoned").get_to(losses.abandoned);
  from.at("forgotten").get_to(losses.forgotten);
  return losses;
}

// Adds a number under `key`, which both have.
void AddNumber(const char* key, const json& from, json& to) {
  to[key] = to.at(key).get<uint64_t>() + from.at(key).get<uint64_t>();
}

void AppendList(const char* key, json& from, json& to) {
  for (json& entry : from.at(key)) to.at(key).push_back(std::move(entry));
}

int64_t TimeOf(const json& stamp) {
  const auto& text = stamp.get_ref<const std::string&>();
  trace::Prefix prefix = trace::FindPrefix(text);
  return prefix.kind == trace::PrefixKind::kNone ? INT64_MIN : trace::ReadTime(text, prefix);
}

// Adds what another pipeline of the same program has saved; no source labels are in both.
void Merge(json from, json& to) {
  for (size_t i = 0; i < to.at("families").size(); ++i) {
    state::MergeFamilies(std::move(from["families"][i]), to["families"][i]);
  }
  AppendList("groups", from.at("events"), to.at("events"));
  to["events"]["samples"].insert(from["events"]["samples"].begin(), from["events"]["samples"].end());
  AddNumber("overflowed", from.at("events"), to.at("events"));
  for (const char* key : {"lines", "event_lines", "bytes", "expired"}) AddNumber(key, from, to);
  for (size_t i = 0; i < kUnparsedReasons; ++i) {
    std::string reason(NameOf(static_cast<Unparsed>(i)));
    AddNumber(reason.c_str(), from.at("unparsed"), to.at("unparsed"));
  }
  Losses losses = LossesFromJson(to.at("losses"));
  losses.Add(LossesFromJson(from.at("losses")));
  to["losses"] = ToJson(losses);
  if (TimeOf(from.at("last_stamp")) > TimeOf(to.at("last_stamp"))) to["last_stamp"] = from["last_stamp"];
  AppendList("streams", from, to);
}

}  // namespace

json Pipeline::SaveFeed(const Feed& feed) const {
  return {{"labels", state::LabelsToJson(*feed.stream->labels())},
          {"partial", std::string(feed.splitter.partial())},
          {"losses", pipeline::ToJson(LossesOf(*feed.stream))},
          {"skipping", feed.splitter.skipping()},
          {"stream", feed.stream->Save()}};
}

Pipeline::Saved Pipeline::Save() {
  CountInFlight();
  Saved saved;
  for (const metrics::Family& family : families_) {
    saved.families.push_back(family.TakeSnapshot());
    saved.overflowed.push_back(family.overflowed());
  }
  json unparsed = json::object();
  for (size_t i = 0; i < kUnparsedReasons; ++i) {
    unparsed[std::string(NameOf(static_cast<Unparsed>(i)))] = unparsed_[i];
  }
  json streams = json::array();
  for (const auto& [id, state] : resumable_) streams.push_back({id, state});
  for (const auto& [id, feed] : feeds_) streams.push_back({id, SaveFeed(feed)});
  saved.events = event_counts_.Save();
  saved.rest = {{"lines", lines_},
                {"event_lines", events_},
                {"bytes", bytes_},
                {"expired", expired_},
                {"unparsed", std::move(unparsed)},
                {"losses", pipeline::ToJson(losses_before_)},
                {"last_stamp", std::string(last_stamp_.text.data(), last_stamp_.prefix.size)},
                {"streams", std::move(streams)}};
  return saved;
}

json Pipeline::ToJson(Saved saved) {
  json result = std::move(saved.rest);
  result["events"] = EventCounts::ToJson(saved.events);
  json families = json::array();
  for (size_t i = 0; i < saved.families.size(); ++i) {
    families.push_back(state::FamilyToJson(saved.families[i], saved.overflowed[i]));
  }
  result["families"] = std::move(families);
  return result;
}

json Pipeline::ToJson(std::vector<Saved> saved) {
  json all = ToJson(std::move(saved.at(0)));
  for (size_t i = 1; i < saved.size(); ++i) Merge(ToJson(std::move(saved[i])), all);
  return all;
}

std::vector<Pipeline::SavedFamily> Pipeline::FamiliesFromJson(const json& saved) {
  std::vector<SavedFamily> families;
  for (const json& entry : saved.at("families")) {
    families.push_back({state::FamilyFromJson(entry), entry.at("overflowed").get<uint64_t>()});
  }
  return families;
}

Status Pipeline::Restore(const json& saved, const source::Positions& positions) {
  try {
    std::vector<SavedFamily> families = FamiliesFromJson(saved);
    RestoreSeries(families, saved, [](const metrics::Labels&) { return true; });
    RestoreRest(families, saved, positions);
  } catch (const std::exception& error) {
    return Error{error.what()};
  }
  return {};
}

// Metrics that the config no longer has, or has otherwise, begin anew.
void Pipeline::RestoreSeries(const std::vector<SavedFamily>& families, const json& saved, const Takes& takes) {
  const FamiliesByName by_name = IndexFamilies();
  for (const SavedFamily& before : families) {
    // Whoever is not there any more expires, too; the series of all that is over the limit does not.
    for (size_t i = 0; i < before.series.series_count(); ++i) {
      const metrics::Labels& base = *before.series.LabelsOf(i).base;
      if (base.empty() || base.front().second != metrics::kOther) {
        if (takes(base)) activity_.For(base);
      }
    }
    metrics::Family* family = Successor(*before.series.spec, by_name);
    if (family == nullptr) continue;
    family->Restore(before.series, takes);
    family->set_overflowed(0);  // what folds once more was counted in its time
  }
  event_counts_.RestoreGroups(saved.at("events"), takes);
  event_counts_.ForEachLabels([this](const metrics::Labels& labels) { activity_.For(labels); });
}

void Pipeline::RestoreRest(const std::vector<SavedFamily>& families, const json& saved,
                           const source::Positions& positions) {
  const FamiliesByName by_name = IndexFamilies();
  for (const SavedFamily& before : families) {
    metrics::Family* family = Successor(*before.series.spec, by_name);
    if (family != nullptr) family->set_overflowed(before.overflowed);
  }
  event_counts_.RestoreRest(saved.at("events"));
  lines_ = saved.at("lines").get<uint64_t>();
  events_ = saved.at("event_lines").get<uint64_t>();
  bytes_ = saved.at("bytes").get<uint64_t>();
  expired_ = saved.at("expired").get<uint64_t>();
  for (size_t i = 0; i < kUnparsedReasons; ++i) {
    unparsed_[i] = saved.at("unparsed").value(std::string(NameOf(static_cast<Unparsed>(i))), uint64_t{0});
  }
  losses_before_ = LossesFromJson(saved.at("losses"));
  auto stamp = saved.at("last_stamp").get<std::string>();
  Remember(stamp, trace::FindPrefix(stamp));
  std::set<source::StreamId> ids;
  for (const source::StreamPosition& position : positions.streams) ids.insert(position.id);
  for (const json& entry : saved.at("streams")) {
    // Until it is open again, what a stream has given up counts with the closed ones.
    losses_before_.Add(LossesFromJson(entry.at(1).at("losses")));
    auto id = entry.at(0).get<source::StreamId>();
    if (ids.contains(id)) resumable_[id] = entry.at(1);
  }
}

void Pipeline::CloseSaved(source::StreamId id) {
  auto state = resumable_.find(id);
  if (state == resumable_.end()) return;
  Open(id, {}, state::LabelsFromJson(state->second.at("labels")));
  Resume(id, *this);
  OnClose(id);
}

void Pipeline::Resume(source::StreamId id, Pipeline& keeper) {
  auto feed = feeds_.find(id);
  auto state = feed == feeds_.end() ? decltype(resumable_)::node_type{} : keeper.resumable_.extract(id);
  if (!state) return;
  const json& saved = state.mapped();
  try {
    feed->second.splitter.Resume(saved.at("partial").get<std::string>(), saved.at("skipping").get<bool>());
    feed->second.stream->Restore(saved.at("stream"));
    keeper.losses_before_.Subtract(LossesOf(*feed->second.stream));
  } catch (const std::exception&) {
    feed->second.stream->Restart();  // the file was whole, so this is a bug of ours: names are lost, counts are not
  }
}

}  // namespace qte::pipeline
