#include "qmp/drives.h"

#include <set>

#include "catch.h"

namespace qte::qmp {
namespace {

using nlohmann::json;

json Inserted(const std::string& file, int64_t size) {
  return {{"file", file}, {"drv", "raw"}, {"image", {{"virtual-size", size}}}};
}

std::string NameOfOnly(const json& block) {
  std::vector<Drive> drives = DrivesOf(block);
  if (drives.empty()) return {};
  return (drives[0].is_qdev ? "-d " : "") + drives[0].name;
}

TEST_CASE("Drives of query-block") {
  json disk = {{"device", "d0"}, {"qdev", "/machine/peripheral/v0/virtio-backend"}, {"inserted", Inserted("/a", 4096)}};
  json without = disk, empty = disk, throttled = disk, filtered = disk, inactive = disk, odd = disk, small = disk;
  without.erase("qdev");
  empty.erase("inserted");
  throttled["inserted"]["group"] = "d0";
  filtered["inserted"]["drv"] = "throttle";
  inactive["inserted"]["active"] = false;
  odd["qdev"] = "a \"b";
  small["inserted"]["image"]["virtual-size"] = 511;
  CHECK(NameOfOnly(json::array({disk})) == "-d /machine/peripheral/v0/virtio-backend");
  CHECK(NameOfOnly(json::array({without})) == "d0");
  CHECK(!DrivesOf(json::array({disk}))[0].is_throttled);
  CHECK(DrivesOf(json::array({throttled}))[0].is_throttled);
  CHECK(DrivesOf(json::array({filtered}))[0].is_throttled);
  for (const json& none : {json::array({empty}), json::array({inactive}), json::array({odd}), json::array({small}),
                           json::parse("null"), json::parse("5"), json::parse(R"([1, "x", null, {"inserted": 5}])"),
                           json::parse(R"([{"qdev": {}, "device": "d", "inserted": {"file": 5, "image": "x"}}])")}) {
    CAPTURE(none.dump());
    CHECK(DrivesOf(none).empty());
  }
}

TEST_CASE("Probes are different reads of nothing between two sectors") {
  uint64_t seed = 1;
  auto random = [&seed] { return seed = seed * 6364136223846793005 + 1442695040888963407; };
  std::vector<Drive> drives(200, {"d", true, "/a", 1 << 20, false});
  drives.resize(400, {"d", false, "/b", (1 << 20) + 5, true});
  std::vector<Probe> probes = MakeProbes(drives, random);
  REQUIRE(probes.size() == 400);
  std::set<int64_t> offsets;
  for (const Probe& probe : probes) {
    offsets.insert(probe.offset);
    CHECK(probe.offset % 512 != 0);
    CHECK(probe.offset > 0);
    CHECK((probe.offset > probe.drive.size) == probe.drive.is_throttled);
  }
  CHECK(offsets.size() == 400);
  CHECK(probes[0].CommandLine() == "qemu-io -d d \"read -q " + std::to_string(probes[0].offset) + " 0\"");
  CHECK(probes[399].CommandLine() == "qemu-io d \"read -q " + std::to_string(probes[399].offset) + " 0\"");
  // A disk of one sector has 511 offsets.
  std::vector<Probe> crowded = MakeProbes(std::vector<Drive>(600, {"d", true, "/a", 512, false}), random);
  CHECK(crowded.size() <= 511);
}

TEST_CASE("Images are not touched at the ends of a migration") {
  CHECK(MayProbe({{"status", "running"}}));
  CHECK(MayProbe({{"status", "paused"}}));
  for (const char* state : {"inmigrate", "postmigrate", "finish-migrate", ""}) CHECK(!MayProbe({{"status", state}}));
  CHECK(!MayProbe(json(5)));
  CHECK(!MayProbe({{"status", 5}}));
}

}  // namespace
}  // namespace qte::qmp
