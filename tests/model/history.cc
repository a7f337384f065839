#include "history.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <stdexcept>

#include "config/config.h"
#include "rules/compiler.h"
#include "source/stream_table.h"
#include "guests/checkpoint_file.h"
#include "trace/catalog.h"

namespace qte::model {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;

constexpr int kOldFiles = 12;
constexpr const char* kConfig = R"(
sources: [{path: /unused}]
metrics:
  - {name: tokens_total, type: counter, help: Tokens., event: model_line, labels: {token: token}}
  - {name: starts_total, type: counter, help: Starts., match: 'libvirt version: (?P<token>.*)', labels: {token: token}}
limits: {max_series_per_metric: 1000000}
)";

std::shared_ptr<const rules::Program> Compile() {
  trace::Catalog catalog;
  catalog.Add("model_line(const char *token) \"%s\"\n");
  config::Loaded loaded = config::Parse(kConfig, "model.yaml");
  rules::Compiled compiled = rules::Compile(loaded.config.value(), catalog);
  if (compiled.program == nullptr) throw std::logic_error("the model's config does not compile");
  return compiled.program;
}

}  // namespace

History::History(unsigned seed, fs::path directory)
    : random_(seed), directory_(std::move(directory)), program_(Compile()) {
  logs_ = directory_ / "logs";
  fs::create_directories(logs_);
  fs::create_directories(directory_ / "elsewhere");
  if (Random(4) == 0) max_open_ = 10 + Random(3);  // 8 of them are the SourceSet's own
  follows_old_names_ = Random(3) == 0;
  for (unsigned i = 0, n = 1 + Random(3); i < n; ++i) {
    std::string path = logs_ + "/vm" + std::to_string(i) + ".log";
    if (!follows_old_names_ && Random(2) == 0) specs_.push_back({.path = path});
    writers_.emplace_back(path, Random(2) == 0);
  }
  // Overlaps with the plain paths.
  specs_.push_back({.path = logs_ + (follows_old_names_ ? "/vm*.log*" : "/vm*.log")});
  if (Random(3) == 0) {
    link_ = &writers_.emplace_back(logs_ + "/vmlink.log", Random(2) == 0);
    PointLink();
    if (Random(2) == 0) specs_.insert(specs_.begin(), {.path = directory_ / "elsewhere/*"});
  }
  // It claims a size of 4096 bytes, and has fewer.
  if (Random(4) == 0) fs::create_symlink("/sys/class/net/lo/mtu", logs_ + "/vmsys.log");
  in_use_ = specs_;
  for (Writer& writer : writers_) writer.Open(clock_.Now());
  Start();
}

History::~History() = default;

void History::Log(const std::string& what, const std::string& where) {
  log_.push_back(what + (where.empty() ? "" : " " + fs::path(where).filename().string()));
}

void History::Run(int steps) {
  for (int i = 0; i < steps; ++i) Step();
}

void History::Step() {
  if (Random(12) == 0) return ActOfPlaces();
  if (Random(3) == 0) return ActOfReader();
  ActOfWriter(writers_[Random(static_cast<unsigned>(writers_.size()))]);
}

void History::ActOfWriter(Writer& writer) {
  // The log cannot be reached by its path while its directory is away.
  switch (place_ == Place::kThere ? Random(15) : 4 + Random(10)) {
    case 0:
    case 1:
      return IsLink(writer) ? SwitchLink(writer) : Rotate(writer);
    case 2:
      return IsLink(writer) ? SwitchLink(writer) : DeleteAndRecreate(writer);
    case 3:
      return Truncate(writer);
    case 14:
      return BeginRun(writer);
    case 4:
      if (writer.WriteLate(next_token_, clock_.Now(), source::kLateWriteWindow)) {
        if (writer.old_file()->is_unreachable) destroyed_.insert(next_token_);
        Log("late line " + std::to_string(next_token_++), writer.path());
      }
      return;
    case 5:
    case 6:
      if (writer.WritePart(next_token_, Random(40))) {
        Log("part of line " + std::to_string(next_token_++), writer.path());
      }
      return;
    default:
      return WriteLines(writer);
  }
}

void History::ActOfReader() {
  if (sources_ == nullptr) return Random(2) == 0 ? Start() : void();
  switch (Random(12)) {
    case 0:
      return Kill();
    case 1:
      return StopAndStart();
    case 2:
    case 3:
      return Save();
    case 4:
      clock_.Advance(milliseconds(Random(4000)));
      return Log("time passes");
    case 5:
    case 6:
    case 7:
      return Settle();
    default:
      return Look();
  }
}

void History::WriteLines(Writer& writer) {
  for (unsigned n = 1 + Random(4); n > 0; --n) {
    Log("line " + std::to_string(next_token_), writer.path());
    writer.Write(next_token_++, Random(8) == 0 ? 600 : Random(30));
  }
}

// A line that was begun when its file went away stays in pieces, or is finished first.
void History::EndPart(Writer& writer) {
  if (Random(2) == 0) {
    Log("line " + std::to_string(next_token_) + " ends a part", writer.path());
    writer.Write(next_token_++, 5);
  }
  Token part = writer.GiveUpPart();
  if (part >= 0) never_.insert(part);
}

