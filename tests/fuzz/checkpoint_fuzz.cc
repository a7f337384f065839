// The checkpoint: any bytes are one or an error, and what is taken up can be worked with and saved again.
//
// Input: the payload of a checkpoint, CBOR (what the header and its hash keep from being read otherwise).
#include "guests/checkpoint.h"

#include <set>

#include "default_program.h"
#include "exposition/text.h"
#include "exposition_check.h"
#include "fuzz.h"
#include "guests/checkpoint_file.h"

using namespace qte;
using fuzz::Require;

namespace {

constexpr std::string_view kLog =
    "code 0x55 keycode 0x1c\n"
    "1@1795408732.182803:blk_root_attach child 0x2 blk 0x3 bs 0x1\n"
    "1@1795408732.182807:dma_complete dbs=0x9 ret=0 cb=0x4\n"
    "1@1795408732.182804:dma_blk_io dbs=0x9 bs=0x3 offset=0 to_dev=0\n";

// What a daemon does with a checkpoint; nothing if it is refused.
void GoOn(const nlohmann::json& payload) {
  static const std::shared_ptr<const rules::Program> program = fuzz::DefaultProgram();
  guests::SavedState saved;
  try {
    saved = guests::SavedStateFromJson(payload);
  } catch (const std::exception&) {
    return;
  }
  std::set<source::StreamId> ids;
  for (const source::StreamPosition& position : saved.positions.streams) ids.insert(position.id);
  guests::Guests guests(program, guests::SourceLabels({}), 1);
  if (!guests.Restore(saved.guests, ids)) return;
  constexpr size_t kMostLogs = 8;
  size_t count = 0;
  for (source::StreamId id : ids) {
    if (++count > kMostLogs) break;
    guests.OnOpen(id, 0, "/log/vm.log", 0);
    fuzz::CutInPieces(kLog, {}, '\xee', [&](std::string_view piece) { guests.OnBytes(id, piece); });
  }
  exposition::ToText(guests.TakeSnapshot());
  guests::Checkpoint checkpoint;
  checkpoint.guests = guests.Save();
  checkpoint.positions = saved.positions;
  std::string file = guests::EncodeCheckpoint(guests::ToJson(checkpoint));
  Result<nlohmann::json> again = guests::DecodeCheckpoint(file);
  Require(again.ok(), "what was saved can be read");
  guests::Guests next(program, guests::SourceLabels({}), 1);
  guests::SavedState taken = guests::SavedStateFromJson(*again);
  Require(next.Restore(taken.guests, ids).ok(), "and taken up");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  (void)guests::DecodeCheckpoint(fuzz::View(data, size)).ok();
  Result<nlohmann::json> payload = guests::DecodePayload(fuzz::View(data, size));
  if (payload) GoOn(*payload);
  return 0;
}
