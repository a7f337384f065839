// The decoder of block requests on logs of QEMU itself, against counts that are made another way: from other events of
// the device models.
#include <algorithm>
#include <cstring>
#include <random>

#include "decoders/disk/device_models_for_test.h"

using namespace qte::decoders;

namespace {

struct Request {
  std::string interface;
  std::string device;
  std::string direction;
  std::string bytes;
  std::string duration;
  std::string status;
};

std::vector<Request> RequestsOf(const Replay& replay) {
  std::vector<Request> requests;
  for (const std::string& text : replay.emitted) {
    std::istringstream words(text);
    std::string event;
    Request r;
    words >> event >> r.interface >> r.device >> r.direction >> r.bytes >> r.duration >> r.status;
    if (event == "block_request") requests.push_back(r);
  }
  return requests;
}

// Reads and writes by "device direction"; checks what holds for all of them.
Totals TotalsOf(const Replay& replay, const std::string& interface) {
  Totals totals;
  for (const Request& r : RequestsOf(replay)) {
    CHECK((interface.empty() || r.interface == interface));
    CHECK(r.status == "ok");
    if (r.duration != "-") {
      CHECK(std::stod(r.duration) >= 0);
      CHECK(std::stod(r.duration) < 1);
    }
    if (r.direction == "flush" || r.direction == "unmap") continue;
    Total& total = totals[r.device + " " + r.direction];
    ++total.requests;
    total.bytes += std::stoull(r.bytes);
  }
  return totals;
}

size_t FlushesOf(const Replay& replay) {
  std::vector<Request> requests = RequestsOf(replay);
  return static_cast<size_t>(std::count_if(requests.begin(), requests.end(), [](const Request& r) {
    return r.direction == "flush" && r.device == "/images/disk.raw";
  }));
}

// Whether something was in flight, at the end nothing is.
void CheckInFlight(Replay& replay) {
  CHECK(replay.changes.size() >= 2);
  for (const auto& [disk, count] : replay.InFlight()) CHECK(count == 0);
}

Totals operator+(Totals a, const Totals& b) {
  for (const auto& [key, total] : b) {
    a[key].requests += total.requests;
    a[key].bytes += total.bytes;
  }
  return a;
}

Totals OfIdeBoth(const Lines& lines) {
  return OfIde(lines) + OfIdePio(lines);
}

Lines WithoutPrefix(const Lines& lines) {
  Lines without;
  for (const std::string& line : lines) {
    bool is_iso = line.starts_with("20") && line.find('T') == 10;
    size_t prefix = is_iso ? line.find(' ') : line.find(':');
    without.push_back(prefix == line.npos ? line : line.substr(prefix + 1));
  }
  return without;
}

// Another QEMU's log of the same: other pointers, threads and image.
Lines Disguised(Lines lines, const char* image) {
  for (std::string& line : lines) {
    for (size_t at = line.find(" 0x"); at != line.npos; at = line.find(" 0x", at + 1)) {
      bool is_pointer =
          line.size() >= at + 15 && (line.compare(at, 5, " 0x55") == 0 || line.compare(at, 5, " 0x7f") == 0);
      if (is_pointer) line[at + 3] = line[at + 3] == '5' ? '6' : '8';
    }
    if (size_t file = line.find("/images/disk.raw"); file != line.npos) line.replace(file, 16, image);
    if (line.find('@') == 5) line[0] = '9';
  }
  return lines;
}

// All lines of several logs in a random order that keeps each log's own.
Lines Interleaved(const std::vector<Lines>& logs, std::mt19937& random) {
  std::vector<size_t> next(logs.size(), 0);
  std::vector<size_t> turns;
  for (size_t log = 0; log < logs.size(); ++log) turns.insert(turns.end(), logs[log].size(), log);
  std::shuffle(turns.begin(), turns.end(), random);
  Lines lines;
  for (size_t log : turns) lines.push_back(logs[log][next[log]++]);
  return lines;
}

// All lines of a log but its flush, which names no drive where nothing but NVMe's own lines is known.
Lines NvmeReadsAndWrites() {
  Lines lines = ReadTrace("nvme-7.2.log");
  std::erase_if(lines, [](const std::string& line) { return line.find(" opc 0x0 ") != line.npos; });
  return lines;
}

bool IsOfNvme(const std::string& line) {
  return line.find(":pci_nvme_") != line.npos;
}

Total SumOf(const Totals& totals, const std::string& direction) {
  Total sum;
  for (const auto& [key, total] : totals) {
    if (!key.ends_with(" " + direction)) continue;
    sum.requests += total.requests;
    sum.bytes += total.bytes;
  }
  return sum;
}

struct Case {
  const char* trace;
  const char* interface;
  Totals (*count)(const Lines& lines);
  size_t flushes;  // as grep says: cmd 0xe7 or 0xea, opc 0x0, command 53; of virtio a virtqueue_pop with in_num 1
                   // out_num 1
};

const Case kCases[] = {{"ide-raw-5.2.log", "ide", OfIde, 2},
                       {"ide-raw-7.2.log", "ide", OfIdeBoth, 2},
                       {"ide-raw-11.1.log", "ide", OfIde, 0},
                       {"ide-trim-7.2.log", "ide", OfIdeBoth, 1},
                       {"nvme-7.2.log", "nvme", OfNvme, 1},
                       {"virtio-scsi-7.2.log", "scsi", OfScsi, 2},
                       {"virtio-blk-7.2.log", "virtio-blk", OfVirtioBlk, 1},
                       {"ahci-2disk-parallel-7.2.log", "ide", OfAhci, 0}};

}  // namespace