std::string History::OldName(const Writer& writer, int number) const {
  return writer.path() + "." + std::to_string(number);
}

void History::Rotate(Writer& writer) {
  EndPart(writer);
  if (max_open_ < 100) AwaitFirstTurn(*writer.file());
  // What falls off the end, or may have moved too often between two looks, has been looked at.
  if (sources_ != nullptr && ++unseen_rotations_[&writer] > 3) Settle();
  fs::path last = OldName(writer, kOldFiles);
  if (fs::exists(last)) {
    for (const auto& file : writer.files()) {
      struct stat status;
      if (::stat(last.c_str(), &status) == 0 && source::FileIdentity::Of(status) == file->identity &&
          !file->is_deleted) {
        if (sources_ != nullptr) Settle();
        Destroy(*file, true);
      }
    }
    fs::remove(last);
  }
  for (int n = kOldFiles - 1; n >= 1; --n) {
    if (fs::exists(OldName(writer, n))) fs::rename(OldName(writer, n), OldName(writer, n + 1));
  }
  fs::rename(writer.path(), OldName(writer, 1));
  writer.Leave();
  writer.Open(clock_.Now());
  Log("rotate", writer.path());
}

// Where descriptors are few, a file may never have been open. Then nothing is known of it but its name.
void History::AwaitFirstTurn(File& file) {
  if (sources_ != nullptr && Sees()) Settle();
  if (sources_ == nullptr ? file.is_saved : IsKnown(file)) return;
  file.is_unreachable = true;
  for (const Line& line : file.lines) destroyed_.insert(line.token);
  destroyed_bytes_ += file.size;
}

void History::DeleteAndRecreate(Writer& writer) {
  EndPart(writer);
  if (sources_ != nullptr && max_open_ < 100) Settle();
  if (sources_ != nullptr) Look();
  Destroy(*writer.file(), true);
  fs::remove(writer.path());
  writer.Leave();
  writer.Open(clock_.Now());
  Log("delete and recreate", writer.path());
}

void History::Truncate(Writer& writer) {
  Token part = writer.GiveUpPart();
  if (part >= 0) never_.insert(part);
  // The second of two truncations between two looks destroys bytes that the reader cannot know of.
  if (sources_ != nullptr && !writer.file()->is_truncation_seen) Settle();
  Destroy(*writer.file(), false);
  writer.Truncate();
  Log("truncate", writer.path());
}

// Lines that were not read are gone; those that were read and not saved are gone if the reader is killed.
void History::Destroy(File& file, bool is_deleted) {
  file.is_deleted = file.is_deleted || is_deleted;
  uint64_t read = sources_ == nullptr ? file.saved_offset : file.is_truncation_seen ? OffsetIn(file) : 0;
  // A deleted file that is open is still read to its end.
  bool is_held = is_deleted && sources_ != nullptr && IsOpen(file);
  file.is_unreachable = is_deleted && !is_held;
  for (const Line& line : file.lines) {
    if (line.end <= file.saved_offset) continue;
    if (line.end > read && !is_held) destroyed_.insert(line.token);
    at_risk_.insert(line.token);
  }
  at_risk_bytes_ += file.size - std::min(file.size, file.saved_offset);
  // By the size, which is all that is known of a file that is gone: the hole that a truncation left counts until it is read.
  if (file.size > read) destroyed_bytes_ += file.size - read;
}

// The writers have opened it for writing.
bool History::IsOpen(const File& file) {
  constexpr int kMostFds = 128;
  for (int fd = 3; fd < kMostFds; ++fd) {
    struct stat status;
    if (::fstat(fd, &status) != 0 || source::FileIdentity::Of(status) != file.identity) continue;
    if ((::fcntl(fd, F_GETFL) & O_ACCMODE) == O_RDONLY) return true;
  }
  return false;
}

uint64_t History::OffsetIn(const File& file) const {
  for (const source::StreamPosition& position : sources_->SavePositions().streams) {
    if (position.file == file.identity && position.birth == file.birth) return position.point.offset;
  }
  return 0;
}

// Another QEMU writes to the same file: libvirt's after its start line, another one after it has emptied the file.
void History::BeginRun(Writer& writer) {
  const File& file = *writer.file();
  bool ends_in_line = file.size == (file.lines.empty() ? 0 : file.lines.back().end);
  if (writer.has_part() || !ends_in_line) return;
  const bool appends = Random(2) == 0;
  if (!appends) Truncate(writer);
  writer.TakeOver(appends);
  Log("another QEMU writes " + std::to_string(next_token_), writer.path());
  if (appends) writer.WriteStart(next_token_++);
  WriteLines(writer);
}

bool History::IsKnown(const File& file) const {
  std::vector<source::StreamPosition> known = sources_->SavePositions().streams;
  return std::any_of(known.begin(), known.end(), [&](const source::StreamPosition& position) {
    return position.file == file.identity && position.birth == file.birth;
  });
}

void History::NoteLookedAt() {
  for (Writer& writer : writers_) {
    unseen_rotations_[&writer] = 0;
    for (const auto& file : writer.files()) file->is_truncation_seen = true;
  }
}

}  // namespace qte::model
