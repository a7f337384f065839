// Actions in any order: whatever was written is handed up once, and in its order.
//
// Each write is one token, "<number>;". A token may be missing only if its file was truncated, or was gone altogether,
// before anybody looked; no token may come twice.
#include <random>
#include <set>

#include "source/following.h"
#include "source/stream_table.h"

namespace qte::source {
namespace {

using std::chrono::milliseconds;

class Model {
 public:
  explicit Model(unsigned seed) : random_(seed), has_few_descriptors_(seed % 3 == 0) {
    f_.MakeDirectory(logs_);
    specs_ = {{.path = path_ + (seed % 2 ? "*" : "")}};
    f_.set = std::make_unique<SourceSet>(
        specs_, f_.seen, Positions{}, FollowOptions{.clock = f_.clock, .max_open = has_few_descriptors_ ? 11U : 100U});
    Recreate();
  }

  void Act() {
    switch (random_() % 19) {
      case 0:
        return Rotate();
      case 1:
        return DeleteAndRecreate();
      case 2:
        return Truncate();
      case 3:
        return WriteLate();
      case 4:
        return f_.clock.Advance(milliseconds(random_() % 1500));
      case 5:
      case 6:
        return f_.Settle();
      case 7:
      case 8:
        return f_.set->Step(milliseconds(0));
      case 16:
        return MoveAwayAndBack();
      case 17:
        return LeaveConfigAndComeBack();
      case 18:
        return Restart();
      default:
        current_.insert(next_);
        return Write(writer_.get());
    }
  }

  void Check() {
    for (int i = 0; i < 60; ++i) f_.Pass(milliseconds(250));  // where descriptors are few, files take turns
    f_.Pass(std::chrono::minutes(1));
    for (int i = 0; i < 60; ++i) f_.Pass(milliseconds(250));
    std::set<int> seen;
    for (const auto& [id, bytes] : f_.seen.bytes_of) CheckStream(bytes, seen);
    for (int token = 0; token < next_; ++token) {
      INFO(token);
      CHECK((seen.contains(token) || may_miss_.contains(token)));
    }
  }

 private:
  static void CheckStream(const std::string& bytes, std::set<int>& seen) {
    int last = -1;
    for (size_t begin = 0; begin < bytes.size();) {
      size_t end = bytes.find(';', begin);
      REQUIRE(end != std::string::npos);
      int token = std::stoi(bytes.substr(begin, end - begin));
      CHECK(token > last);
      CHECK(seen.insert(token).second);
      last = token;
      begin = end + 1;
    }
  }

  // What is deleted afterwards has been read. Where descriptors are few, files take turns.
  void LetRead() {
    f_.Settle();
    for (int i = 0; has_few_descriptors_ && i < 20; ++i) f_.Pass(milliseconds(250));
  }
  void Write(int fd) { f_.WriteTo(fd, std::to_string(next_++) + ";"); }
  // As QEMU's other threads do, soon after the rotation.
  void WriteLate() {
    if (old_writer_ && f_.clock.Now() < rotated_at_ + kLateWriteWindow) Write(old_writer_.get());
  }
  void Recreate() {
    old_writer_ = std::move(writer_);
    rotated_at_ = f_.clock.Now();
    writer_ = UniqueFd(::open(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644));
    current_.clear();
  }
  // Keeps nine old files; what falls off the end has been looked at, since rotations in between are not more than that.
  void Rotate() {
    if (++unseen_rotations_ % 9 == 0) LetRead();
    for (int k = 9; k >= 1; --k) {
      std::string from = path_ + "." + std::to_string(k);
      if (std::filesystem::exists(from)) f_.Rename(from, path_ + "." + std::to_string(k + 1));
    }
    f_.Rename(path_, path_ + ".1");
    Recreate();
  }
  void DeleteAndRecreate() {
    has_few_descriptors_ ? LetRead() : f_.set->Step(milliseconds(0));
    f_.Remove(path_);
    Recreate();
    // No descriptor of the deleted file may be open.
    if (has_few_descriptors_) old_writer_ = UniqueFd();
  }
  // What happens in between is seen when the files are there again.
  void Meanwhile() {
    for (auto writes = random_() % 3; writes > 0; --writes) {
      current_.insert(next_);
      Write(writer_.get());
    }
    if (random_() % 2) f_.set->Step(milliseconds(0));
    if (random_() % 2) f_.Pass(milliseconds(random_() % 20000));
    if (random_() % 8 == 0) f_.Pass(std::chrono::minutes(11));
  }
  void MoveAwayAndBack() {
    f_.Settle();  // late files whose names are gone are read by then
    f_.Rename(logs_, logs_ + ".away");
    Meanwhile();
    f_.Rename(logs_ + ".away", logs_);
    f_.Settle();
  }
  // A deleted file that is closed cannot be opened again, so late lines to it would be lost.
  void LeaveConfigAndComeBack() {
    f_.Settle();
    old_writer_ = UniqueFd();
    f_.set->Reconfigure({{.path = f_.dir / "typo/vm.log"}});
    Meanwhile();
    if (random_() % 2) Rotate();
    f_.set->Reconfigure(specs_);
    f_.Settle();
  }
  void Restart() {
    f_.Settle();
    old_writer_ = UniqueFd();
    Positions saved = f_.set->SavePositions();
    f_.set = nullptr;
    f_.set = std::make_unique<SourceSet>(specs_, f_.seen, std::move(saved), FollowOptions{.clock = f_.clock});
    f_.Settle();
  }
  void Truncate() {
    may_miss_.insert(current_.begin(), current_.end());
    REQUIRE(::ftruncate(writer_.get(), 0) == 0);
    f_.set->Step(milliseconds(0));
  }

  std::mt19937 random_;
  const bool has_few_descriptors_;
  Following f_;
  std::string logs_ = f_.dir / "logs";
  std::string path_ = logs_ + "/vm.log";
  std::vector<SourceSpec> specs_;
  UniqueFd writer_;
  UniqueFd old_writer_;
  Clock::Time rotated_at_;
  int unseen_rotations_ = 0;
  int next_ = 0;
  std::set<int> current_;  // tokens that may be in the current file
  std::set<int> may_miss_;
};

TEST_CASE("actions in any order lose nothing and double nothing") {
  for (unsigned seed = 0; seed < 60; ++seed) {
    INFO("seed " << seed);
    Model model(seed);
    for (int i = 0; i < 150; ++i) model.Act();
    model.Check();
  }
}

}  // namespace
}  // namespace qte::source
