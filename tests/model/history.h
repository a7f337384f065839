// One random history: writers write, rotate, truncate and delete; the reader looks, saves, is killed and comes back.
//
// Every line carries a token. At the end each token must have been counted once, or not at all if it was in a file that
// was truncated or deleted before the reader had read it (or had saved that it had, if it was killed later).
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
  void MoveAway(Writer& writer);
  void DeleteAndRecreate(Writer& writer);
  void Truncate(Writer& writer);

  void Start();
  void Settle();
  void Look();
  void Save();
  void Kill();
  void StopAndStart();

  void EndPart(Writer& writer);
  void NoteLookedAt();
  uint64_t OffsetIn(const File& file) const;
  void Destroy(File& file, bool is_deleted);
  void AtRisk(const File& file, uint64_t from, uint64_t to);
  unsigned Random(unsigned below) { return static_cast<unsigned>(random_() % below); }
  void Log(const std::string& what, const std::string& where = {});
  std::string OldName(const Writer& writer, int number) const;

  std::mt19937 random_;
  std::filesystem::path directory_;
  FakeClock clock_;
  std::shared_ptr<const rules::Program> program_;
  std::vector<source::SourceSpec> specs_;
  bool follows_old_names_ = false;
  std::deque<Writer> writers_;
  Token next_token_ = 0;

  std::unique_ptr<guests::Guests> guests_;  // null while the reader is down
  std::unique_ptr<source::SourceSet> sources_;
  guests::Totals totals_before_;
  std::string checkpoint_;
  std::map<const Writer*, int> unseen_rotations_;

  std::set<Token> destroyed_;  // may be counted or not
  std::set<Token> at_risk_;    // read, and then destroyed: gone if the reader is killed before it saves
  std::set<Token> never_;      // never whole: may not be counted
  uint64_t destroyed_bytes_ = 0;
  uint64_t at_risk_bytes_ = 0;
  std::vector<std::string> log_;
};

}  // namespace qte::model
