#include "decoders/disk/scsi_commands.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <optional>
#include <stdexcept>
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
    case 0x42:
      return BlockOperation::kUnmap;
    default:
      return std::nullopt;
  }
}

// Takes the arguments target, lun and tag.
uint64_t TagOf(const Input& input) {
  return (input.args[0].bits & 0xffff) << 48 | (input.args[1].bits & 0xffff) << 32 | (input.args[2].bits & UINT32_MAX);
}

}  // namespace

// A virtio device has an array of 1,024 queues and uses the first ones. The used queues of two devices are therefore
// more than kQueuesBytes apart.
uint64_t ScsiCommands::ControllerOf(uint64_t queue) {
  for (uint64_t first : controllers_) {
    if ((queue > first ? queue - first : first - queue) < kQueuesBytes) return first;
  }
  if (controllers_.size() == kMaxControllers) controllers_.erase(controllers_.begin());
  controllers_.push_back(queue);
  return queue;
}

void ScsiCommands::OnPop(const Input& input) {
  pop_ = {input.args[0].bits, input.thread, input.time_us};
}

FrontEnd ScsiCommands::UnitOf(const Input& input) {
  Pop pop = std::exchange(pop_, Pop());
  bool is_timed = pop.time_us != kNoTime && input.time_us != kNoTime && pop.time_us <= input.time_us;
  bool is_late = is_timed && ElapsedMicroseconds(pop.time_us, input.time_us) > kPopToParsedUs;
  bool is_next = pop.queue != 0 && SameThread(pop.thread, input.thread) && !is_late;
  return ScsiUnit(input.args[0].bits, input.args[1].bits, is_next ? ControllerOf(pop.queue) : 0);
}

uint64_t ScsiCommands::CountTag(FrontEnd unit, uint64_t tag) {
  Count* found = nullptr;
  for (Count& count : counts_) {
    if (count.unit != unit || count.run < kSureRun || count.tag + 1 != tag) continue;
    if (found != nullptr) return 0;
    found = &count;
  }
  if (found == nullptr) return 0;
  found->tag = tag;
  return found->backend;
}

// Call this when the backend of a command has become known.
void ScsiCommands::FollowTags(const Command& command) {
  if (command.counted == command.backend) return;
  Count* own = nullptr;
  for (Count& count : counts_) {
    if (count.unit != command.unit) continue;
    if (count.backend == command.counted) count.run = 0;
    if (count.backend == command.backend) own = &count;
  }
  if (own == nullptr) {
    if (counts_.size() == kMaxCounts) counts_.erase(counts_.begin());
    own = &counts_.emplace_back(Count{.unit = command.unit, .backend = command.backend});
  }
  const uint64_t tag = command.tag & UINT32_MAX;
  own->run = own->tag + 1 == tag ? own->run + 1 : 0;
  own->tag = tag;
}

void ScsiCommands::OnParsed(const Input& input, uint64_t order) {
  uint64_t tag = TagOf(input);
  FrontEnd unit = UnitOf(input);
  // A controller does not reuse the tag of an open command. The controller is known for virtio-scsi only.
  uint32_t same = by_tag_.NewestOf(tag);
  bool is_replaced =
      same != kNone && open_[same].unit == unit && unit != ScsiUnit(input.args[0].bits, input.args[1].bits);
  if (is_replaced) Abandon(same);
  open_.MakeRoom(order, [this](uint32_t id) { Abandon(id); });
  uint32_t id = open_.Open(order);
  Command& command = open_[id];
  std::optional<BlockOperation> operation = OperationOf(input.args[3].bits);
  command.tag = tag;
  command.start_us = input.time_us;
  command.unit = unit;
  command.counted = CountTag(unit, input.args[2].bits & UINT32_MAX);
  command.is_write_same = IsWriteSame(input.args[3].bits);
  // The length of a WRITE SAME is the size of the block to repeat.
  if (!command.is_write_same && !input.args[4].negative) command.bytes = input.args[4].bits;
  command.is_other = !operation;
  command.operation = operation.value_or(BlockOperation::kRead);
  by_tag_.Link(open_, id);
  if (command.is_other) ++others_;
}

// Marks each command of this tag that can continue now. The next line shows which one it was.
void ScsiCommands::OnContinue(const Input& input, FrontEndHints& hints) {
  int looks = 0;
  std::array<Hint, kMaxHints> possible;
  size_t count = 0;
  for (uint32_t id = by_tag_.NewestOf(TagOf(input)); id != kNone && looks < kMaxLooks; id = open_[id].older, ++looks) {
    Command& command = open_[id];
    if (!command.moves_data()) continue;
    bool reads = command.operation == BlockOperation::kRead;
    if (reads && command.is_submitted()) {
      command.is_ending = true;
      continue;
    }
    bool is_data_missing = !reads && !std::exchange(command.has_data, true);
    if (count == kMaxHints) continue;
    Hint& hint = possible[count];
    hint.kind = is_data_missing ? &kData : count == 0 ? &kIo : &kMaybe;
    hint.direction = reads ? DmaDirection::kRead : DmaDirection::kWrite;
    hint.thread = input.thread;
    hint.front_end = command.unit;
    hint.key = open_.KeyOf(id);
    hint.bytes = command.bytes;
    ++count;
  }
  while (count > 0) hints.Put(possible[--count]);  // put the likeliest last
}

