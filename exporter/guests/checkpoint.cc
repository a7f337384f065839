#include "guests/checkpoint.h"

#include <chrono>
#include <stdexcept>
#include <utility>

namespace qte::guests {

using nlohmann::json;

namespace {

json ToJson(const source::StreamPosition& position) {
  const source::Fingerprint& known = position.point.fingerprint;
  return {{"id", position.id},
          {"path", position.path},
          {"place", position.place},
          {"device", position.file.device},
          {"inode", position.file.inode},
          {"directory", {position.directory.device, position.directory.inode}},
          {"birth", position.birth},
          {"offset", position.point.offset},
          {"known_size", position.point.known_size},
          {"has_data", position.point.has_data},
          {"head", {known.head_size, known.head_hash}},
          {"tail", {known.tail_size, known.tail_hash}},
          {"predecessor", position.predecessor},
          {"has_successor", position.has_successor},
          {"drained", position.is_drained},
          {"announced", position.is_announced},
          {"link", position.is_link},
          {"reclaimed", position.reclaimed},
          {"unseen", position.unseen_seconds}};
}

source::StreamPosition PositionFromJson(const json& from) {
  source::StreamPosition position;
  from.at("id").get_to(position.id);
  from.at("path").get_to(position.path);
  from.at("place").get_to(position.place);
  from.at("device").get_to(position.file.device);
  from.at("inode").get_to(position.file.inode);
  // Earlier versions saved less. Their streams were all known to the receiver.
  if (auto directory = from.find("directory"); directory != from.end()) {
    directory->at(0).get_to(position.directory.device);
    directory->at(1).get_to(position.directory.inode);
  }
  from.at("birth").get_to(position.birth);
  from.at("offset").get_to(position.point.offset);
  from.at("known_size").get_to(position.point.known_size);
  from.at("has_data").get_to(position.point.has_data);
  source::Fingerprint& known = position.point.fingerprint;
  from.at("head").at(0).get_to(known.head_size);
  from.at("head").at(1).get_to(known.head_hash);
  from.at("tail").at(0).get_to(known.tail_size);
  from.at("tail").at(1).get_to(known.tail_hash);
  position.predecessor = from.value("predecessor", source::StreamId{0});
  from.at("has_successor").get_to(position.has_successor);
  position.is_drained = from.value("drained", false);
  position.is_announced = from.value("announced", true);
  position.is_link = from.value("link", false);
  position.reclaimed = from.value("reclaimed", uint64_t{0});
  position.unseen_seconds = from.value("unseen", int64_t{0});
  if (known.head_size > source::kHeadBytes || known.tail_size > source::kTailBytes ||
      known.tail_size > position.point.offset) {
    throw std::range_error("a file's fingerprint is larger than it can be");
  }
  return position;
}

json ToJson(const source::Positions& positions) {
  json streams = json::array();
  for (const source::StreamPosition& stream : positions.streams) streams.push_back(ToJson(stream));
  json directories = json::array();
  for (const auto& [key, time] : positions.looks.directories()) directories.push_back({key.inode, key.birth, time});
  return {{"patterns", positions.looks.patterns()}, {"directories", std::move(directories)}, {"streams", std::move(streams)}};
}

source::Positions PositionsFromJson(const json& from) {
  source::Positions positions;
  for (const auto& [pattern, time] : from.at("patterns").items()) positions.looks.Note(pattern, time.get<int64_t>());
  for (const json& each : from.at("directories")) {
    positions.looks.Note(source::DirectoryKey{each.at(0).get<uint64_t>(), each.at(1).get<int64_t>()}, each.at(2).get<int64_t>());
  }
  for (const json& stream : from.at("streams")) positions.streams.push_back(PositionFromJson(stream));
  return positions;
}

}  // namespace

Totals Sum(const Totals& before, const source::SourceTotals& now) {
  Totals sum;
  sum.rotations = before.rotations + now.rotations;
  sum.truncations = before.truncations + now.truncations;
  sum.lost_bytes = before.lost_bytes + now.lost_bytes;
  sum.pipe_full_seconds = before.pipe_full_seconds + std::chrono::duration<double>(now.pipe_full_time).count();
  return sum;
}

json ToJson(Checkpoint checkpoint) {
  const Totals& totals = checkpoint.totals;
  return {{"guests", Guests::ToJson(std::move(checkpoint.guests))},
          {"positions", ToJson(checkpoint.positions)},
          {"qmp", std::move(checkpoint.qmp)},
          {"logins", checkpoint.logins},
          {"totals",
           {{"rotations", totals.rotations},
            {"truncations", totals.truncations},
            {"lost_bytes", totals.lost_bytes},
            {"reclaimed_bytes", totals.reclaimed_bytes},
            {"pipe_full_seconds", totals.pipe_full_seconds}}}};
}

SavedState SavedStateFromJson(json payload) {
  SavedState state;
  state.positions = PositionsFromJson(payload.at("positions"));
  const json& totals = payload.at("totals");
  totals.at("rotations").get_to(state.totals.rotations);
  totals.at("truncations").get_to(state.totals.truncations);
  totals.at("lost_bytes").get_to(state.totals.lost_bytes);
  totals.at("reclaimed_bytes").get_to(state.totals.reclaimed_bytes);
  totals.at("pipe_full_seconds").get_to(state.totals.pipe_full_seconds);
  if (auto qmp = payload.find("qmp"); qmp != payload.end()) state.qmp = std::move(*qmp);
  if (auto logins = payload.find("logins"); logins != payload.end()) logins->get_to(state.logins);
  state.guests = std::move(payload.at("guests"));
  return state;
}

}  // namespace qte::guests
