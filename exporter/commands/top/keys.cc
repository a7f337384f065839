#include "commands/top/keys.h"

namespace qte::commands::top {
namespace {

constexpr char kEscape = '\x1b';

Key KeyOf(char c) {
  switch (c) {
    case 'q':
    case 'Q':
    case '\x03':  // Ctrl-C, where the terminal sends it as a byte
      return Key::kQuit;
    case 's':
      return Key::kSort;
    case 'v':
    case '\r':
    case '\n':
      return Key::kVm;
    case ' ':
      return Key::kPause;
    case 'k':
      return Key::kUp;
    case 'j':
      return Key::kDown;
    default:
      return Key::kOther;
  }
}

}  // namespace

std::optional<Key> TakeKey(std::string& typed) {
  if (typed.empty()) return std::nullopt;
  const char first = typed.front();
  if (first != kEscape || (typed.size() > 1 && typed[1] != '[' && typed[1] != 'O')) {
    typed.erase(0, 1);
    return KeyOf(first);
  }
  // "ESC [ 1 ; 5 A": the first letter after the bracket ends it.
  for (size_t i = 2; i < typed.size(); ++i) {
    const char last = typed[i];
    if (last < '@' || last > '~') continue;
    typed.erase(0, i + 1);
    return last == 'A' ? Key::kUp : last == 'B' ? Key::kDown : Key::kOther;
  }
  return std::nullopt;
}

}  // namespace qte::commands::top