TEST_CASE("Block requests are what the device models were asked for") {
  for (const Case& c : kCases) {
    CAPTURE(c.trace);
    Lines lines = ReadTrace(c.trace);
    Replay replay("block_request");
    replay.looks = true;
    replay.Play(lines);
    CHECK(TotalsOf(replay, c.interface) == c.count(lines));
    CHECK(FlushesOf(replay) == c.flushes);
    CheckInFlight(replay);
    CHECK(replay.open() == 0);
    CHECK(replay.abandoned() == 0);
  }
}

TEST_CASE("Block requests without thread ids and times are the same, but for durations") {
  for (const Case& c : kCases) {
    CAPTURE(c.trace);
    Lines lines = ReadTrace(c.trace);
    Replay replay("block_request");
    replay.Play(WithoutPrefix(lines));
    CHECK(TotalsOf(replay, c.interface) == c.count(lines));
    CHECK(FlushesOf(replay) == c.flushes);
    for (const Request& r : RequestsOf(replay)) CHECK(r.duration == "-");
  }
}

// As `-trace 'pci_nvme*'` makes it.
TEST_CASE("NVMe requests of a log without other events are the same, under QEMU's name of the drive") {
  Lines lines = NvmeReadsAndWrites();
  Totals truth = OfNvme(lines);
  std::erase_if(lines, [](const std::string& line) { return !IsOfNvme(line); });
  Replay replay("block_request");
  replay.looks = true;
  replay.Play(lines);
  Totals totals = TotalsOf(replay, "nvme");
  CHECK(totals.size() == 2);
  for (const char* direction : {"read", "write"}) {
    CHECK(totals[std::string("hd0 ") + direction] == truth[std::string("/images/disk.raw ") + direction]);
  }
  CheckInFlight(replay);
  CHECK(replay.open() == 0);
  CHECK(replay.abandoned() == 0);
}

TEST_CASE("NVMe requests count once, whenever the other events are switched on") {
  Lines lines = NvmeReadsAndWrites();
  Totals truth = OfNvme(lines);
  size_t first = static_cast<size_t>(
      std::find_if(lines.begin(), lines.end(),
                   [](const std::string& line) { return line.find(":pci_nvme_io_cmd") != line.npos; }) -
      lines.begin());
  for (size_t on = first; on < lines.size(); ++on) {
    if (IsOfNvme(lines[on])) continue;  // the same as for the next line
    Replay replay("block_request");
    for (size_t i = first; i < lines.size(); ++i) {
      if (i >= on || IsOfNvme(lines[i])) replay.Play(lines[i]);
    }
    CAPTURE(on);
    Totals totals = TotalsOf(replay, "nvme");
    for (const char* direction : {"read", "write"}) REQUIRE(SumOf(totals, direction) == SumOf(truth, direction));
    REQUIRE(replay.open() == 0);
    REQUIRE(replay.abandoned() == 0);
  }
}

TEST_CASE("virtio requests that QEMU merged count one by one") {
  Lines lines = ReadTrace("virtio-blk-7.2.log");
  auto count = [&](const char* event) {
    return std::count_if(lines.begin(), lines.end(), [&](const std::string& l) { return l.find(event) != l.npos; });
  };
  // One blk_co_preadv is the probe; two of the others are two requests each, or more.
  CHECK(count("virtio_blk_submit_multireq") == 2);
  CHECK(count(":blk_co_preadv") - 1 < count("virtio_blk_handle_read"));
  Replay replay("block_request");
  replay.Play(lines);
  CHECK(TotalsOf(replay, "virtio-blk")["/images/disk.raw read"].requests ==
        static_cast<size_t>(count("virtio_blk_handle_read")));
}

