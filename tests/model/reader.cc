// The reader's side of a history, and what must hold of it.
#include <algorithm>
#include <stdexcept>

#include "config/config.h"
#include "guests/checkpoint_file.h"
#include "history.h"
#include "source/stream_table.h"

namespace qte::model {

using std::chrono::milliseconds;

// By their own names, too.
bool FollowsTargets(const std::vector<source::SourceSpec>& specs) {
  return specs.front().path.ends_with("/elsewhere/*");
}

std::vector<config::Source> SourcesOf(const std::vector<source::SourceSpec>& specs) {
  std::vector<config::Source> sources(specs.size());
  for (size_t i = 0; i < specs.size(); ++i) sources[i].path.value = specs[i].path;
  // A log with two names is one guest's, whichever of them a source finds.
  const bool has_two_names = FollowsTargets(specs);
  for (config::Source& source : sources) {
    if (has_two_names) source.labels.push_back({{.value = "vm", .place = {}}, "one"});
  }
  return sources;
}

void History::Start() {
  // As many lanes as in an earlier life, or others.
  guests_ = std::make_unique<guests::Guests>(program_, guests::SourceLabels(SourcesOf(in_use_)), 1 + Random(3));
  source::Positions positions;
  if (!checkpoint_.empty()) {
    Result<nlohmann::json> payload = guests::DecodeCheckpoint(checkpoint_);
    guests::SavedState saved = guests::SavedStateFromJson(payload.value());
    Status restored = guests_->Restore(saved.guests, saved.positions.Ids());
    if (!restored) throw std::runtime_error(restored.error());
    positions = std::move(saved.positions);
    totals_before_ = saved.totals;
  }
  sources_ = std::make_unique<source::SourceSet>(in_use_, *guests_, std::move(positions),
                                                 source::FollowOptions{.clock = clock_, .max_open = max_open_});
  counters_ = saved_counters_;
  Log("the reader starts, " + std::to_string(max_open_) + " descriptors");
  NoteCounters();
  if (checkpoint_.empty()) Save();
}

void History::Look() {
  sources_->Step(milliseconds(0));
  NoteCounters();
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
  // Where descriptors are few, files take turns.
  for (int turn = 0; max_open_ < 100 && turn < 40; ++turn) {
    clock_.Advance(milliseconds(250));
    for (int i = 0; i < 3; ++i) sources_->Step(milliseconds(0));
  }
  NoteCounters();
  if (Sees()) NoteLookedAt();
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
      file->is_saved = IsKnown(*file);
      file->was_saved = file->was_saved || file->is_saved;
      for (const Line& line : file->lines) {
        if (file->is_deleted && line.end > file->saved_offset) unread.insert(line.token);
      }
    }
  }
  NoteCounters();
  saved_counters_ = counters_;
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
      // No name leads to the earlier target of a link, but the checkpoint may know it.
      const bool is_lost_target = file->is_old_target && !file->was_saved && !FollowsTargets(specs_);
      if (!file->is_deleted && !is_lost_target) continue;
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

// Counters that a user sees, and the values of all series.
void History::NoteCounters() {
  std::map<std::string, double> now;
  guests::OwnCounts counts = guests_->TakeOwnCounts();
  now["lines"] = static_cast<double>(counts.lines);
  now["bytes"] = static_cast<double>(counts.bytes);
  for (size_t i = 0; i < guests::kUnparsedReasons; ++i) {
    now["unparsed " + std::to_string(i)] = static_cast<double>(counts.unparsed[i]);
  }
  now["lost bytes"] = static_cast<double>(totals_before_.lost_bytes + sources_->Totals().lost_bytes);
  metrics::Snapshot snapshot = guests_->TakeSnapshot();
  for (const metrics::FamilySnapshot& family : snapshot.families) {
    for (size_t i = 0; i < family.series_count(); ++i) now[std::string(family.LabelsOf(i)[0])] += family.values[i];
  }
  for (const auto& [name, before] : counters_) {
    double value = now.contains(name) ? now.at(name) : 0;
    if (value < before) {
      fallen_.push_back(name + " fell from " + std::to_string(before) + " to " + std::to_string(value) + " after \"" +
                        (log_.empty() ? "" : log_.back()) + '"');
    }
  }
  counters_ = std::move(now);
}

std::vector<std::string> History::Check() {
  for (Writer& writer : writers_) {
    if (Token part = writer.GiveUpPart(); part >= 0) never_.insert(part);
  }
  if (place_ != Place::kThere) ComeBack();
  if (sources_ == nullptr) Start();
  Configure(specs_);
  clock_.Advance(std::chrono::seconds(5));  // what no watch tells is looked for then
  Settle();
  clock_.Advance(source::kLateWriteWindow - std::chrono::seconds(1));
  Settle();
  std::vector<std::string> wrong = fallen_;
  if (!sources_->caught_up()) wrong.push_back("it never catches up");
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
    bool has_foreign = std::filesystem::is_symlink(logs_ + "/vmsys.log") && reason == guests::Unparsed::kNotAnEvent;
    if (unparsed <= (has_foreign ? 1U : 0U)) continue;
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
