// The line splitter: lines do not depend on where chunks are cut, and are those of a plain split.
//
// Input: sizes of chunks less one, a byte each; a newline; the bytes to split.
#include "source/line_splitter.h"

#include "fuzz.h"

using namespace qte;
using fuzz::Require;

namespace {

constexpr size_t kMaxLineBytes = 24;
// Stands for a line over the limit; no line holds a newline.
constexpr std::string_view kTooLong = "\n";

struct Lines {
  std::vector<std::string> lines;
  bool partial = false;
  bool operator==(const Lines&) const = default;
};

Lines Split(std::string_view text, std::string_view sizes, char padding) {
  Lines result;
  source::LineSplitter splitter(kMaxLineBytes);
  fuzz::CutInPieces(text, sizes, padding, [&](std::string_view piece) {
    splitter.Feed(
        piece,
        [&](std::string_view line) {
          result.lines.emplace_back(line);
          volatile char padded = line.data()[line.size() + source::kReadPadding - 1];
          static_cast<void>(padded);
        },
        [&] { result.lines.emplace_back(kTooLong); });
    Require(splitter.partial().size() <= kMaxLineBytes, "no more is held than a line may have");
  });
  result.partial = splitter.Drop();
  Require(!splitter.has_partial(), "nothing is left after Drop");
  return result;
}

Lines SplitPlainly(std::string_view text) {
  Lines result;
  while (text.find('\n') != std::string_view::npos) {
    std::string_view line = fuzz::TakeLine(text);
    result.lines.emplace_back(line.size() > kMaxLineBytes ? kTooLong : line);
  }
  result.partial = !text.empty();
  return result;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view text = fuzz::View(data, size);
  std::string_view sizes = fuzz::TakeLine(text);
  Lines plain = SplitPlainly(text);
  Require(Split(text, {}, '\n') == plain, "whole is as split plainly");
  Require(Split(text, sizes, '\xee') == plain, "in pieces is as split plainly");
  Require(Split(text, std::string_view("\0", 1), 'x') == plain, "byte by byte is as split plainly");
  return 0;
}