TEST_CASE("Two busy virtio disks on two threads keep their numbers apart") {
  std::mt19937 random(31);
  Lines one = ReadTrace("virtio-blk-7.2.log");
  Lines two = Disguised(one, "/images/two.raw");
  Totals truth = OfVirtioBlk(one);
  for (int round = 0; round < 30; ++round) {
    CAPTURE(round);
    Replay replay("block_request");
    replay.looks = true;
    replay.Play(Interleaved({one, two}, random));
    Totals totals = TotalsOf(replay, "virtio-blk");
    CheckInFlight(replay);
    REQUIRE(totals.size() == 4);
    for (const char* direction : {" read", " write"}) {
      CHECK(totals[std::string("/images/disk.raw") + direction] == truth[std::string("/images/disk.raw") + direction]);
      CHECK(totals[std::string("/images/two.raw") + direction] == truth[std::string("/images/disk.raw") + direction]);
    }
  }
}

// Both disks read the same sectors at the same time. What cannot be told keeps the device's pointer.
TEST_CASE("Two busy virtio disks without thread ids are never swapped") {
  std::mt19937 random(37);
  Lines one = WithoutPrefix(ReadTrace("virtio-blk-7.2.log"));
  Lines two = WithoutPrefix(Disguised(ReadTrace("virtio-blk-7.2.log"), "/images/two.raw"));
  // Requests of the second disk are half as long, so that a swapped one would show.
  for (std::string& line : two) {
    for (const char* label : {" nsectors ", " bytes "}) {
      size_t at = line.find(label);
      if (at == line.npos) continue;
      at += std::strlen(label);
      size_t end = std::min(line.find(' ', at), line.size());
      line.replace(at, end - at, std::to_string(std::stoul(line.substr(at, end - at)) / 2));
    }
  }
  Totals truth = OfVirtioBlk(one);
  Totals truth_of_two = OfVirtioBlk(two);
  size_t named = 0;
  for (int round = 0; round < 30; ++round) {
    CAPTURE(round);
    Replay replay("block_request");
    replay.looks = true;
    replay.Play(Interleaved({one, two}, random));
    Totals totals = TotalsOf(replay, "virtio-blk");
    CheckInFlight(replay);
    for (const char* direction : {"read", "write"}) {
      std::string way = std::string(" ") + direction;
      Total of_one = totals["/images/disk.raw" + way];
      Total of_two = totals["/images/two.raw" + way];
      named += of_one.requests + of_two.requests;
      CHECK(of_one.bytes + totals["0x55b9d4dce6b0" + way].bytes == truth["/images/disk.raw" + way].bytes);
      CHECK(of_two.bytes + totals["0x65b9d4dce6b0" + way].bytes == truth_of_two["/images/disk.raw" + way].bytes);
    }
  }
  CHECK(named > 30 * 28);  // of 32 a round
}

TEST_CASE("Disks behind all front ends at once keep their numbers apart") {
  std::mt19937 random(41);
  const char* images[] = {"/i5", "/i7", "/i11", "/itrim", "/nvme", "/scsi", "/virtio", "/ahci"};
  for (int round = 0; round < 5; ++round) {
    std::vector<Lines> logs;
    std::map<std::string, Totals> truths;
    for (size_t i = 0; i < std::size(kCases); ++i) {
      if (std::strcmp(kCases[i].trace, "ide-raw-11.1.log") == 0) continue;  // has no threads
      logs.push_back(ReadTrace(kCases[i].trace));
      for (std::string& line : logs.back()) {
        if (size_t at = line.find("/images/disk.raw"); at != line.npos) line.replace(at, 16, images[i]);
      }
      truths[images[i]] = kCases[i].count(ReadTrace(kCases[i].trace));
    }
    Replay replay("block_request", {.max_open_age_us = INT64_MAX});  // the logs are of different days
    replay.Play(Interleaved(logs, random));
    Totals totals = TotalsOf(replay, "");
    for (auto& [image, truth] : truths) {
      CAPTURE(round, image);
      for (const char* direction : {" read", " write"}) {
        CHECK(totals[image + direction] == truth[std::string("/images/disk.raw") + direction]);
      }
    }
    CHECK(totals["/images/d2.qcow2 read"] == truths["/ahci"]["/images/d2.qcow2 read"]);
    CHECK(replay.open() == 0);
  }
}

TEST_CASE("The probe of an image and graph changes are no requests of a guest") {
  Replay replay("block_request");
  replay.Play(ReadTrace("graph-changes-7.2.log"));
  CHECK(replay.emitted.empty());
}
