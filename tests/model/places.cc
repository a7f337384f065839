// Directories that go and come back, links, and sources that change.
#include <sys/mount.h>

#include <fstream>

#include "config/config.h"
#include "history.h"

namespace qte::model {

namespace fs = std::filesystem;
using std::chrono::milliseconds;
using std::chrono::seconds;

std::vector<config::Source> SourcesOf(const std::vector<source::SourceSpec>& specs);

void History::ActOfPlaces() {
  if (place_ != Place::kThere) return ComeBack();
  switch (Random(6)) {
    case 0:
      return MoveAway();
    case 1:
    case 2:
      return Cover();
    case 3:
      return MountLate();
    default:
      return ChangeSources();
  }
}

// A file that was deleted is only there as long as the reader has it open, and that is not promised for long.
void History::LoseClosed() {
  for (Writer& writer : writers_) {
    writer.EndLate();
    for (const auto& file : writer.files()) file->is_unreachable = file->is_unreachable || file->is_deleted;
  }
}

void History::MoveAway() {
  if (sources_ != nullptr) Settle();
  LoseClosed();
  fs::rename(logs_, logs_ + ".away");
  place_ = Place::kAway;
  Log("the logs' directory moves away");
}

// As a mount over it does. Where this is allowed, it is one.
void History::Cover() {
  if (sources_ != nullptr) Settle();
  LoseClosed();
  fs::path empty = directory_ / "empty";
  fs::create_directories(empty);
  if (Random(2) == 0 && ::mount(empty.c_str(), logs_.c_str(), nullptr, MS_BIND, nullptr) == 0) {
    place_ = Place::kMountedOver;
    return Log("an empty directory is mounted over the logs' directory");
  }
  fs::rename(logs_, logs_ + ".away");
  fs::create_directory(logs_);
  place_ = Place::kCovered;
  Log("an empty directory takes the place of the logs' directory");
}

void History::ComeBack() {
  if (Random(2) == 0) {
    clock_.Advance(seconds(Random(1000)));
    if (sources_ != nullptr) Look();
  }
  if (place_ == Place::kMountedOver) {
    ::umount2(logs_.c_str(), MNT_DETACH);
  } else {
    if (place_ == Place::kCovered) fs::remove_all(logs_);
    fs::rename(logs_ + ".away", logs_);
  }
  place_ = Place::kThere;
  Log("the logs' directory is back");
  // What no watch tells is looked for after 5 s.
  clock_.Advance(seconds(6));
  if (sources_ != nullptr) Settle();
}

// The reader starts before the logs' file system is there.
void History::MountLate() {
  if (sources_ != nullptr) Kill();
  Cover();
  Start();
  if (Random(2) == 0) Settle();
  if (Random(2) == 0) ComeBack();
}

std::vector<source::SourceSpec> History::Misspelt() const {
  std::vector<source::SourceSpec> specs = specs_;
  specs.back().path = directory_ / "lgos/vm*.log";
  return specs;
}

void History::ChangeSources() {
  const bool is_repaired = in_use_.back().path != specs_.back().path;
  if (sources_ != nullptr) Settle();
  LoseClosed();
  if (sources_ != nullptr && Random(3) == 0) Kill();
  if (sources_ == nullptr) {
    in_use_ = is_repaired ? specs_ : Misspelt();
    Log(is_repaired ? "the sources are repaired" : "a typo in the sources");
    return Start();
  }
  Configure(is_repaired ? specs_ : Misspelt());
}

void History::Configure(std::vector<source::SourceSpec> specs) {
  in_use_ = std::move(specs);
  sources_->Reconfigure(in_use_);
  std::map<source::StreamId, size_t> source_of;
  for (const source::StreamStatus& stream : sources_->Streams()) source_of[stream.id] = stream.source;
  guests_->Use(program_, guests::SourceLabels(SourcesOf(in_use_)), source_of);
  Log("reload with " + in_use_.back().path);
  NoteCounters();
}

void History::PointLink() {
  std::string target = directory_ / ("elsewhere/run" + std::to_string(++link_number_));
  std::ofstream(target).flush();
  fs::create_symlink(target, link_->path() + ".new");
  fs::rename(link_->path() + ".new", link_->path());
}

// A target that the reader has not seen before the next switch is lost, so the reader has looked at each.
void History::SwitchLink(Writer& writer) {
  if (sources_ != nullptr) Settle();
  if (sources_ == nullptr ? !writer.file()->is_saved : !IsKnown(*writer.file())) return;
  EndPart(writer);
  writer.file()->is_old_target = true;
  PointLink();
  writer.Leave();
  writer.Open(clock_.Now());
  if (sources_ != nullptr) Look();
  Log("switch", writer.path());
}

}  // namespace qte::model
