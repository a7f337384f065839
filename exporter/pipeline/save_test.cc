// A pipeline that is saved at any byte and goes on in another process ends with the numbers of one that never stopped.
#include <filesystem>

#include "pipeline/moment.h"
#include "pipeline/pipeline_for_test.h"
#include "state/checkpoint.h"

namespace qte::pipeline {
namespace {

constexpr source::StreamId kWas = 7;

// As a later process takes it up: through the bytes of a checkpoint's file.
Resumption ThroughFile(Pipeline& pipeline) {
  Moment moment;
  moment.pipelines.push_back(pipeline.Save());
  moment.positions.streams.push_back({.id = kWas, .path = "/log/vm1.log", .place = "/log/vm1.log"});
  Result<nlohmann::json> payload = state::DecodeCheckpoint(state::EncodeCheckpoint(ToJson(moment)));
  REQUIRE(payload);
  return ResumptionFromJson(*payload);
}

std::unique_ptr<PipelineForTest> GoOn(Pipeline& pipeline, const std::string& config) {
  Resumption resumption = ThroughFile(pipeline);
  auto next = std::make_unique<PipelineForTest>(config, "");
  (*next)->OnClose(0);
  Status restored = (*next)->Restore(resumption.pipeline, resumption.positions);
  INFO((restored ? "" : restored.error()));
  REQUIRE(restored);
  (*next)->OnOpen(kWas, 0, "/log/vm1.log");
  return next;
}

std::unique_ptr<PipelineForTest> Start(const std::string& config) {
  auto first = std::make_unique<PipelineForTest>(config, "");
  (*first)->OnClose(0);
  (*first)->OnOpen(kWas, 0, "/log/vm1.log");
  return first;
}

TEST_CASE("State of decoders that another version had is left aside") {
  std::string text = ReadFile("tests/data/traces/nvme-7.2.log");
  auto first = Start(DefaultConfig());
  first->Feed(text, std::string::npos, kWas);
  Resumption resumption = ThroughFile(**first);
  for (nlohmann::json& stream : resumption.pipeline.at("streams")) {
    nlohmann::json& decoders = stream.at(1).at("stream").at("decoders");
    REQUIRE(decoders.size() == 2);
    decoders = {decoders.at(0), {"dma_request", {{"names", 5}}}, {"block_request", nlohmann::json::array()}};
  }
  auto next = std::make_unique<PipelineForTest>(DefaultConfig(), "");
  (*next)->OnClose(0);
  REQUIRE((*next)->Restore(resumption.pipeline, resumption.positions));
  (*next)->OnOpen(kWas, 0, "/log/vm1.log");
  std::string requests = "qemu_block_reads_total{interface=nvme,device=/images/disk.raw}";
  CHECK(next->Value(requests) > 0);
  CHECK(next->Value(requests) == first->Value(requests));
}

TEST_CASE("A recorded trace that is interrupted anywhere gives the same series") {
  for (const char* name : {"ide-raw-7.2.log", "keys-7.2.log", "nvme-7.2.log", "virtio-scsi-7.2.log"}) {
    std::string text = ReadFile(std::string("tests/data/traces/") + name);
    text.resize(std::min<size_t>(text.size(), 200'000));
    auto whole = Start(DefaultConfig());
    whole->Feed(text, std::string::npos, kWas);
    std::map<std::string, double> want = whole->Values();
    for (size_t part = 1; part < 12; ++part) {
      size_t cut = text.size() * part / 12 + part;
      INFO(name << " cut at " << cut);
      auto first = Start(DefaultConfig());
      first->Feed(text.substr(0, cut), std::string::npos, kWas);
      auto second = GoOn(**first, DefaultConfig());
      second->Feed(text.substr(cut), std::string::npos, kWas);
      CHECK(second->Values() == want);
    }
  }
}

TEST_CASE("A stream that does not come back keeps what it counted, and is saved again") {
  auto first = Start(DefaultConfig());
  first->Feed("ps2_put_keycode 0x55 keycode 0x1c\nps2_put_key", std::string::npos, kWas);
  Resumption resumption = ThroughFile(**first);
  PipelineForTest second(DefaultConfig(), "/log/other.log");
  REQUIRE(second->Restore(resumption.pipeline, resumption.positions));
  auto third = GoOn(*second, DefaultConfig());
  third->Feed("code 0x55 keycode 0xf0\n", std::string::npos, kWas);
  CHECK(third->Value("qemu_trace_events_total{event=ps2_put_keycode}") == 2);
}

TEST_CASE("What the config no longer has is left out, what it has otherwise begins anew") {
  auto first = Start(DefaultConfig());
  first->Feed("ps2_put_keycode 0x55 keycode 0x1c\n", std::string::npos, kWas);
  std::string config =
      "sources: [{path: /log/vm1.log}]\n"
      "metrics: [{name: qemu_keyboard_keycodes_total, type: counter, help: x, event: ps2_put_keycode,\n"
      "   labels: {code: keycode}}]\n";
  auto second = GoOn(**first, config);
  CHECK(!second->Values().contains("qemu_keyboard_keycodes_total{code=1c}"));
  second->Feed("ps2_put_keycode 0x55 keycode 0x1c\n", std::string::npos, kWas);
  CHECK(second->Value("qemu_keyboard_keycodes_total{code=1c}") == 1);
  CHECK(second->Value("qemu_trace_events_total{event=ps2_put_keycode}") == 2);
}

TEST_CASE("A payload that no Save made is an error") {
  auto first = Start(DefaultConfig());
  Resumption resumption = ThroughFile(**first);
  for (const char* key : {"families", "events", "lines", "bytes", "unparsed", "losses", "last_stamp", "streams"}) {
    INFO(key);
    nlohmann::json broken = resumption.pipeline;
    broken.erase(key);
    PipelineForTest second(DefaultConfig());
    CHECK(!second->Restore(broken, resumption.positions));
    broken[key] = true;
    CHECK(!second->Restore(broken, resumption.positions));
  }
}

}  // namespace
}  // namespace qte::pipeline
