#include "history.h"

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
metrics: [{name: tokens_total, type: counter, help: Tokens., event: model_line, labels: {token: token}}]
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

std::vector<config::Source> SourcesOf(const std::vector<source::SourceSpec>& specs) {
  std::vector<config::Source> sources(specs.size());
  for (size_t i = 0; i < specs.size(); ++i) sources[i].path.value = specs[i].path;
  return sources;
}

}  // namespace

History::History(unsigned seed, fs::path directory)
    : random_(seed), directory_(std::move(directory)), program_(Compile()) {
  follows_old_names_ = Random(3) == 0;
  for (unsigned i = 0, n = 1 + Random(3); i < n; ++i) {
    std::string path = directory_ / ("vm" + std::to_string(i) + ".log");
    if (!follows_old_names_ && Random(2) == 0) specs_.push_back({.path = path});
    writers_.emplace_back(path, Random(2) == 0);
  }
  // Overlaps with the plain paths.
  specs_.push_back({.path = directory_ / (follows_old_names_ ? "vm*.log*" : "vm*.log")});
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
  if (Random(3) == 0) return ActOfReader();
  ActOfWriter(writers_[Random(static_cast<unsigned>(writers_.size()))]);
}

void History::ActOfWriter(Writer& writer) {
  switch (Random(14)) {
    case 0:
    case 1:
      return Rotate(writer);
    case 2:
      return DeleteAndRecreate(writer);
    case 3:
      return Truncate(writer);
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

void History::DeleteAndRecreate(Writer& writer) {
  EndPart(writer);
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
  // Of two truncations between two looks the second destroys what nobody can know of.
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
  bool is_held = is_deleted && sources_ != nullptr;
  file.is_unreachable = is_deleted && !is_held;
  for (const Line& line : file.lines) {
    if (line.end <= file.saved_offset) continue;
    if (line.end > read && !is_held) destroyed_.insert(line.token);
    at_risk_.insert(line.token);
  }
  at_risk_bytes_ += file.size - std::min(file.size, file.saved_offset);
  if (file.size > read) destroyed_bytes_ += file.size - std::max(read, file.data_begin);
}

uint64_t History::OffsetIn(const File& file) const {
  for (const source::StreamPosition& position : sources_->SavePositions().streams) {
    if (position.file == file.identity && position.birth == file.birth) return position.point.offset;
  }
  return 0;
}

void History::NoteLookedAt() {
  for (Writer& writer : writers_) {
    unseen_rotations_[&writer] = 0;
    for (const auto& file : writer.files()) file->is_truncation_seen = true;
  }
}

void History::Start() {
  // As many lanes as in an earlier life, or others.
  guests_ = std::make_unique<guests::Guests>(program_, guests::SourceLabels(SourcesOf(specs_)), 1 + Random(3));
  source::Positions positions;
  if (!checkpoint_.empty()) {
    Result<nlohmann::json> payload = guests::DecodeCheckpoint(checkpoint_);
    guests::SavedState saved = guests::SavedStateFromJson(payload.value());
    std::set<source::StreamId> ids;
    for (const source::StreamPosition& position : saved.positions.streams) ids.insert(position.id);
    Status restored = guests_->Restore(saved.guests, ids);
    if (!restored) throw std::runtime_error(restored.error());
    positions = std::move(saved.positions);
    totals_before_ = saved.totals;
  }
  sources_ = std::make_unique<source::SourceSet>(specs_, *guests_, std::move(positions), clock_);
  Log("the reader starts");
  if (checkpoint_.empty()) Save();
}

void History::Look() {
  sources_->Step(milliseconds(0));
  Log("look");
}

void History::Settle() {
  uint64_t before = UINT64_MAX;
  for (int quiet = 0; quiet < 4; ++quiet) {
    uint64_t now = guests_->bytes() + sources_->Totals().opened + sources_->Totals().truncations;
    if (now != before) quiet = 0;
    before = now;
    sources_->Step(milliseconds(0));
  }
  NoteLookedAt();
  Log("read all");
}

void History::Save() {
  guests::Totals totals;
  totals.lost_bytes = totals_before_.lost_bytes + sources_->Totals().lost_bytes;
  guests::Checkpoint checkpoint{guests_->Save(), sources_->SavePositions(), totals, {}};
  checkpoint_ = guests::EncodeCheckpoint(ToJson(checkpoint));
  std::set<Token> unread;
  for (Writer& writer : writers_) {
    for (const auto& file : writer.files()) {
      file->is_truncation_saved = file->is_truncation_seen;
      file->saved_offset = file->is_truncation_seen ? OffsetIn(*file) : 0;
      for (const Line& line : file->lines) {
        if (file->is_deleted && line.end > file->saved_offset) unread.insert(line.token);
      }
    }
  }
  at_risk_ = std::move(unread);
  at_risk_bytes_ = 0;
  Log("save");
}

void History::Kill() {
  destroyed_.insert(at_risk_.begin(), at_risk_.end());
  destroyed_bytes_ += at_risk_bytes_;
  for (Writer& writer : writers_) {
    for (const auto& file : writer.files()) {
      file->is_truncation_seen = file->is_truncation_saved;
      if (!file->is_deleted) continue;
      file->is_unreachable = true;
      for (const Line& line : file->lines) {
        if (line.end > file->saved_offset) destroyed_.insert(line.token);
      }
      destroyed_bytes_ += file->size;
    }
  }
  sources_.reset();
  guests_.reset();
  Log("kill the reader");
}

void History::StopAndStart() {
  sources_->Drain();
  Save();
  Kill();
  Start();
}

std::vector<std::string> History::Check() {
  for (Writer& writer : writers_) {
    if (Token part = writer.GiveUpPart(); part >= 0) never_.insert(part);
  }
  if (sources_ == nullptr) Start();
  Settle();
  clock_.Advance(source::kLateWriteWindow - std::chrono::seconds(1));
  Settle();
  std::vector<std::string> wrong;
  std::map<Token, int> counts;
  metrics::Snapshot snapshot = guests_->TakeSnapshot();
  for (const metrics::FamilySnapshot& family : snapshot.families) {
    for (size_t i = 0; i < family.series_count(); ++i) {
      std::string text(family.LabelsOf(i)[0]);
      size_t digits = text.find_first_not_of("0123456789", 1);
      bool is_whole = text.size() > 1 && text.find_first_not_of('x', std::min(digits, text.size())) == text.npos;
      if (!is_whole) {
        wrong.push_back("no such token: " + text);
      } else {
        counts[std::stoi(text.substr(1))] += static_cast<int>(family.values[i]);
      }
    }
  }
  for (Token token = 0; token < next_token_; ++token) {
    int least = destroyed_.contains(token) || never_.contains(token) ? 0 : 1;
    int most = never_.contains(token) ? 0 : 1;
    int count = counts.contains(token) ? counts.at(token) : 0;
    if (count < least) wrong.push_back("lost: line " + std::to_string(token));
    if (count > most) wrong.push_back("counted " + std::to_string(count) + " times: line " + std::to_string(token));
  }
  for (guests::Unparsed reason : {guests::Unparsed::kNotAnEvent, guests::Unparsed::kUndeclaredEvent,
                                    guests::Unparsed::kFormatMismatch, guests::Unparsed::kLineTooLong}) {
    uint64_t unparsed = guests_->TakeOwnCounts().unparsed[static_cast<size_t>(reason)];
    if (unparsed == 0) continue;
    wrong.push_back(std::to_string(unparsed) + " lines that nobody wrote: " + std::string(guests::NameOf(reason)));
  }
  uint64_t lost = totals_before_.lost_bytes + sources_->Totals().lost_bytes;
  if (lost > destroyed_bytes_) {
    wrong.push_back("lost_bytes " + std::to_string(lost) + ", but at most " + std::to_string(destroyed_bytes_) +
                    " were destroyed");
  }
  return wrong;
}

}  // namespace qte::model