void ScsiCommands::OnDma(uint64_t key) {
  if (uint32_t id = open_.Find(key); id != kNone) Close(id);
}

Hint* ScsiCommands::CommandOf(const BlockIo& io, Interface known, FrontEndHints& hints) const {
  auto fits = [&](const HintKind& kind, Fit fit) {
    return [&, fit](const Hint& hint) { return hint.kind == &kind && hint.Fits(io, known) && Fits(hint.key, io, fit); };
  };
  if (open_.size() == 0) return nullptr;
  for (Fit fit : {Fit::kExact, Fit::kPossible}) {
    if (Hint* found = hints.Earliest(fits(kIo, fit)); found != nullptr) return found;
    if (Hint* found = hints.Latest(fits(kMaybe, fit)); found != nullptr) return found;
    if (Hint* found = hints.Latest(fits(kData, fit)); found != nullptr) return found;
  }
  return nullptr;
}

bool ScsiCommands::Fits(uint64_t key, const BlockIo& io, Fit fit) const {
  uint32_t id = open_.Find(key);
  if (id == kNone || io.bytes < 0) return false;
  const Command& command = open_[id];
  if (command.backend != 0 && command.backend != io.backend) return false;
  if (command.is_write_same) return command.backend == 0 || command.next_offset == io.offset;
  auto bytes = static_cast<uint64_t>(io.bytes);
  uint64_t left = command.bytes - std::min(command.bytes, command.submitted);
  bool is_in_place = command.backend == 0 || command.next_offset == io.offset;
  return fit == Fit::kExact ? is_in_place && bytes == std::min(left, kPieceBytes) : bytes <= command.bytes;
}

// In a WRITE SAME with data other than zeroes, another piece can follow without its own announcement.
void ScsiCommands::OnBlockIo(const BlockIo& io, Hint& hint, BlockDevices& devices, FrontEndHints& hints) {
  uint64_t key = hint.key;
  Command& command = open_[open_.Find(key)];
  auto bytes = static_cast<uint64_t>(io.bytes);
  devices.Use(io);
  devices.Learn(command.unit, {io.backend, io.backend_text}, Interface::kScsi);
  const bool is_first = std::exchange(command.backend, io.backend) == 0;
  if (is_first) FollowTags(command);
  if (command.is_write_same) command.bytes += bytes;
  command.submitted += bytes;
  // Unsigned, because a malicious line can have any number.
  command.next_offset = static_cast<int64_t>(static_cast<uint64_t>(io.offset) + bytes);
  if (command.is_write_same) return;
  DropHint(key, hints);
}

// In QEMU, the transfer follows scsi_req_continue without a pause. So what happens to one command of a tag tells that
// the others were not meant. If their hints stayed as they are, they would be taken for those of the next disk's command.
void ScsiCommands::DropHint(uint64_t key, FrontEndHints& hints) {
  for (const HintKind* kind : {&kIo, &kData, &kMaybe}) hints.DropKey(*kind, key);
  const Command& command = open_[open_.Find(key)];
  int looks = 0;
  for (uint32_t id = by_tag_.NewestOf(command.tag); id != kNone && looks < kMaxLooks; id = open_[id].older, ++looks) {
    hints.Change(kIo, open_.KeyOf(id), kMaybe);
  }
}

// Keys 0 (NO SENSE) and 1 (RECOVERED ERROR) are not failures.
void ScsiCommands::OnSense(const Input& input) {
  uint32_t id = by_tag_.NewestOf(TagOf(input));
  if (id != kNone && input.args[3].bits > 1) open_[id].failed = true;
}

uint32_t ScsiCommands::EndingOf(uint64_t tag) const {
  auto rank = [](const Command& command) {
    if (command.failed) return 3;
    if (command.is_ending || command.is_other) return 2;
    return command.is_submitted() || !command.moves_data() ? 1 : 0;
  };
  uint32_t found = by_tag_.NewestOf(tag);
  int looks = 0;
  for (uint32_t id = found; id != kNone && looks < kMaxLooks; id = open_[id].older, ++looks) {
    if (rank(open_[id]) > rank(open_[found])) found = id;
  }
  return found;
}

// A command without its own transfer used DMA or was rejected.
void ScsiCommands::OnDequeue(const Input& input, const BlockDevices& devices, FrontEndHints& hints,
                             BlockRequestSink& out) {
  uint32_t id = EndingOf(TagOf(input));
  if (id == kNone) return;
  DropHint(open_.KeyOf(id), hints);
  const Command& command = open_[id];
  bool is_without_data = !command.is_other && !command.moves_data();
  if (is_without_data || command.backend != 0) {
    FrontEndText unit(command.unit);
    out.Emit({.interface = Interface::kScsi,
              .backend = is_without_data ? BackendOf(command, devices) : command.backend,
              .name = unit.view(),
              .operation = command.operation,
              .bytes = is_without_data || command.failed ? Value() : Value::Unsigned(command.bytes),
              .duration = DurationOf(command.start_us, input.time_us),
              .status = command.failed ? BlockStatus::kError : BlockStatus::kOk});
  }
  Close(id);
}

