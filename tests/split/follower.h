// The exporter's side: sources and guests over real files, which a test steps, saves, kills and starts again.
#pragma once

#include <memory>
#include <random>
#include <string>
#include <vector>

#include "base/clock.h"
#include "guests/checkpoint.h"
#include "guests/guests.h"
#include "recordings.h"
#include "source/source_set.h"

namespace qte::split {

class Follower {
 public:
  // `paths` are followed under `labels` (none: each file's name is its VM).
  struct Sources {
    std::vector<std::string> paths;
    std::string vm;
  };
  // A reload goes from one of these to the other, which mean the same.
  Follower(const Rules& rules, Sources first, Sources second, std::mt19937& random);

  bool is_up() const { return sources_ != nullptr; }
  void Start();
  void Look();
  void Settle();
  void Pass(Clock::Duration time);
  void Save();
  // Without a word: what came since the last Save is read again.
  void Kill();
  void Stop();
  void Reload();
  // A file that is to be truncated or deleted has been read, but no checkpoint says so: one is needed before a Kill.
  void MustSave() { must_save_ = true; }
  bool must_save() const { return must_save_; }

  guests::Guests& guests() { return *guests_; }

 private:
  const Sources& sources_in_force() const { return choices_[which_]; }
  std::vector<source::SourceSpec> Specs() const;
  guests::SourceLabels Labels() const;

  const Rules& rules_;
  Sources choices_[2];
  std::mt19937& random_;
  FakeClock clock_;
  size_t which_ = 0;  // of the sources
  size_t program_ = 0;
  std::string checkpoint_;
  bool must_save_ = false;
  std::unique_ptr<guests::Guests> guests_;  // null while it is down
  std::unique_ptr<source::SourceSet> sources_;
};

}  // namespace qte::split
