// The checkpoint: any bytes are one or an error, and what is taken up can be worked with and saved again.
//
// Input: the payload of a checkpoint, CBOR (what the header and its hash keep from being read otherwise).
#include "state/checkpoint.h"

#include "default_program.h"
#include "exposition/text.h"
#include "exposition_check.h"
#include "fuzz.h"
#include "pipeline/moment.h"

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
  pipeline::Resumption resumption;
  try {
    resumption = pipeline::ResumptionFromJson(payload);
  } catch (const std::exception&) {
    return;
  }
  pipeline::Pipeline pipeline(program, pipeline::SourceLabels({}));
  if (!pipeline.Restore(resumption.pipeline, resumption.positions)) return;
  int opened = 0;
  for (const source::StreamPosition& position : resumption.positions.streams) {
    if (++opened > 8) break;
    source::StreamId id = position.id;
    pipeline.OnOpen(id, 0, "/log/vm.log");
    fuzz::CutInPieces(kLog, {}, '\xee', [&](std::string_view piece) { pipeline.OnBytes(id, piece); });
  }
  exposition::ToText(pipeline.TakeSnapshot());
  pipeline::Moment moment;
  moment.pipelines.push_back(pipeline.Save());
  moment.positions = resumption.positions;
  std::string file = state::EncodeCheckpoint(pipeline::ToJson(std::move(moment)));
  Result<nlohmann::json> again = state::DecodeCheckpoint(file);
  Require(again.ok(), "what was saved can be read");
  pipeline::Pipeline next(program, pipeline::SourceLabels({}));
  pipeline::Resumption taken = pipeline::ResumptionFromJson(*again);
  Require(next.Restore(taken.pipeline, taken.positions).ok(), "and taken up");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  (void)state::DecodeCheckpoint(fuzz::View(data, size)).ok();
  Result<nlohmann::json> payload = state::DecodePayload(fuzz::View(data, size));
  if (payload) GoOn(*payload);
  return 0;
}
