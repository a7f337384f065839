#include "decoders/keyboard/keystroke_decoder.h"

#include <algorithm>
#include <sstream>

#include "decoders/replay_for_test.h"

using namespace qte::decoders;

namespace {

// Plays bytes such as "34 f0 34" as those of one keyboard.
void PlayBytes(Replay& replay, const std::string& bytes, const std::string& keyboard = "0x55ca613c4340") {
  std::istringstream words(bytes);
  for (std::string byte; words >> byte;) replay.Play("ps2_put_keycode " + keyboard + " keycode 0x" + byte);
}

// Returns the codes of all keystrokes so far and clears them.
std::string TakeCodes(Replay& replay) {
  std::string codes;
  for (const std::string& event : replay.emitted)
    codes += (codes.empty() ? "" : " ") + event.substr(event.rfind(' ') + 1);
  replay.emitted.clear();
  return codes;
}

// Counts presses independently of the key codes, by events with `down 1` that are followed by a code. While Alt is held
// (modifier bits 4 and 20), sets 1 and 2 send Print Screen (94) as Alt up, Alt down, SysRq, and its release as SysRq
// up, Alt up, Alt down. Alt therefore counts again each time.
size_t CountPresses(const std::vector<std::string>& lines) {
  size_t presses = 0;
  size_t of_event = 0;
  for (const std::string& text : lines) {
    LogLine line = ParseLogLine(text);
    if (line.event == "ps2_put_keycode") {
      presses += of_event;
      of_event = 0;
    }
    if (line.event != "ps2_keyboard_event") continue;
    auto number = [&](const char* name) { return ValueOf(ArgumentText(line.arguments, name)).bits; };
    bool alt_print = number("qcode") == 94 && (number("modifiers") & 0x24) != 0 && number("set") != 3;
    of_event = number("down") + (alt_print ? 1 : 0);
  }
  return presses;
}

}  // namespace

TEST_CASE("A press is one keystroke, whatever bytes it takes") {
  struct Case {
    const char* name;
    const char* bytes;
    const char* want;
  };
  auto c = GENERATE(
      Case{"letter", "34 f0 34", "0x34"}, Case{"one digit", "0d f0 0d", "0x0d"},
      Case{"extended", "e0 75 e0 f0 75", "0xe075"}, Case{"typematic", "1c 1c 1c f0 1c", "0x1c 0x1c 0x1c"},
      Case{"F7", "83 f0 83", "0x83"}, Case{"F7 while F5 is down", "34 f0 34 03 83 f0 83 f0 03", "0x34 0x03 0x83"},
      Case{"Pause", "e1 14 77 e1 f0 14 f0 77 1c", "0xe11477 0x1c"}, Case{"Ctrl+Pause", "e0 7e e0 f0 7e", "0xe07e"},
      Case{"Print", "e0 12 e0 7c e0 f0 7c e0 f0 12", "0xe07c"}, Case{"Shift+Print", "e0 7c e0 f0 7c", "0xe07c"},
      Case{"Alt+Print", "11 f0 11 11 84 f0 84 f0 11 11 f0 11", "0x11 0x11 0x84 0x11"},
      Case{"AltGr+Print", "e0 11 e0 f0 11 e0 11 84 f0 84 e0 f0 11 e0 11 e0 f0 11", "0xe011 0xe011 0x84 0xe011"},
      Case{"LANG1, LANG2", "f2 f1 1c", "0xf2 0xf1 0x1c"},
      Case{"keypad 0 held in set 2", "34 f0 34 70 1c f0 1c f0 70", "0x34 0x70 0x1c"},
      Case{"set 1 letter", "1e 9e", "0x1e"}, Case{"set 1 extended", "e0 48 e0 c8", "0xe048"},
      Case{"set 1 Pause", "e1 1d 45 e1 9d c5 1e 9e", "0xe11d45 0x1e"},
      Case{"set 1 Ctrl+Pause", "e0 46 e0 c6", "0xe046"}, Case{"set 1 Print", "e0 2a e0 37 e0 b7 e0 aa", "0xe037"},
      Case{"set 1 right fake shift", "e0 36 e0 37 e0 b7 e0 b6", "0xe037"},
      Case{"set 1 Alt+Print", "38 b8 38 54 d4 b8 38 b8", "0x38 0x38 0x54 0x38"},
      Case{"set 1 digits 2 and 3 first", "03 83 04 84", "0x03 0x04"},
      Case{"set 1 LANG1, LANG2 without release", "1e 9e f2 f1", "0x1e 0xf2 0xf1"},
      Case{"set 1 LANG1, LANG2 with release", "72 f2 71 f1", "0x72 0x71"},
      Case{"set 1 hiragana", "1e 9e 70 f0 1e 9e", "0x1e 0x70 0x1e"},
      Case{"set 1 hiragana held", "1e 9e 70 1e 9e f0", "0x1e 0x70 0x1e"},
      Case{"set 1 hiragana held at the first release", "70 1e 9e f0 1e 9e", "0x70 0x1e 0x1e"},
      Case{"set 1 from a release that is not of set 2", "b9 1e 9e", "0x1e"},
      Case{"set 2 to set 1", "1c f0 1c 1e 9e 1f 9f", "0x1c 0x1e 0x1f"},
      Case{"set 2 to set 1 by a byte that set 3 has", "1c f0 1c 11 91 1e 9e", "0x1c 0x11 0x1e"},
      Case{"set 2 to set 1 and back while keypad 0 is down", "34 f0 34 70 1e 9e 1c f0 1c", "0x34 0x70 0x1e 0x1c"},
      Case{"set 1 to set 2", "1e 9e 1c f0 1c 1b f0 1b", "0x1e 0x1c 0x1b"},
      Case{"set 3", "1c f0 1c 8b f0 8b 62 f0 62 11 91 f0 91 f0 11", "0x1c 0x8b 0x62 0x11 0x91"},
      Case{"set 3 to set 1", "1c f0 1c 8b f0 8b 1e 9e 30 b0", "0x1c 0x8b 0x1e 0x30"},
      Case{"set 3 to set 2", "1c f0 1c 8b f0 8b e0 75 e0 f0 75 83", "0x1c 0x8b 0xe075 0x83"},
      Case{"lost byte after e0", "e0 e0 75 e0 f0 75", "0xe075"}, Case{"lost byte after f0", "f0 e0 75", "0xe075"},
      Case{"lost bytes in Pause", "e1 34 e1 14 34 f0 34", "0x34 0x34"});
  CAPTURE(c.name);
  Replay replay("keystroke");
  PlayBytes(replay, c.bytes);
  CHECK(TakeCodes(replay) == c.want);
}

