// One random history: writers write, rotate, truncate and delete; the reader looks, saves, is killed and comes back.
//
// Every line carries a token. At the end each token must have been counted once, or not at all if it was in a file that
// was truncated or deleted before the reader had read it (or had saved that it had, if it was killed later). The logs'
// directory goes away and comes back, sources change, descriptors may be few; none of that excuses a line. No counter
// falls, unless the reader is killed; then none is below what the checkpoint held.
#pragma once

#include <deque>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "base/clock.h"
#include "guests/checkpoint.h"
#include "guests/guests.h"
#include "rules/program.h"
#include "source/source_set.h"
#include "writer.h"

namespace qte::model {

class History {
 public:
  // Everything that happens follows from the seed.
  History(unsigned seed, std::filesystem::path directory);
  ~History();

  void Run(int steps);
  // What is wrong, a line each; empty if all is as it must be.
  std::vector<std::string> Check();
  // What happened, for a person.
  const std::vector<std::string>& log() const { return log_; }
  size_t tokens() const { return static_cast<size_t>(next_token_); }
  size_t destroyed() const { return destroyed_.size(); }

 private:
  void Step();
  void ActOfWriter(Writer& writer);
  void ActOfReader();

  void WriteLines(Writer& writer);
  void Rotate(Writer& writer);
  void AwaitFirstTurn(File& file);
  void DeleteAndRecreate(Writer& writer);
  void Truncate(Writer& writer);
  void BeginRun(Writer& writer);

  // Places: what becomes of the logs' directory, of links and of sources.
  void ActOfPlaces();
  void MoveAway();
  void Cover();
  void ComeBack();
  void MountLate();
  void ChangeSources();
  void SwitchLink(Writer& writer);
  std::vector<source::SourceSpec> Misspelt() const;
  void Configure(std::vector<source::SourceSpec> specs);
  bool IsLink(const Writer& writer) const { return &writer == link_; }
  void PointLink();

  void Start();
  void Settle();
  void Look();
  void Save();
  void Kill();
  void StopAndStart();

  void EndPart(Writer& writer);
  void NoteLookedAt();
  void NoteCounters();
  void LoseClosed();
  static bool IsOpen(const File& file);
  // The reader follows the logs by their right names, and they are there.
  bool Sees() const { return place_ == Place::kThere && in_use_.back().path == specs_.back().path; }
  uint64_t OffsetIn(const File& file) const;
  bool IsKnown(const File& file) const;
  void Destroy(File& file, bool is_deleted);
  unsigned Random(unsigned below) { return static_cast<unsigned>(random_() % below); }
  void Log(const std::string& what, const std::string& where = {});
  std::string OldName(const Writer& writer, int number) const;

  std::mt19937 random_;
  std::filesystem::path directory_;
  FakeClock clock_;
  std::shared_ptr<const rules::Program> program_;
  std::string logs_;                        // the directory that is followed
  std::vector<source::SourceSpec> specs_;   // as they should be
  std::vector<source::SourceSpec> in_use_;  // as they are now
  size_t max_open_ = 1 << 20;
  bool follows_old_names_ = false;
  std::deque<Writer> writers_;
  Token next_token_ = 0;

  std::unique_ptr<guests::Guests> guests_;  // null while the reader is down
  std::unique_ptr<source::SourceSet> sources_;
  guests::Totals totals_before_;
  std::string checkpoint_;
  std::map<const Writer*, int> unseen_rotations_;
  enum class Place { kThere, kAway, kCovered, kMountedOver };
  Place place_ = Place::kThere;
  Writer* link_ = nullptr;  // whose log is a link to a file elsewhere
  int link_number_ = 0;
  // Counters that never fall: of this process, and of the last checkpoint.
  std::map<std::string, double> counters_;
  std::map<std::string, double> saved_counters_;
  std::vector<std::string> fallen_;

  std::set<Token> destroyed_;  // may be counted or not
  std::set<Token> at_risk_;    // read, and then destroyed: gone if the reader is killed before it saves
  std::set<Token> never_;      // never whole: may not be counted
  uint64_t destroyed_bytes_ = 0;
  uint64_t at_risk_bytes_ = 0;
  std::vector<std::string> log_;
};

}  // namespace qte::model
