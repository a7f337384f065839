#include "commands/help_layout.h"

#include <cstdlib>

#include "catch.h"

namespace qte::commands {

TEST_CASE("A paragraph is broken at blanks") {
  CHECK(WrapText("one two three", 80) == "one two three\n");
  CHECK(WrapText("one two three", 7) == "one two\nthree\n");
  CHECK(WrapText("one incomprehensibility two", 7) == "one\nincomprehensibility\ntwo\n");
  CHECK(WrapText("Prometheus' own format", 12) == "Prometheus'\nown format\n");
}

TEST_CASE("Texts of entries stand in a column, or below a long name") {
  const std::vector<HelpEntry> entries = {{"--step=DURATION", "Time between two samples"},
                                          {"--web.listen-address=ADDRESS", "Where to serve"}};
  CHECK(LayOutEntries(entries, 80) ==
        "  --step=DURATION           Time between two samples\n"
        "  --web.listen-address=ADDRESS\n"
        "                            Where to serve\n");
  CHECK(LayOutEntries(entries, 40) ==
        "  --step=DURATION\n      Time between two samples\n"
        "  --web.listen-address=ADDRESS\n      Where to serve\n");
}

TEST_CASE("A wrapped text keeps to its column") {
  CHECK(LayOutEntries({{"a", "one two three four five six seven eight nine ten"}}, 70) ==
        "  a                         one two three four five six seven eight\n"
        "                            nine ten\n");
}

TEST_CASE("An example that is too long continues behind a backslash") {
  CHECK(LayOutExample("check vm.yaml", 80) == "  check vm.yaml\n");
  CHECK(LayOutExample("tail -n 20 vm1.log | qemu-trace-exporter explain", 40) ==
        "  tail -n 20 vm1.log | \\\n      qemu-trace-exporter explain\n");
  // A shell would take a backslash within quotes for one of the text.
  CHECK(LayOutExample("explain 'ps2_put_keycode 0x55e759f09cf0 keycode 0x34'", 40) ==
        "  explain \\\n      'ps2_put_keycode 0x55e759f09cf0 keycode 0x34'\n");
}

TEST_CASE("COLUMNS tells the width") {
  setenv("COLUMNS", "200", 1);
  CHECK(HelpWidth() == 200);
  setenv("COLUMNS", "1", 1);
  CHECK(HelpWidth() == 40);
  setenv("COLUMNS", "wide", 1);
  CHECK(HelpWidth() >= 40);
  unsetenv("COLUMNS");
}

}  // namespace qte::commands
