// One trace, cut and rotated while a follower steps, dies and comes back, and what became of its series.
//
// Whatever was written must be counted as if it stood in one file: values, histograms, names of disks and durations.
// Three cases cannot be detected, so a run does not do them:
//   - what is truncated or deleted has been read, or is held open, and a checkpoint says so before the follower is killed
//   - a file that is truncated and grows again to begin and end like the old one is looked at in between
//   - a file that a symbolic link names is looked at before the link names another one, and a checkpoint says so
#pragma once

#include <filesystem>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "cuts.h"
#include "follower.h"
#include "recordings.h"
#include "rotated_log.h"

namespace qte::split {

class Run {
 public:
  // Everything that happens follows from the seed.
  Run(unsigned seed, Recordings& recordings, const std::filesystem::path& directory);

  void Execute();
  // Lines of the exposition that differ from those of the unsplit trace, wanted ones with "-", found ones with "+".
  std::vector<std::string> Differences();
  // What happened, for a person.
  std::vector<std::string> Describe() const;
  size_t cuts() const { return cuts_.size(); }

 private:
  enum class Time { kMayPass, kStandsStill, kStandsStillUp };  // the last one: without a restart

  void ChooseTraces();
  void MakeFollower();
  void WriteUpTo(size_t end);
  void WriteOther();
  void Rotate(const Cut& cut);
  void WriteLate(const Cut& cut);
  void Truncate();
  void Reopen();
  void Pause(Time time = Time::kMayPass);
  void Act(Time time);
  void EnsureUp();
  void EnsureSeen();
  bool RegrowsAlike() const;
  unsigned Random(unsigned below) { return static_cast<unsigned>(random_() % below); }
  void Note(const std::string& what) { actions_.push_back(what); }

  std::mt19937 random_;
  Recordings& recordings_;
  std::filesystem::path directory_;
  const Rules* rules_ = nullptr;
  const Trace* trace_ = nullptr;
  const Trace* other_ = nullptr;  // of a second guest beside it; null if there is none
  bool is_link_ = false;
  bool follows_old_names_ = false;
  std::vector<Cut> cuts_;
  std::unique_ptr<RotatedLog> log_;
  std::unique_ptr<RotatedLog> other_log_;
  std::unique_ptr<Follower> follower_;
  size_t at_ = 0;          // bytes of the trace that were written
  size_t other_at_ = 0;
  size_t file_begin_ = 0;  // where in the trace the current file begins
  bool is_seen_ = false;   // the follower has looked since the current file was made
  std::vector<std::string> actions_;
};

}  // namespace qte::split
