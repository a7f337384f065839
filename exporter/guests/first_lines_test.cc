#include "guests/first_lines.h"

#include <string>

#include "catch.h"

namespace qte::guests {
namespace {

using Input = FirstLines::Input;

UnparsedCounts Unread(Unparsed reason, uint64_t count) {
  UnparsedCounts unread{};
  unread[static_cast<size_t>(reason)] = count;
  return unread;
}

}  // namespace

TEST_CASE("first lines: those of a known kind are told at once, and once") {
  FirstLines lines;
  lines.Add("{\"log\":\"pci", 0, {});  // a batch may end anywhere
  CHECK_FALSE(lines.Take(Input::kGoesOn));
  lines.Add("_cfg_read\\n\",\"stream\":\"stderr\"}\n", 1, Unread(Unparsed::kNotAnEvent, 1));
  auto told = lines.Take(Input::kGoesOn);
  REQUIRE(told);
  CHECK_THAT(*told, ContainsSubstring("1 of the first 1 lines are not read: they look like Docker's json-file log"));
  CHECK_FALSE(lines.Take(Input::kHasEnded));
}

TEST_CASE("first lines: a log of which half is read is good") {
  FirstLines lines;
  lines.Add("text\nevent\n", 2, Unread(Unparsed::kNotAnEvent, 1));
  CHECK_FALSE(lines.Take(Input::kHasEnded));
}

TEST_CASE("first lines: few lines of no known kind may be followed by others") {
  FirstLines lines;
  lines.Add("text\n", 1, Unread(Unparsed::kNotAnEvent, 1));
  CHECK_FALSE(lines.Take(Input::kGoesOn));
  lines.Add("more\n", 1, Unread(Unparsed::kNotAnEvent, 1));
  CHECK_FALSE(lines.Take(Input::kGoesOn));
  auto told = lines.Take(Input::kGoesOn);  // nothing came since
  REQUIRE(told);
  CHECK_THAT(*told, ContainsSubstring("2 of the first 2 lines are not read: they are no trace events; the first one is "
                                      "\"text\""));
}

TEST_CASE("first lines: what stands in a good log as well is told after 1,000 lines") {
  FirstLines lines;
  for (int i = 0; i < 9; ++i) {
    lines.Add("qemu-system-x86_64: warning: this\n", 100, Unread(Unparsed::kNotAnEvent, 100));
    CHECK_FALSE(lines.Take(Input::kGoesOn));
    CHECK_FALSE(lines.is_over());
  }
  lines.Add("qemu-system-x86_64: warning: this\n", 100, Unread(Unparsed::kNotAnEvent, 100));
  CHECK(lines.is_over());
  CHECK_THAT(lines.Take(Input::kGoesOn).value_or(""), ContainsSubstring("messages of QEMU"));
}

TEST_CASE("first lines: events that cannot be read name the reason") {
  FirstLines undeclared;
  undeclared.Add("new_event x\n", 20, Unread(Unparsed::kUndeclaredEvent, 20));
  CHECK_THAT(undeclared.Take(Input::kGoesOn).value_or(""), ContainsSubstring("no declaration at hand describes"));
  FirstLines mismatch;
  mismatch.Add("old_event x\n", 20, Unread(Unparsed::kFormatMismatch, 20));
  CHECK_THAT(mismatch.Take(Input::kGoesOn).value_or(""), ContainsSubstring("another version of QEMU"));
}

}  // namespace qte::guests
