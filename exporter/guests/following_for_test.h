// Real files, followed by the real sources into real guests, under a clock that a test turns.
#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/unique_fd.h"
#include "guests/guests_for_test.h"
#include "source/source_set.h"

namespace qte::guests {

// Lines are "1@0.<number>:ps2_put_keycode 0x1 keycode 0x01", no two of them alike; what the guests has counted is
// compared with what was written.
class FollowingGuests {
 public:
  FollowingGuests() {
    std::string name = (std::filesystem::temp_directory_path() / "qte-following-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    directory_ = std::filesystem::canonical(name);
    guests_ = std::make_unique<GuestsForTest>(
        "sources: [{path: /unused}]\n"
        "metrics: [{name: keys_total, type: counter, help: Keys., event: ps2_put_keycode}]\n");
    (*guests_)->OnClose(0);
  }
  ~FollowingGuests() {
    sources_.reset();
    std::error_code ignored;
    std::filesystem::remove_all(directory_, ignored);
  }
  FollowingGuests(const FollowingGuests&) = delete;
  FollowingGuests& operator=(const FollowingGuests&) = delete;

  std::string operator/(const std::string& name) const { return directory_ / name; }
  std::string log() const { return *this / "vm.log"; }

  void Follow(const std::vector<std::string>& paths) {
    std::vector<source::SourceSpec> specs;
    for (const std::string& path : paths) specs.push_back({.path = path});
    sources_ = std::make_unique<source::SourceSet>(specs, **guests_, source::Positions{}, clock);
    Settle();
  }
  void Follow(const std::string& path) { Follow(std::vector<std::string>{path}); }

  // Rounds until nothing more comes, without time passing.
  void Settle() {
    for (int quiet = 0; quiet < 4; ++quiet) {
      uint64_t before = Progress();
      sources_->Step(std::chrono::milliseconds(0));
      if (Progress() != before) quiet = 0;
    }
  }
  void Pass(Clock::Duration time) {
    clock.Advance(time);
    Settle();
  }

  std::string Lines(int count) {
    std::string text;
    for (int i = 0; i < count; ++i) {
      std::string number = std::to_string(next_line_++);
      text += "1@0." + std::string(6 - number.size(), '0') + number + ":ps2_put_keycode 0x1 keycode 0x01\n";
    }
    return text;
  }
  // Writes lines and expects them to be counted.
  void Write(const std::string& path, int count, int flags = O_APPEND) {
    UniqueFd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | flags, 0644));
    Write(file.get(), count);
  }
  void Write(int fd, int count) {
    Put(fd, Lines(count));
    written += count;
  }
  static void Put(int fd, const std::string& text) {
    REQUIRE(::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size()));
  }
  static void Rename(const std::string& from, const std::string& to) { std::filesystem::rename(from, to); }

  // All that was written was counted, once, and nothing else was seen.
  void CheckExact() {
    Settle();
    CHECK(counted() == written);
    for (size_t reason = 0; reason < kUnparsedReasons; ++reason) {
      INFO(NameOf(static_cast<Unparsed>(reason)));
      CHECK((*guests_)->unparsed(static_cast<Unparsed>(reason)) == (reason == size_t{4} ? partial_lines : 0));
    }
    CHECK(sources_->Totals().lost_bytes == lost_bytes);
  }
  int counted() const { return static_cast<int>(guests_->Value("keys_total")); }
  source::SourceSet& sources() { return *sources_; }

  FakeClock clock;
  int written = 0;
  uint64_t partial_lines = 0;  // that are expected
  uint64_t lost_bytes = 0;     // that are expected

 private:
  uint64_t Progress() {
    source::SourceTotals totals = sources_->Totals();
    return (*guests_)->bytes() + totals.opened + totals.truncations;
  }

  std::filesystem::path directory_;
  int next_line_ = 0;
  std::unique_ptr<GuestsForTest> guests_;
  std::unique_ptr<source::SourceSet> sources_;
};

}  // namespace qte::guests
