#include "qmp/drives.h"

#include <algorithm>
#include <set>
#include <string_view>
#include <utility>

namespace qte::qmp {
namespace {

using nlohmann::json;

constexpr uint64_t kSector = 512;

std::string TextAt(const json& object, const char* key) {
  auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

// The monitor has its own rules for quotes and blanks.
bool IsPlain(std::string_view name) {
  constexpr std::string_view kOther = "_-./#:[]@+";
  return !name.empty() && name.front() != '-' && std::all_of(name.begin(), name.end(), [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           kOther.find(c) != std::string_view::npos;
  });
}

int64_t SizeOf(const json& inserted) {
  auto image = inserted.find("image");
  if (image == inserted.end() || !image->is_object()) return 0;
  auto size = image->find("virtual-size");
  return size != image->end() && size->is_number_integer() ? size->get<int64_t>() : 0;
}

int64_t OffsetWithin(int64_t size, uint64_t random) {
  uint64_t between = 1 + (random >> 32) % (kSector - 1);
  uint64_t sectors = static_cast<uint64_t>(size) / kSector;
  return static_cast<int64_t>(random % sectors * kSector + between);
}

int64_t OffsetBehind(int64_t size, uint64_t random) {
  constexpr uint64_t kFarthest = uint64_t{1} << 40;
  uint64_t between = 1 + (random >> 48) % (kSector - 1);
  return static_cast<int64_t>((static_cast<uint64_t>(size) / kSector + 1 + random % kFarthest) * kSector + between);
}

}  // namespace

std::vector<Drive> DrivesOf(const json& query_block) {
  // So that the sector of an offset behind the end is a number as well.
  constexpr int64_t kLargest = int64_t{1} << 60;
  std::vector<Drive> drives;
  if (!query_block.is_array()) return drives;
  for (const json& from : query_block) {
    if (!from.is_object()) continue;
    auto inserted = from.find("inserted");
    if (inserted == from.end() || !inserted->is_object() || inserted->value("active", json(true)) == json(false)) {
      continue;
    }
    Drive drive;
    drive.name = TextAt(from, "qdev");
    drive.is_qdev = !drive.name.empty();
    if (!drive.is_qdev) drive.name = TextAt(from, "device");
    drive.file = TextAt(*inserted, "file");
    drive.format = TextAt(*inserted, "drv");
    drive.backend = TextAt(from, "device");
    drive.qdev = TextAt(from, "qdev");
    drive.is_read_only = inserted->value("ro", json()) == json(true);
    drive.size = SizeOf(*inserted);
    drive.is_throttled = inserted->contains("group") || TextAt(*inserted, "drv") == "throttle";
    bool has_room = drive.size >= static_cast<int64_t>(kSector) && drive.size <= kLargest;
    if (IsPlain(drive.name) && !drive.file.empty() && has_room) drives.push_back(std::move(drive));
  }
  return drives;
}

std::string Probe::CommandLine() const {
  return "qemu-io " + std::string(drive.is_qdev ? "-d " : "") + drive.name + " \"read -q " + std::to_string(offset) +
         " 0\"";
}

std::vector<Probe> MakeProbes(std::vector<Drive> drives, const std::function<uint64_t()>& random) {
  // Small disks have few offsets; one that finds none that is free is asked another time.
  constexpr int kTries = 16;
  std::set<int64_t> taken;
  std::vector<Probe> probes;
  for (Drive& drive : drives) {
    for (int i = 0; i < kTries; ++i) {
      int64_t offset = drive.is_throttled ? OffsetBehind(drive.size, random()) : OffsetWithin(drive.size, random());
      if (!taken.insert(offset).second) continue;
      probes.push_back({std::move(drive), offset});
      break;
    }
  }
  return probes;
}

bool MayProbe(const json& query_status) {
  if (!query_status.is_object()) return false;
  std::string status = TextAt(query_status, "status");
  return !status.empty() && status != "inmigrate" && status != "postmigrate" && status != "finish-migrate";
}

}  // namespace qte::qmp
