// A pipeline's part of a checkpoint:
//
//   {"families": [as in state/series.h], "events": [as in EventCounts],
//    "lines", "event_lines", "bytes", "expired", "unparsed": {reason: count}, "losses": losses, "last_stamp": prefix,
//    "streams": [[id, {"losses": losses, "partial": bytes, "skipping": bool, "stream": as in
//    rules/stream_state.cc}], ...]}
//
// where losses are {"abandoned": {span: count}, "forgotten": {lookup: count}}.
#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "pipeline/pipeline.h"
#include "state/series.h"

namespace qte::pipeline {

using nlohmann::json;

json Pipeline::ToJson(const Losses& losses) {
  return {{"abandoned", losses.abandoned}, {"forgotten", losses.forgotten}};
}

Pipeline::Losses Pipeline::LossesFromJson(const json& from) {
  Losses losses;
  from.at("abandoned").get_to(losses.abandoned);
  from.at("forgotten").get_to(losses.forgotten);
  return losses;
}

json Pipeline::SaveFeed(const Feed& feed) const {
  return {{"partial", std::string(feed.splitter.partial())},
          {"losses", ToJson(LossesOf(*feed.stream))},
          {"skipping", feed.splitter.skipping()},
          {"stream", feed.stream->Save()}};
}

Pipeline::Saved Pipeline::Save() const {
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
  saved.rest = {{"events", event_counts_.Save()},
                {"lines", lines_},
                {"event_lines", events_},
                {"bytes", bytes_},
                {"expired", expired_},
                {"unparsed", std::move(unparsed)},
                {"losses", ToJson(losses_before_)},
                {"last_stamp", std::string(last_stamp_.text.data(), last_stamp_.prefix.size)},
                {"streams", std::move(streams)}};
  return saved;
}

json Pipeline::ToJson(Saved saved) {
  json result = std::move(saved.rest);
  json families = json::array();
  for (size_t i = 0; i < saved.families.size(); ++i) {
    families.push_back(state::FamilyToJson(saved.families[i], saved.overflowed[i]));
  }
  result["families"] = std::move(families);
  return result;
}

// Metrics that the config no longer has, or has otherwise, begin anew.
void Pipeline::RestoreFamilies(const json& saved) {
  for (const json& entry : saved) {
    metrics::FamilySnapshot before = state::FamilyFromJson(entry);
    // Whoever is not there any more expires, too; the series of all that is over the limit does not.
    for (size_t i = 0; i < before.series_count; ++i) {
      const metrics::Labels& base = *before.LabelsOf(i).base;
      if (base.empty() || base.front().second != metrics::kOther) activity_.For(base);
    }
    for (metrics::Family& family : families_) {
      if (!metrics::Compatible(*before.spec, family.spec())) continue;
      family.Restore(before);
      family.set_overflowed(entry.at("overflowed").get<uint64_t>());
    }
  }
}

Status Pipeline::Restore(const json& saved, const source::Positions& positions) {
  try {
    RestoreFamilies(saved.at("families"));
    event_counts_.Restore(saved.at("events"));
    lines_ = saved.at("lines").get<uint64_t>();
    events_ = saved.at("event_lines").get<uint64_t>();
    bytes_ = saved.at("bytes").get<uint64_t>();
    expired_ = saved.at("expired").get<uint64_t>();
    event_counts_.ForEachLabels([this](const metrics::Labels& labels) { activity_.For(labels); });
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
  } catch (const std::exception& error) {
    return Error{error.what()};
  }
  return {};
}

void Pipeline::OnResume(source::StreamId id, source::StreamId was) {
  auto feed = feeds_.find(id);
  auto state = resumable_.extract(was);
  if (feed == feeds_.end() || !state) return;
  const json& saved = state.mapped();
  try {
    feed->second.splitter.Resume(saved.at("partial").get<std::string>(), saved.at("skipping").get<bool>());
    feed->second.stream->Restore(saved.at("stream"));
    losses_before_.Subtract(LossesOf(*feed->second.stream));
  } catch (const std::exception&) {
    feed->second.stream->Restart();  // the file was whole, so this is a bug of ours: names are lost, counts are not
  }
}

}  // namespace qte::pipeline