// The end of a command that moves no data.
uint64_t ScsiCommands::BackendOf(const Command& command, const BlockDevices& devices) {
  uint64_t known = devices.BackendOf(command.unit).backend;
  return known == 0 && devices.InterfaceOf(command.counted) == Interface::kScsi ? command.counted : known;
}

void ScsiCommands::Close(uint32_t id) {
  if (open_[id].is_other) --others_;
  by_tag_.Unlink(open_, id);
  open_.Close(id);
}

// Commands that neither read, write nor flush are not counted as abandoned.
void ScsiCommands::Abandon(uint32_t id) {
  if (!open_[id].is_other) open_.AddAbandoned(1);
  Close(id);
}

void ScsiCommands::AbandonOld(int64_t now_us) {
  open_.AbandonOld(now_us, [this](uint32_t id) { Abandon(id); });
}

// The join of DMA counts commands by DMA. Other commands count once they have reached their disk.
void ScsiCommands::CountInFlight(BlockRequestsInFlight& in_flight) const {
  for (uint32_t id = open_.oldest(); id != kNone; id = open_.newer(id)) {
    const Command& command = open_[id];
    if (command.backend != 0) in_flight.Add(Interface::kScsi, command.backend, {});
  }
}

void ScsiCommands::Reset() {
  open_.AbandonAll([this](uint32_t id) { Abandon(id); });
  controllers_.clear();
  counts_.clear();
  ForgetPop();
}

// {"commands": [[order, tag, start_us, unit, backend, bytes, submitted, operation, next_offset, is_other,
//  is_write_same, failed, has_data, is_ending, counted], ...], "controllers": [queue, ...],
//  "counts": [[unit, backend, tag, run], ...], "pop": [queue, thread, time_us], "abandoned"}
json ScsiCommands::Save() const {
  json commands = open_.Save([](uint64_t order, const Command& command) {
    return json::array({order, command.tag, command.start_us, command.unit, command.backend, command.bytes,
                        command.submitted, command.operation, command.next_offset, command.is_other,
                        command.is_write_same, command.failed, command.has_data, command.is_ending, command.counted});
  });
  json counts = json::array();
  for (const Count& count : counts_) counts.push_back({count.unit, count.backend, count.tag, count.run});
  return {{"commands", std::move(commands)},
          {"controllers", controllers_},
          {"counts", std::move(counts)},
          {"pop", {pop_.queue, pop_.thread, pop_.time_us}},
          {"abandoned", abandoned()}};
}

void ScsiCommands::Restore(const json& state) {
  auto restore = [this](const json::array_t& row, Command& command) {
    command.tag = SavedUnsigned(row[1]);
    command.start_us = SavedSigned(row[2]);
    command.unit = SavedUnsigned(row[3]);
    command.backend = SavedUnsigned(row[4]);
    command.bytes = SavedUnsigned(row[5]);
    command.submitted = SavedUnsigned(row[6]);
    command.operation = SavedEnum<BlockOperation>(row[7]);
    command.next_offset = SavedSigned(row[8]);
    command.is_other = SavedFlag(row[9]);
    command.is_write_same = SavedFlag(row[10]);
    command.failed = SavedFlag(row[11]);
    command.has_data = SavedFlag(row[12]);
    command.is_ending = SavedFlag(row[13]);
    command.counted = SavedUnsigned(row[14]);
    if (command.is_other) ++others_;
    by_tag_.Link(open_, open_.Find(SavedUnsigned(row[0])));
  };
  open_.Restore(state.at("commands"), 15, restore, [this](uint32_t id) { Abandon(id); });
  const json::array_t& controllers = SavedList(state.at("controllers"));
  if (controllers.size() > kMaxControllers) throw std::runtime_error("saved state: too many controllers");
  for (const json& queue : controllers) controllers_.push_back(SavedUnsigned(queue));
  const json::array_t& counts = SavedList(state.at("counts"));
  if (counts.size() > kMaxCounts) throw std::runtime_error("saved state: too many counts of tags");
  for (const json& from : counts) {
    const json::array_t& row = SavedRow(from, 4);
    counts_.push_back({SavedUnsigned(row[0]), SavedUnsigned(row[1]), SavedUnsigned(row[2]),
                       static_cast<uint32_t>(std::min<uint64_t>(SavedUnsigned(row[3]), UINT32_MAX))});
  }
  const json::array_t& pop = SavedRow(state.at("pop"), 3);
  pop_ = {SavedUnsigned(pop[0]), SavedUnsigned(pop[1]), SavedSigned(pop[2])};
  open_.AddAbandoned(SavedUnsigned(state.at("abandoned")));
}

}  // namespace qte::decoders
