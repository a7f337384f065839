#include "source/line_splitter.h"

#include <vector>

#include "catch.h"

using qte::source::kReadPadding;
using qte::source::LineSplitter;

namespace {

// All lines, "<long>" for one over the limit, and "<rest>" + what is left; fed in chunks of `size` bytes.
std::vector<std::string> Split(const std::string& text, size_t size, size_t limit) {
  LineSplitter splitter(limit);
  std::vector<std::string> out;
  for (size_t at = 0; at < text.size(); at += size) {
    std::string chunk = text.substr(at, size);
    size_t length = chunk.size();
    chunk.append(kReadPadding, 'X');
    splitter.Feed(
        std::string_view(chunk).substr(0, length), [&](std::string_view line) { out.emplace_back(line); },
        [&] { out.emplace_back("<long>"); });
  }
  if (splitter.has_partial()) out.push_back("<rest>" + std::string(splitter.partial()));
  return out;
}

}  // namespace

TEST_CASE("Lines do not depend on where chunks are cut") {
  struct Case {
    std::string text;
    std::vector<std::string> want;
  };
  using Lines = std::vector<std::string>;
  const Case cases[] = {
      {"", Lines{}},
      {"a\n", Lines{"a"}},
      {"a", Lines{"<rest>a"}},
      {"\n\n", Lines{"", ""}},
      {"one\ntwo\nthree", Lines{"one", "two", "<rest>three"}},
      {"12345678\n123456789\n12345678\n", Lines{"12345678", "<long>", "12345678"}},
      {std::string(100, 'x') + "\nab\n", Lines{"<long>", "ab"}},
      {"ab\n" + std::string(100, 'x'), Lines{"ab", "<rest>"}},
      {std::string("a\0b\n\xff\n", 6), Lines{std::string("a\0b", 3), "\xff"}},
      {"a\r\nb\n", Lines{"a\r", "b"}},
  };
  for (const Case& c : cases) {
    for (size_t size = 1; size <= 20; ++size) {
      CAPTURE(c.text, size);
      CHECK(Split(c.text, size, 8) == c.want);
    }
    CHECK(Split(c.text, 1000, 8) == c.want);
  }
}

TEST_CASE("Drop forgets the unfinished line and only that") {
  LineSplitter splitter(8);
  std::vector<std::string> lines;
  auto feed = [&](std::string chunk) {
    size_t length = chunk.size();
    chunk.append(kReadPadding, 'X');
    splitter.Feed(
        std::string_view(chunk).substr(0, length), [&](std::string_view line) { lines.emplace_back(line); }, [] {});
  };
  CHECK_FALSE(splitter.Drop());
  feed("a\nhalf");
  CHECK(splitter.Drop());
  feed("next\n");
  feed("0123456789");
  CHECK(splitter.Drop());
  feed("b\n");
  CHECK(lines == std::vector<std::string>{"a", "next", "b"});
}
