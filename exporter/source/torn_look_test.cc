// Looks that show names of different moments, as they do when logs are renamed meanwhile.
#include <algorithm>
#include <filesystem>
#include <functional>
#include <set>

#include "source/following.h"
#include "source/stream_table.h"

namespace qte::source {
namespace {

class TornLooks : public Following {
 public:
  // A look that does not come by the files of these names.
  void LookWithout(const std::set<std::string>& missed) {
    Scan scan = discovery.Look();
    std::erase_if(scan.files, [&](const FoundFile& file) { return missed.contains(file.path); });
    table.Reconcile(scan, RenameTrail{}, discovery, clock.Now());
    is_outdated = scan.is_outdated;
  }
  void Look() { LookWithout({}); }
  // A look that came by one name before a rotation and by all others after it.
  void LookAcross(const std::string& path, const std::function<void()>& rotate) {
    Scan before = discovery.Look();
    rotate();
    Scan scan = discovery.Look();
    auto is_at = [&](const FoundFile& file) { return file.path == path; };
    *std::find_if(scan.files.begin(), scan.files.end(), is_at) =
        *std::find_if(before.files.begin(), before.files.end(), is_at);
    auto identity = std::find_if(before.files.begin(), before.files.end(), is_at)->identity;
    std::erase_if(scan.files, [&](const FoundFile& file) { return file.path != path && file.identity == identity; });
    table.Reconcile(scan, RenameTrail{}, discovery, clock.Now());
    is_outdated = scan.is_outdated;
  }

  void Make(const std::string& text) { Append(log, text); }
  // What logrotate does: LOG becomes LOG.1, LOG.1 becomes LOG.2, and so on.
  // Without asking for the files' stamps, for since Linux 6.13 asking makes the next stamp differ.
  void Shift() {
    constexpr int kMost = 15;
    auto name = [this](int number) { return log + "." + std::to_string(number); };
    for (int last = kMost; last > 1; --last) ::rename(name(last - 1).c_str(), name(last).c_str());
    ::rename(log.c_str(), name(1).c_str());
  }

  Stream* Find(const std::string& text) {
    for (const auto& stream : table.streams()) {
      if (TextOf(stream->path) == text) return stream.get();
    }
    return nullptr;
  }
  // The texts of a file and of those before it, as far as the table knows them, the newest first.
  std::string ChainOf(const std::string& text) {
    std::string chain;
    for (Stream* stream = Find(text); stream != nullptr; stream = table.Find(stream->predecessor)) {
      chain += TextOf(stream->path);
      CHECK(stream->opened_as == log);
    }
    return chain;
  }