TEST_CASE("The keyboard is the pointer as printed, and each has its own state") {
  Replay replay("keystroke");
  PlayBytes(replay, "e0", "0x1");
  PlayBytes(replay, "f0", "0x2");
  PlayBytes(replay, "75", "0x1");
  PlayBytes(replay, "75 1c", "0x2");
  CHECK(replay.emitted == std::vector<std::string>{"keystroke 0x1 0xe075", "keystroke 0x2 0x1c"});
}

TEST_CASE("The least recently used keyboard is forgotten") {
  Replay replay("keystroke", {.max_names = 2});
  PlayBytes(replay, "e0", "0x1");
  PlayBytes(replay, "e0", "0x2");
  PlayBytes(replay, "f0", "0x1");
  PlayBytes(replay, "1c", "0x3");
  PlayBytes(replay, "75", "0x1");  // still known: a release
  PlayBytes(replay, "75", "0x2");  // this keyboard and its e0 were dropped
  CHECK(TakeCodes(replay) == "0x1c 0x75");
}

TEST_CASE("Reset forgets what was read, and what is no byte is skipped") {
  Replay replay("keystroke");
  PlayBytes(replay, "f0");
  replay.decoder().Reset();
  PlayBytes(replay, "100 1c");
  CHECK(TakeCodes(replay) == "0x1c");
}

TEST_CASE("Keystrokes of every key in every set are QEMU's own count") {
  std::vector<int> sets = {1, 2, 3};
  do {
    Replay replay("keystroke");
    size_t want = 0;
    for (int set : sets) {
      CAPTURE(sets, set);
      std::vector<std::string> lines = ReadTrace("keys-all-set" + std::to_string(set) + "-7.2.log");
      replay.Play(lines);
      want += CountPresses(lines);
      CHECK(want > 200);
      CHECK(replay.emitted.size() == want);
    }
  } while (std::next_permutation(sets.begin(), sets.end()));
}

TEST_CASE("Keystrokes of a guest's log are QEMU's own count") {
  std::vector<std::string> lines = ReadTrace("keys-7.2.log");
  Replay replay("keystroke");
  replay.Play(lines);
  CHECK(replay.emitted == std::vector<std::string>{"keystroke 0x55ca613c4340 0x1c", "keystroke 0x55ca613c4340 0xe075"});
  CHECK(replay.emitted.size() == CountPresses(lines));
}
