// The whole way of bytes under the default config: what comes out does not depend on where they are cut, every line is
// counted, and the exposition is one that Prometheus takes.
//
// Input: sizes of chunks less one, a byte each; a newline; a log. Limits are small, so that short inputs reach them.
#include "guests/guests.h"

#include <algorithm>

#include "default_program.h"
#include "exposition/text.h"
#include "exposition_check.h"
#include "fuzz.h"

using namespace qte;
using fuzz::Require;

namespace {

std::string Exposition(std::string_view log, std::string_view sizes, char padding) {
  static const std::shared_ptr<const rules::Program> program = fuzz::DefaultProgram();
  guests::Guests guests(program, guests::SourceLabels({}), 1);
  guests.OnOpen(1, 0, "/log/vm.log", 0);
  fuzz::CutInPieces(log, sizes, padding, [&](std::string_view piece) { guests.OnBytes(1, piece); });
  guests.EndOfRecording(1);
  Require(guests.lines() == static_cast<uint64_t>(std::count(log.begin(), log.end(), '\n')), "each line is counted");
  std::string text = exposition::ToText(guests.TakeSnapshot());
  guests.OnClose(1);
  return text;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view log = fuzz::View(data, size);
  std::string_view sizes = fuzz::TakeLine(log);
  std::string whole = Exposition(log, {}, '\n');
  fuzz::RequireExposition(whole);
  Require(Exposition(log, sizes.empty() ? "\x06" : sizes, '\xee') == whole, "in pieces is as whole");
  return 0;
}
