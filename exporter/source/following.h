// What the tests of this folder share: a fresh directory, a receiver that writes down what it hears, and verbs.
#pragma once

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/unique_fd.h"
#include "catch.h"
#include "source/source_set.h"

namespace qte::source {

class TempDir {
 public:
  TempDir() {
    std::string name = (std::filesystem::temp_directory_path() / "qte-source-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    path_ = std::filesystem::canonical(name).string();
    ::chmod(path_.c_str(), 0755);
  }
  ~TempDir() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;

  std::string operator/(const std::string& name) const { return path_ + "/" + name; }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// Takes the place of standard input while it lives.
class AsStdin {
 public:
  explicit AsStdin(int fd) : saved_(::dup(0)) { ::dup2(fd, 0); }
  ~AsStdin() { ::dup2(saved_.get(), 0); }

 private:
  UniqueFd saved_;
};

// Keeps each stream's path and bytes, and everything but bytes in `log`, with "#id".
class Recorder final : public Receiver {
 public:
  void OnOpen(StreamId id, size_t source, const std::string& path, StreamId predecessor) override {
    paths[id] = path;
    sources[id] = source;
    if (predecessor != 0) predecessors[id] = predecessor;
    log.push_back("open #" + std::to_string(id));
  }
  void OnBytes(StreamId id, std::string_view bytes, uint64_t) override {
    CHECK(paths.contains(id));
    bytes_of[id] += bytes;
    if (order.empty() || order.back() != id) order.push_back(id);
  }
  void OnRestart(StreamId id, Restart why) override {
    log.push_back(std::string(why == Restart::kTruncated ? "truncated" : "writer ended") + " #" + std::to_string(id));
  }
  void OnClose(StreamId id) override { log.push_back("close #" + std::to_string(id)); }

  // All that came, stream by stream.
  std::string All() const {
    std::string all;
    for (const auto& [id, bytes] : bytes_of) all += bytes;
    return all;
  }
  bool Has(const std::string& entry) const { return std::find(log.begin(), log.end(), entry) != log.end(); }

  std::map<StreamId, std::string> paths;
  std::map<StreamId, size_t> sources;
  std::map<StreamId, StreamId> predecessors;
  std::map<StreamId, std::string> bytes_of;
  std::vector<StreamId> order;  // of the streams whose bytes came, without repetitions
  std::vector<std::string> log;
};

class Following {
 public:
  void Follow(const std::vector<SourceSpec>& specs) {
    set = std::make_unique<SourceSet>(specs, seen, Positions{}, FollowOptions{.clock = clock});
  }
  void Follow(const std::string& path) { Follow(std::vector<SourceSpec>{{.path = path}}); }

  // Rounds until nothing more comes, without time passing.
  void Settle() {
    for (int quiet = 0; quiet < 4; ++quiet) {
      size_t before = Heard();
      set->Step(std::chrono::milliseconds(0));
      if (Heard() != before) quiet = 0;
    }
  }
  // Time passes in one go; then as Settle().
  void Pass(Clock::Duration time) {
    clock.Advance(time);
    Settle();
  }

  static void Append(const std::string& path, std::string_view text) {
    UniqueFd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644));
    WriteTo(file.get(), text);
  }
  static void WriteTo(int fd, std::string_view text) {
    REQUIRE(::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size()));
  }
  static std::string TextOf(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  static void Rename(const std::string& from, const std::string& to) { std::filesystem::rename(from, to); }
  static void Remove(const std::string& path) { std::filesystem::remove_all(path); }
  // Until what is made from now on is younger than all that was made before. Files are stamped by a clock that moves
  // every few milliseconds and may then be late, and since Linux 6.13 stamps may be ahead of it.
  static void NextTick() {
    timespec now{};
    ::clock_gettime(CLOCK_REALTIME, &now);
    const int64_t before = int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
    while (FileClockNow() <= before) continue;
  }
  static void MakeDirectory(const std::string& path) { std::filesystem::create_directories(path); }
  static size_t OpenDescriptors() {
    auto entries = std::filesystem::directory_iterator("/proc/self/fd");
    return static_cast<size_t>(std::distance(begin(entries), end(entries)));
  }

  StreamStatus StatusOf(const std::string& path) const {
    StreamStatus found;
    int entries = 0;
    for (const StreamStatus& status : set->Streams()) {
      if (status.path != path) continue;
      found = status;
      ++entries;
    }
    INFO(path);
    CHECK(entries == 1);
    return found;
  }

  TempDir dir;
  FakeClock clock;
  Recorder seen;
  std::unique_ptr<SourceSet> set;

 private:
  size_t Heard() const {
    size_t heard = seen.log.size();
    for (const auto& [id, bytes] : seen.bytes_of) heard += bytes.size();
    return heard;
  }
};

}  // namespace qte::source
