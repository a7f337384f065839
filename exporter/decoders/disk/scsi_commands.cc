#include "decoders/disk/scsi_commands.h"

#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "joins/saved.h"

namespace qte::decoders {
using namespace joins;
namespace {

using nlohmann::json;
using trace::Value;

bool IsWriteSame(uint64_t command) {
  return command == 0x41 || command == 0x93;
}

std::optional<BlockOperation> OperationOf(uint64_t command) {
  switch (command) {
    case 0x08:  // READ(6), (10), (12), (16)
    case 0x28:
    case 0xa8:
    case 0x88:
      return BlockOperation::kRead;
    case 0x0a:  // WRITE(6), (10), (12), (16)
    case 0x2a:
    case 0xaa:
    case 0x8a:
    case 0x2e:  // WRITE AND VERIFY(10), (12), (16)
    case 0xae:
    case 0x8e:
      return BlockOperation::kWrite;
    case 0x41:  // WRITE SAME(10), (16)
    case 0x93:
      return BlockOperation::kWrite;
    case 0x35:  // SYNCHRONIZE CACHE(10), (16)
    case 0x91:
      return BlockOperation::kFlush;
    default:
      return std::nullopt;
  }
}

// With the arguments target, lun and tag.
uint64_t KeyOf(const Input& input) {
  return (input.args[0].bits & 0xffff) << 48 | (input.args[1].bits & 0xffff) << 32 | (input.args[2].bits & UINT32_MAX);
}

}  // namespace

void ScsiCommands::OnParsed(const Input& input) {
  uint64_t key = KeyOf(input);
  std::optional<BlockOperation> operation = OperationOf(input.args[3].bits);
  if (!operation) {
    if (uint32_t same = open_.Find(key); same != kNone) open_.Abandon(same);
    return;
  }
  open_.MakeRoom(key, [this](uint32_t id) { open_.Abandon(id); });
  Command& command = open_[open_.Open(key)];
  command.start_us = input.time_us;
  command.unit = ScsiUnit(input.args[0].bits, input.args[1].bits);
  command.is_write_same = IsWriteSame(input.args[3].bits);
  // The length of a WRITE SAME is that of the block to be repeated.
  if (!command.is_write_same && !input.args[4].negative) command.bytes = input.args[4].bits;
  command.operation = *operation;
}

void ScsiCommands::OnContinue(const Input& input, FrontEndHints& hints) {
  uint64_t key = KeyOf(input);
  uint32_t id = open_.Find(key);
  if (id == kNone || open_[id].operation == BlockOperation::kFlush) return;
  Command& command = open_[id];
  bool reads = command.operation == BlockOperation::kRead;
  bool is_data_missing = !reads && !std::exchange(command.has_data, true);
  Hint hint;
  hint.kind = is_data_missing ? &kData : &kIo;
  hint.direction = reads ? DmaDirection::kRead : DmaDirection::kWrite;
  hint.thread = input.thread;
  hint.front_end = command.unit;
  hint.key = key;
  hint.bytes = command.bytes;
  hints.Put(hint);
}

void ScsiCommands::OnDma(uint64_t key) {
  if (uint32_t id = open_.Find(key); id != kNone) open_.Close(id);
}

Hint* ScsiCommands::CommandOf(const BlockIo& io, Interface known, FrontEndHints& hints) const {
  auto fits = [&](const HintKind& kind) {
    return [&](const Hint& hint) { return hint.kind == &kind && hint.Fits(io, known) && Fits(hint.key, io); };
  };
  Hint* found = hints.Earliest(fits(kIo));
  return found != nullptr ? found : hints.Latest(fits(kData));
}

bool ScsiCommands::Fits(uint64_t key, const BlockIo& io) const {
  uint32_t id = open_.Find(key);
  if (id == kNone || io.bytes < 0) return false;
  const Command& command = open_[id];
  if (command.backend != 0 && command.backend != io.backend) return false;
  if (!command.is_write_same) return static_cast<uint64_t>(io.bytes) <= command.bytes;
  return command.backend == 0 || command.next_offset == io.offset;
}

// Another piece may follow without an announcement of its own in a WRITE SAME of other than zeroes.
void ScsiCommands::OnBlockIo(const BlockIo& io, Hint& hint, BlockDevices& devices) {
  Command& command = open_[open_.Find(hint.key)];
  auto bytes = static_cast<uint64_t>(io.bytes);
  devices.Use(io);
  devices.Learn(command.unit, {io.backend, io.backend_text}, Interface::kScsi);
  command.backend = io.backend;
  if (command.is_write_same) command.bytes += bytes;
  // Unsigned, since a hostile line may hold any number.
  command.next_offset = static_cast<int64_t>(static_cast<uint64_t>(io.offset) + bytes);
  if (!command.is_write_same) hint.kind = nullptr;
}

// Keys 0 and 1, NO SENSE and RECOVERED ERROR, are no failure.
void ScsiCommands::OnSense(const Input& input) {
  uint32_t id = open_.Find(KeyOf(input));
  if (id != kNone && input.args[3].bits > 1) open_[id].failed = true;
}

// A command without a transfer of its own was one by DMA, or was refused.
void ScsiCommands::OnDequeue(const Input& input, const BlockDevices& devices, FrontEndHints& hints,
                             BlockRequestSink& out) {
  uint64_t key = KeyOf(input);
  hints.DropKey(kIo, key);
  hints.DropKey(kData, key);
  uint32_t id = open_.Find(key);
  if (id == kNone) return;
  const Command& command = open_[id];
  bool flushes = command.operation == BlockOperation::kFlush;
  if (flushes || command.backend != 0) {
    FrontEndText unit(command.unit);
    out.Emit({.interface = Interface::kScsi,
              .backend = flushes ? devices.BackendOf(command.unit).backend : command.backend,
              .name = unit.view(),
              .operation = command.operation,
              .bytes = flushes || command.failed ? Value() : Value::Unsigned(command.bytes),
              .duration = DurationOf(command.start_us, input.time_us),
              .status = command.failed ? BlockStatus::kError : BlockStatus::kOk});
  }
  open_.Close(id);
}

void ScsiCommands::AbandonOld(int64_t now_us) {
  open_.AbandonOld(now_us);
}

// What goes by DMA is counted there, and of the rest what has reached its disk.
void ScsiCommands::CountInFlight(BlockRequestsInFlight& in_flight) const {
  for (uint32_t id = open_.oldest(); id != kNone; id = open_.newer(id)) {
    const Command& command = open_[id];
    if (command.backend != 0) in_flight.Add(Interface::kScsi, command.backend, {});
  }
}

void ScsiCommands::Reset() {
  open_.AbandonAll();
}

// {"commands": [[key, start_us, unit, backend, bytes, operation, next_offset,
//  is_write_same, failed, has_data], ...], "abandoned"}
json ScsiCommands::Save() const {
  json commands = open_.Save([](uint64_t key, const Command& command) {
    return json::array({key, command.start_us, command.unit, command.backend, command.bytes, command.operation,
                        command.next_offset, command.is_write_same, command.failed, command.has_data});
  });
  return {{"commands", std::move(commands)}, {"abandoned", abandoned()}};
}

void ScsiCommands::Restore(const json& state) {
  auto restore = [](const json::array_t& row, Command& command) {
    command.start_us = SavedSigned(row[1]);
    command.unit = SavedUnsigned(row[2]);
    command.backend = SavedUnsigned(row[3]);
    command.bytes = SavedUnsigned(row[4]);
    command.operation = SavedEnum<BlockOperation>(row[5]);
    command.next_offset = SavedSigned(row[6]);
    command.is_write_same = SavedFlag(row[7]);
    command.failed = SavedFlag(row[8]);
    command.has_data = SavedFlag(row[9]);
  };
  open_.Restore(state.at("commands"), 10, restore, [this](uint32_t id) { open_.Abandon(id); });
  open_.AddAbandoned(SavedUnsigned(state.at("abandoned")));
}

}  // namespace qte::decoders
