#include "decoders/keyboard/key_press_decoder.h"

#include "decoders/replay_for_test.h"

using namespace qte::decoders;

namespace {

// Plays "+a" as a key that goes down, "-a" as one that goes up, on a console.
void PlayKeys(Replay& replay, const std::vector<std::string>& keys, const std::string& console = "-1") {
  for (const std::string& key : keys) {
    replay.Play("input_event_key_qcode con " + console + ", key qcode " + key.substr(1) + ", down " +
                (key[0] == '+' ? "1" : "0"));
  }
}

}  // namespace

TEST_CASE("A key counts when it goes down, and not while it is held") {
  struct Case {
    const char* name;
    std::vector<std::string> keys;
    Lines want;
  };
  auto c = GENERATE(Case{"pressed", {"+a", "-a"}, {"key_press -1 a"}},
                    Case{"pressed again", {"+a", "-a", "+a", "-a"}, {"key_press -1 a", "key_press -1 a"}},
                    Case{"held", {"+a", "+a", "+a", "-a"}, {"key_press -1 a"}},
                    Case{"with another", {"+ctrl", "+c", "-c", "-ctrl"}, {"key_press -1 ctrl", "key_press -1 c"}},
                    Case{"held with another",
                         {"+shift", "+a", "+a", "-a", "+shift", "-shift"},
                         {"key_press -1 shift", "key_press -1 a"}},
                    Case{"rolled over", {"+a", "+b", "-a", "+b", "-b"}, {"key_press -1 a", "key_press -1 b"}},
                    Case{"up alone", {"-a"}, {}});
  CAPTURE(c.name);
  Replay replay("key_press");
  PlayKeys(replay, c.keys);
  CHECK(replay.emitted == c.want);
}

TEST_CASE("Keys by number are the same keys, and each console has its own") {
  Replay replay("key_press");
  replay.Play("input_event_key_number con 0, key number 0x1e [a], down 1");
  PlayKeys(replay, {"+a"}, "0");
  PlayKeys(replay, {"+a"}, "1");
  CHECK(replay.emitted == Lines{"key_press 0 a", "key_press 1 a"});
}

TEST_CASE("Of more keys than there is room for, the least recently repeated is forgotten") {
  Replay replay("key_press", {.max_names = 2});
  PlayKeys(replay, {"+a", "+b", "+a", "+c"});
  CHECK(replay.decoder().forgotten(0) == 1);
  replay.emitted.clear();
  PlayKeys(replay, {"+a", "+c", "+b"});
  CHECK(replay.emitted == Lines{"key_press -1 b"});
}

TEST_CASE("State that is restored still knows which keys are down, and Reset forgets them") {
  Replay saved("key_press");
  PlayKeys(saved, {"+a"});
  Replay replay("key_press");
  replay.decoder().Restore(saved.decoder().Save());
  PlayKeys(replay, {"+a"});
  CHECK(replay.emitted.empty());
  replay.decoder().Reset();
  PlayKeys(replay, {"+a"});
  CHECK(replay.emitted == Lines{"key_press -1 a"});
}
