#include "run.h"

#include <algorithm>
#include <chrono>

#include "source/fingerprint.h"

namespace qte::split {
namespace {

// A larger one takes a second, so it has its turn less often.
constexpr size_t kLarge = 2'000'000;
constexpr size_t kMostCuts = 9;

}  // namespace

Run::Run(unsigned seed, Recordings& recordings, const std::filesystem::path& directory)
    : random_(seed), recordings_(recordings), directory_(directory) {
  ChooseTraces();
  is_link_ = Random(6) == 0;
  follows_old_names_ = !is_link_ && other_ == nullptr && Random(4) == 0;
  cuts_ = RandomCuts(trace_->text, kMostCuts, is_link_, random_);
  log_ = std::make_unique<RotatedLog>(directory_ / "vm.log", is_link_, Random(2) == 0);
  if (other_ != nullptr) other_log_ = std::make_unique<RotatedLog>(directory_ / "other.log", false, true);
  MakeFollower();
}

void Run::ChooseTraces() {
  const auto& traces = recordings_.traces();
  auto choose = [&] { return &traces[Random(static_cast<unsigned>(traces.size()))]; };
  trace_ = choose();
  if (trace_->text.size() > kLarge && Random(3) != 0) trace_ = choose();
  if (Random(3) == 0) other_ = choose();
  if (other_ != nullptr && other_->text.size() > kLarge) other_ = nullptr;
  const auto& rules = recordings_.rules();
  auto named = [&](const std::string& name) {
    return &*std::find_if(rules.begin(), rules.end(), [&](const Rules& r) { return r.name == name; });
  };
  const unsigned which = Random(4);
  rules_ = which < 2    ? named("default.yaml")
           : which == 2 ? named("stateful")
                        : &rules[Random(static_cast<unsigned>(rules.size()))];
}

void Run::MakeFollower() {
  std::string log = log_->path();
  Follower::Sources first{{log}, ""};
  Follower::Sources second{{directory_ / "none.log", directory_ / "*.log"}, ""};
  if (other_ != nullptr) first.paths.insert(first.paths.begin() + Random(2), directory_ / "other.log");
  if (follows_old_names_) {
    first = {{log + "*"}, "vm"};
    second = {{log, log + ".*"}, "vm"};
  }
  if (Random(2) == 0) std::swap(first, second);
  follower_ = std::make_unique<Follower>(*rules_, std::move(first), std::move(second), random_);
}

void Run::Execute() {
  for (const Cut& cut : cuts_) {
    WriteUpTo(cut.at);
    Rotate(cut);
    Pause();
  }
  WriteUpTo(trace_->text.size());
  if (other_log_ != nullptr) other_log_->Write(std::string_view(other_->text).substr(other_at_));
  EnsureUp();
  follower_->Settle();
  if (Random(2) == 0) follower_->Pass(std::chrono::seconds(Random(20)));
}

void Run::WriteUpTo(size_t end) {
  while (at_ < end) {
    size_t size = Random(3) == 0 ? end - at_ : 1 + random_() % (end - at_);
    Note("write " + std::to_string(size) + " bytes");
    log_->Write(std::string_view(trace_->text).substr(at_, size));
    at_ += size;
    WriteOther();
    Pause();
  }
}

void Run::WriteOther() {
  if (other_log_ == nullptr || other_at_ == other_->text.size()) return;
  size_t size = random_() % std::min<size_t>(other_->text.size() - other_at_ + 1, 50'000);
  other_log_->Write(std::string_view(other_->text).substr(other_at_, size));
  other_at_ += size;
}

void Run::Rotate(const Cut& cut) {
  if (cut.way == Way::kTruncate) return Truncate();
  if (cut.way == Way::kDelete || cut.way == Way::kSwitchLink) EnsureSeen();
  Note(NameOf(cut.way));
  log_->MoveAway(cut.way);
  if (cut.way == Way::kDelete || cut.way == Way::kSwitchLink) follower_->MustSave();
  if (cut.way == Way::kRenameThenReopen) WriteUpTo(cut.at + cut.late);
  // A deleted log whose path stays empty ends its process, at a restart at once.
  Pause(cut.way == Way::kDelete ? Time::kStandsStillUp : Time::kMayPass);
  Reopen();
  if (cut.way == Way::kRenameLateLines) WriteLate(cut);
  file_begin_ = at_;
}

void Run::Reopen() {
  Note("make a new file");
  log_->OpenNew(Random(2) == 0);
  is_seen_ = false;
}

// In time: the follower promises some seconds.
void Run::WriteLate(const Cut& cut) {
  Pause(Time::kStandsStill);
  while (at_ < cut.at + cut.late) {
    size_t size = 1 + random_() % (cut.at + cut.late - at_);
    Note("write " + std::to_string(size) + " bytes late");
    log_->WriteLate(std::string_view(trace_->text).substr(at_, size));
    at_ += size;
    Pause(Time::kStandsStill);
  }
}

void Run::Truncate() {
  EnsureUp();
  Note("read all, truncate");
  follower_->Settle();
  follower_->MustSave();
  if (Random(2) == 0) follower_->Save();
  log_->Truncate();
  if (RegrowsAlike()) {
    follower_->Settle();
    follower_->MustSave();
  }
  file_begin_ = at_;
}

// Whether what comes would look like what was there, by all that is known of it.
bool Run::RegrowsAlike() const {
  if (!log_->appends()) return at_ == file_begin_;
  const std::string& text = trace_->text;
  const size_t size = at_ - file_begin_;
  const size_t head = std::min<size_t>(size, source::kHeadBytes);
  const size_t tail = std::min<size_t>(size, source::kTailBytes);
  if (at_ + size > text.size()) return false;
  return text.compare(at_, head, text, file_begin_, head) == 0 && text.compare(at_ + size - tail, tail, text, at_ - tail, tail) == 0;
}

void Run::EnsureUp() {
  if (follower_->is_up()) return;
  Note("start");
  follower_->Start();
}

void Run::EnsureSeen() {
  EnsureUp();
  if (is_seen_) return;
  Note("read all");
  follower_->Settle();
  is_seen_ = true;
}

void Run::Pause(Time time) {
  for (unsigned actions = Random(3); actions > 0; --actions) Act(time);
}

void Run::Act(Time time) {
  if (!follower_->is_up()) {
    if (Random(2) == 0) EnsureUp();
    return;
  }
  switch (Random(12)) {
    case 0:
    case 1:
      Note("read all");
      follower_->Settle();
      is_seen_ = true;
      return;
    case 2: {
      if (time != Time::kMayPass) return;
      const unsigned seconds = Random(5) == 0 ? Random(30) : Random(3);
      Note("read all, " + std::to_string(seconds) + " s pass");
      follower_->Pass(std::chrono::seconds(seconds));
      is_seen_ = true;
      return;
    }
    case 3:
    case 4:
      Note("save");
      return follower_->Save();
    case 5:
      if (time == Time::kStandsStillUp) return;
      Note("kill");
      follower_->Kill();
      return Random(2) == 0 ? EnsureUp() : void();
    case 6:
      if (time == Time::kStandsStillUp) return;
      Note("stop");
      follower_->Stop();
      return Random(2) == 0 ? EnsureUp() : void();
    case 7:
      Note("reload");
      return follower_->Reload();
    default:
      Note("look");
      return follower_->Look();
  }
}

std::vector<std::string> Run::Differences() {
  Recordings::Logs logs{{log_->path(), trace_}};
  if (other_ != nullptr) logs.emplace_back(directory_ / "other.log", other_);
  for (auto& [path, trace] : logs) path = "/log" + path.substr(directory_.string().size());
  const Series& want = recordings_.Unsplit(*rules_, logs);
  Series got = SeriesOf(follower_->guests());
  std::vector<std::string> differences;
  for (const std::string& line : want) {
    if (!got.contains(line)) differences.push_back("-" + line);
  }
  for (const std::string& line : got) {
    if (!want.contains(line)) differences.push_back("+" + line);
  }
  std::sort(differences.begin(), differences.end(),
            [](const std::string& a, const std::string& b) { return a.substr(1) < b.substr(1); });
  return differences;
}

std::vector<std::string> Run::Describe() const {
  std::vector<std::string> lines{trace_->name + " under " + rules_->name + (is_link_ ? ", by a symbolic link" : "") +
                                 (follows_old_names_ ? ", old names are followed, too" : "") +
                                 (other_ != nullptr ? ", beside " + other_->name : "")};
  for (const Cut& cut : cuts_) lines.push_back(ToText(cut, trace_->text));
  lines.insert(lines.end(), actions_.begin(), actions_.end());
  return lines;
}

}  // namespace qte::split
