// The checkpoint's payload:
//
//   {"pipeline": as in pipeline/save.cc,
//    "positions": {"specs": [path, ...], "looked_at",
//                  "streams": [{"id", "path", "place", "device", "inode", "birth", "offset", "known_size", "has_data",
//                               "head": [size, hash], "tail": [size, hash], "finished"}, ...]},
//    "totals": {"rotations", "truncations", "lost_bytes"}}
#include "daemon/checkpointer.h"

#include <spdlog/spdlog.h>

#include <chrono>
#include <stdexcept>

namespace qte::daemon {
namespace {

using nlohmann::json;

constexpr std::chrono::seconds kInterval{3};

json ToJson(const source::StreamPosition& position) {
  const source::Fingerprint& known = position.point.fingerprint;
  return {{"id", position.id},
          {"path", position.path},
          {"place", position.place},
          {"device", position.file.device},
          {"inode", position.file.inode},
          {"birth", position.birth},
          {"offset", position.point.offset},
          {"known_size", position.point.known_size},
          {"has_data", position.point.has_data},
          {"head", {known.head_size, known.head_hash}},
          {"tail", {known.tail_size, known.tail_hash}},
          {"finished", position.is_finished}};
}

source::StreamPosition PositionFromJson(const json& from) {
  source::StreamPosition position;
  from.at("id").get_to(position.id);
  from.at("path").get_to(position.path);
  from.at("place").get_to(position.place);
  from.at("device").get_to(position.file.device);
  from.at("inode").get_to(position.file.inode);
  from.at("birth").get_to(position.birth);
  from.at("offset").get_to(position.point.offset);
  from.at("known_size").get_to(position.point.known_size);
  from.at("has_data").get_to(position.point.has_data);
  source::Fingerprint& known = position.point.fingerprint;
  from.at("head").at(0).get_to(known.head_size);
  from.at("head").at(1).get_to(known.head_hash);
  from.at("tail").at(0).get_to(known.tail_size);
  from.at("tail").at(1).get_to(known.tail_hash);
  from.at("finished").get_to(position.is_finished);
  if (known.head_size > source::kHeadBytes || known.tail_size > source::kTailBytes ||
      known.tail_size > position.point.offset) {
    throw std::range_error("a file's fingerprint is larger than it can be");
  }
  return position;
}

json ToJson(const source::Positions& positions) {
  json streams = json::array();
  for (const source::StreamPosition& stream : positions.streams) streams.push_back(ToJson(stream));
  return {{"specs", positions.specs}, {"looked_at", positions.looked_at}, {"streams", std::move(streams)}};
}

source::Positions PositionsFromJson(const json& from) {
  source::Positions positions;
  from.at("specs").get_to(positions.specs);
  from.at("looked_at").get_to(positions.looked_at);
  for (const json& stream : from.at("streams")) positions.streams.push_back(PositionFromJson(stream));
  return positions;
}

json ToJson(const Moment& moment) {
  return {{"pipeline", pipeline::Pipeline::ToJson(moment.pipeline)},
          {"positions", ToJson(moment.positions)},
          {"totals",
           {{"rotations", moment.totals.rotations},
            {"truncations", moment.totals.truncations},
            {"lost_bytes", moment.totals.lost_bytes}}}};
}

Resumption FromJson(json payload) {
  Resumption resumption;
  resumption.positions = PositionsFromJson(payload.at("positions"));
  const json& totals = payload.at("totals");
  totals.at("rotations").get_to(resumption.totals.rotations);
  totals.at("truncations").get_to(resumption.totals.truncations);
  totals.at("lost_bytes").get_to(resumption.totals.lost_bytes);
  resumption.pipeline = std::move(payload.at("pipeline"));
  return resumption;
}

double SecondsSinceEpoch() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

}  // namespace

Result<std::unique_ptr<Checkpointer>> Checkpointer::Open(const std::string& directory) {
  Result<state::CheckpointDirectory> opened = state::CheckpointDirectory::Open(directory);
  if (!opened) return Error{opened.error()};
  return std::unique_ptr<Checkpointer>(new Checkpointer(std::move(*opened)));
}

Checkpointer::~Checkpointer() {
  EndThread();
}

std::optional<Resumption> Checkpointer::Load() {
  state::CheckpointDirectory::Loaded loaded = directory_.Load();
  if (!loaded.warning.empty()) spdlog::warn("{}", loaded.warning);
  if (!loaded.payload) return std::nullopt;
  try {
    return FromJson(std::move(*loaded.payload));
  } catch (const std::exception& error) {
    SetAside(error.what());
    return std::nullopt;
  }
}

void Checkpointer::SetAside(const std::string& why) {
  spdlog::warn("{}", directory_.SetAside(why));
}

void Checkpointer::Start(std::function<Moment()> take) {
  take_ = std::move(take);
  thread_ = std::thread([this] { Run(); });
}

void Checkpointer::Run() {
  std::unique_lock lock(mutex_);
  while (!wake_.wait_for(lock, kInterval, [this] { return stopping_; })) {
    lock.unlock();
    Write();
    lock.lock();
  }
}

void Checkpointer::EndThread() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void Checkpointer::Stop() {
  if (!thread_.joinable()) return;
  EndThread();
  Write();
}

// A failure is told once, not every few seconds.
void Checkpointer::Write() {
  Status written = directory_.Write(ToJson(take_()));
  if (written) {
    if (failing_) spdlog::info("checkpoints can be written again");
    last_success_ = SecondsSinceEpoch();
  } else if (!failing_) {
    spdlog::error("{}; a restart would go on from the last checkpoint that could be written", written.error());
  }
  failing_ = !written.ok();
}

}  // namespace qte::daemon