  std::string log = dir / "vm.log";
  Discovery discovery{{{.path = dir / "vm.log*"}}};
  StreamTable table{100};
  bool is_outdated = false;
};

TEST_CASE("torn looks: a file that one look missed has its place between two others") {
  TornLooks f;
  f.Make("a");
  f.Look();
  f.Shift();
  f.Make("b");
  f.NextTick();
  f.Shift();
  f.Make("c");
  f.LookWithout({f.log + ".1"});
  CHECK(f.ChainOf("c") == "ca");
  SECTION("its successor was not read yet") {
    f.Look();
    CHECK(f.ChainOf("c") == "cba");
    CHECK(f.Find("c")->after == f.Find("b")->id);
    CHECK(f.table.rotations() == 2);
  }
  SECTION("its successor was read") {
    f.Find("c")->is_announced = true;
    f.Look();
    CHECK(f.ChainOf("b") == "ba");
    CHECK(f.ChainOf("c") == "ca");
    f.Shift();
    f.Make("d");
    f.Look();
    CHECK(f.ChainOf("d") == "dca");
  }
}

TEST_CASE("torn looks: two files that one look missed") {
  TornLooks f;
  f.Make("a");
  f.Look();
  for (const char* text : {"b", "c", "d"}) {
    f.Shift();
    f.Make(text);
  }
  f.LookWithout({f.log + ".1", f.log + ".2"});
  f.Look();
  CHECK(f.ChainOf("d") == "dcba");
  CHECK(f.table.rotations() == 3);
}

TEST_CASE("torn looks: a look came by the log before its rotation, and by its rotated name after another one") {
  TornLooks f;
  f.Make("a");
  f.Look();
  f.NextTick();
  f.LookAcross(f.log, [&] {
    f.Shift();
    f.Make("b");
    f.Shift();
    f.Make("c");
  });
  CHECK((f.Find("b") == nullptr || f.Find("b")->awaits_look));
  CHECK(f.is_outdated);
  f.Look();
  CHECK(f.ChainOf("c") == "cba");
}

TEST_CASE("torn looks: a copy beside its log is another log, after a second look") {
  TornLooks f;
  f.Make("a");
  f.Look();
  f.NextTick();
  f.Append(f.log + ".1", "copy");
  f.Look();
  CHECK(f.Find("copy") == nullptr);
  f.Look();
  REQUIRE(f.Find("copy") != nullptr);
  CHECK(f.Find("copy")->opened_as == f.log + ".1");
  CHECK(f.Find("copy")->predecessor == 0);
}

TEST_CASE("torn looks: the log was rotated twice before another file came to its path") {
  TornLooks f;
  f.Make("a");
  f.Look();
  f.Shift();
  f.Look();
  f.Shift();
  f.Make("b");
  f.Look();
  CHECK(f.ChainOf("b") == "ba");
}

TEST_CASE("torn looks: a file that has the inode of one that is gone has its place as well") {
  TornLooks f;
  f.Make("a");
  f.Look();
  f.Shift();
  f.Make("b");
  f.Shift();
  f.Make("c");
  Positions saved;
  saved.streams.emplace_back();
  saved.streams.back().id = 7;
  saved.streams.back().path = f.log;
  saved.streams.back().place = f.log;
  saved.streams.back().birth = 1;
  saved.streams.back().file = *IdentityAt(f.log + ".1");
  saved.streams.back().directory = *IdentityAt(f.dir.path());
  f.table.Resume(saved, f.clock.Now());
  f.table.Bind(f.discovery);
  f.Look();
  CHECK(f.ChainOf("c").starts_with("cb"));
}

TEST_CASE("torn looks: rotated files that were there at the first look are older parts of the log") {
  TornLooks f;
  for (const char* text : {"a", "b", "c"}) {
    f.Shift();
    f.Make(text);
  }
  f.Look();
  std::vector<std::string> paths;
  for (Stream* stream = f.Find("c"); stream != nullptr; stream = f.table.Find(stream->predecessor)) {
    paths.push_back(stream->opened_as);
  }
  CHECK(paths == std::vector<std::string>{f.log, f.log + ".1", f.log + ".2"});
  CHECK(f.table.rotations() == 0);
}

TEST_CASE("torn looks: files that were made in one tick of the clock have the order of their numbers") {
  for (int times = 0; times < 20; ++times) {
    TornLooks f;
    f.Make("a");
    f.Look();
    std::string want = "a";
    for (const char* text : {"b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m"}) {
      f.Shift();
      f.Make(text);
      want.insert(0, text);
    }
    f.Look();
    REQUIRE(f.ChainOf("m") == want);
  }
}

TEST_CASE("torn looks: a file that one look missed, made in the tick of its successor") {
  for (int times = 0; times < 30; ++times) {
    TornLooks f;
    f.Make("a");
    f.Look();
    f.NextTick();
    f.Shift();
    f.Make("b");
    f.Shift();
    f.Make("c");
    f.LookWithout({f.log + ".1"});
    f.Look();
    REQUIRE(f.ChainOf("c") == "cba");
    CHECK(f.table.rotations() == 2);
  }
}

}  // namespace
}  // namespace qte::source
