// Lines in envelopes: whatever a log holds, what is opened is bounded by it, is an event just where it says so, and a
// plain event stays as it is.
//
// Input: a log.
#include "trace/line_opener.h"

#include <algorithm>

#include "fuzz.h"

using namespace qte;
using fuzz::Require;

namespace {

constexpr size_t kMaxLineBytes = 200;
using Opened = trace::LineOpener::Opened;

void Check(const Opened& opened, const trace::NameTable& declared, size_t most) {
  Require(opened.layers <= trace::LineOpener::kMostLayers, "the number of layers");
  if (opened.kind != Opened::Kind::kLine) return;
  Require(opened.line.size() <= most, "no line is longer than its parts and a prefix");
  Require(opened.is_event == trace::IsEventLine(opened.line, declared) || opened.line.starts_with('{') ||
              !opened.has_prefix,
          "an event is told as one");
  trace::ReadTime(opened.line, trace::FindPrefix(opened.line));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  trace::NameTable declared;
  declared.Add("pci_cfg_read");
  trace::LineOpener opener(kMaxLineBytes);
  size_t lines = 0;
  size_t opened_lines = 0;
  for (std::string_view log = fuzz::View(data, size); !log.empty(); ++lines) {
    const std::string_view given = fuzz::TakeLine(log);
    fuzz::Padded padded(given, '\n', '\xee');
    // A text may grow by half in UTF-8; a prefix is put before it.
    const size_t most = std::max(given.size() * 3, kMaxLineBytes) + 64;
    for (const Opened& opened : opener.Open(padded.text(), declared)) {
      Check(opened, declared, most);
      ++opened_lines;
    }
    if (given == "pci_cfg_read x") Require(opener.must_open() || lines >= 100, "the first lines are opened");
  }
  for (const Opened& opened : opener.Finish(declared)) {
    Check(opened, declared, kMaxLineBytes + 64);
    ++opened_lines;
  }
  Require(opened_lines <= lines, "no line is made up");
  trace::LineOpener none(kMaxLineBytes);
  none.Use(trace::Envelope::kNone);
  fuzz::Padded whole(fuzz::View(data, size), '\n', '\xee');
  Require(none.Open(whole.text(), declared)[0].line == whole.text(), "a line that is not to be opened stays");
  return 0;
}
