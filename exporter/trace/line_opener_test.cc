#include "trace/line_opener.h"

#include <string>
#include <vector>

#include "catch.h"

using namespace qte::trace;

namespace {

using Kind = LineOpener::Opened::Kind;

// All lines that come of these, "too long" and "torn" for what is none.
class Log {
 public:
  Log() {
    names_.Add("pci_cfg_read");
    names_.Add("virtio_set_status");
  }

  std::vector<std::string> Open(std::vector<std::string> lines) {
    std::vector<std::string> all;
    for (std::string& line : lines) {
      line.append(64, '\n');
      Add(opener.Open(std::string_view(line).substr(0, line.size() - 64), names_), all);
    }
    return all;
  }
  std::vector<std::string> Finish() {
    std::vector<std::string> all;
    Add(opener.Finish(names_), all);
    return all;
  }

  LineOpener opener{100};

 private:
  static void Add(std::span<const LineOpener::Opened> opened, std::vector<std::string>& all) {
    for (const LineOpener::Opened& one : opened) {
      all.push_back(one.kind == Kind::kTooLong     ? "too long"
                    : one.kind == Kind::kTornParts ? "torn"
                                                   : std::string(one.line));
    }
  }
  NameTable names_;
};

using Lines = std::vector<std::string>;

std::string Utf16(std::string_view text, bool is_big_endian) {
  std::string wide;
  for (char c : text) wide += is_big_endian ? std::string{'\0', c} : std::string{c, '\0'};
  return wide;
}

Lines SplitAtNewlines(std::string_view text) {
  Lines lines;
  for (size_t end; (end = text.find('\n')) != std::string_view::npos; text.remove_prefix(end + 1)) {
    lines.emplace_back(text.substr(0, end));
  }
  return lines;
}

}  // namespace

TEST_CASE("Dirty text is cleaned") {
  struct Case {
    std::string line;
    std::string_view want;
  };
  for (const Case& c : {
           Case{"pci_cfg_read a\r", "pci_cfg_read a"},
           Case{"\rpci_cfg_read a\r\r", "pci_cfg_read a"},
           Case{"\xef\xbb\xbfpci_cfg_read a", "pci_cfg_read a"},
           Case{std::string(5, '\0') + "pci_cfg_read a", "pci_cfg_read a"},
           Case{"\x1b[2J\x1b[01;01H\x1b[=3h\x1b[2Jpci_cfg_read a", "pci_cfg_read a"},
           Case{"\x1b[01;31m\x1b[Kpci_cfg\x1b[m\x1b[K_read a\x1b[0m\r", "pci_cfg_read a"},
           Case{"\x1b]0;title\apci_cfg_read\x1b(B a\x1b[", "pci_cfg_read a"},
           Case{"\x1b]0;title\x1b\\pci_cfg_read a\x1b", "pci_cfg_read a"},
           Case{"\x1b[36mvm-1  | \x1b[0mpci_cfg_read a", "pci_cfg_read a"},
           Case{R"({"log":"\u001b[0mpci_cfg_read \"\\\/\u00e4\ud83d\ude00\"\u001b[0m\r\n"})",
                "pci_cfg_read \"\\/\xc3\xa4\xf0\x9f\x98\x80\""},
           Case{R"({"MESSAGE":[112,99,105,95,99,102,103,95,114,101,97,100,32,97,27,91,48,109]})", "pci_cfg_read a"},
       }) {
    CAPTURE(c.line);
    CHECK(Log().Open({c.line}) == Lines{std::string(c.want)});
  }
}

TEST_CASE("UTF-16 of either order of bytes, with a mark or without") {
  const std::string text = "pci_cfg_read a\r\nvirtio_set_status b\r\npci_cfg_read \r\n";
  const Lines want = {"pci_cfg_read a", "virtio_set_status b", "pci_cfg_read "};
  CHECK(Log().Open(SplitAtNewlines("\xff\xfe" + Utf16(text, false))) == want);
  CHECK(Log().Open(SplitAtNewlines("\xfe\xff" + Utf16(text, true))) == want);
  CHECK(Log().Open(SplitAtNewlines(Utf16(text, false))) == want);
  // U+0416 and U+1F600.
  const std::string letters = Utf16("pci_cfg_read ", false) + "\x16\x04" + "\x3d\xd8" + std::string("\x00\xde", 2);
  CHECK(Log().Open({letters}) == Lines{"pci_cfg_read \xd0\x96\xf0\x9f\x98\x80"});
}

TEST_CASE("An event behind other text counts by its own prefix alone") {
  struct Case {
    std::string_view line;
    std::string_view want;
  };
  for (const Case& c : {
           Case{"login: 4711@1795408700.000001:pci_cfg_read a", "4711@1795408700.000001:pci_cfg_read a"},
           Case{"[    3.5]4711@1795408700.000001:pci_cfg_read a", "4711@1795408700.000001:pci_cfg_read a"},
           Case{"# 2026-11-23T04:41:06.310976Z pci_cfg_read a", "2026-11-23T04:41:06.310976Z pci_cfg_read a"},
           Case{"a@b 4711@1.0:pci_cfg_read a", "a@b 4711@1.0:pci_cfg_read a"},
           Case{"x=virtio_set_status a", "x=virtio_set_status a"},
           Case{"x 4711@1795408700.000001:un_declared a", "x 4711@1795408700.000001:un_declared a"},
       }) {
    CHECK(Log().Open({std::string(c.line)}) == Lines{std::string(c.want)});
  }
}

TEST_CASE("Parts of a line are joined, stream by stream") {
  const std::string time = "2026-11-23T04:38:20.000001Z ";
  Log cri;
  CHECK(cri.Open({time + "stderr P 1@1795408700.000001:pci_", time + "stdout P text ", time + "stderr P cfg_read ",
                  time + "stderr F a", time + "stdout F b"}) ==
        Lines{"1@1795408700.000001:pci_cfg_read a", "2026-11-23T04:38:20.000001Z text b"});
  CHECK(cri.Open({time + "stderr P " + std::string(60, 'a'), time + "stderr P " + std::string(60, 'b'),
                  time + "stderr F c", time + "stderr F pci_cfg_read a"}) ==
        Lines{"too long", time + "pci_cfg_read a"});
  CHECK(cri.Open({time + "stderr P pci_"}).empty());
  CHECK(cri.Finish() == Lines{"torn"});
  CHECK(cri.Finish().empty());

  Log docker;
  CHECK(docker.Open({R"({"log":"1@1795408700.000001:pci_cfg_","stream":"stderr"})",
                     R"({"log":"x\n","stream":"stdout"})", R"({"log":"read a\n","stream":"stderr"})"}) ==
        Lines{"x", "1@1795408700.000001:pci_cfg_read a"});
  // The container ended without a newline and was started again.
  CHECK(docker.Open({R"({"log":"pci_cfg_read a"})", R"({"log":"pci_cfg_read b\n"})"}) ==
        Lines{"pci_cfg_read a", "pci_cfg_read b"});
  // A logger that keeps no newlines.
  Log whole;
  CHECK(whole.Open({R"({"log":"pci_cfg_read a"})", R"({"log":"pci_cfg_read b"})", R"({"log":"text"})"}) ==
        Lines{"pci_cfg_read a", "pci_cfg_read b", "text"});
  CHECK(docker.Open({R"({"log":"pci_cfg_read c"})"}).empty());
  CHECK(docker.Finish() == Lines{"pci_cfg_read c"});
}

TEST_CASE("Parts go on over a restart") {
  Log before;
  CHECK(before.Open({"2026-11-23T04:38:20Z stderr P pci_cfg_"}).empty());
  Log after;
  after.opener.Resume(before.opener.TakeState());
  CHECK(after.Open({"2026-11-23T04:38:20Z stderr F read a"}) == Lines{"2026-11-23T04:38:20.000000Z pci_cfg_read a"});
}

TEST_CASE("A log of plain lines is not opened line by line") {
  Log log;
  for (uint32_t i = 0; i < LineOpener::kLinesToOpen; ++i) {
    CHECK(log.opener.must_open());
    log.Open({"pci_cfg_read a"});
  }
  CHECK_FALSE(log.opener.must_open());
  for (const char* line : {"vm | pci_cfg_read a", "pci_cfg_read a\r"}) {
    log.Open({line});
    CHECK(log.opener.must_open());
    for (int i = 0; i < 2000; ++i) log.Open({"pci_cfg_read a"});
    CHECK_FALSE(log.opener.must_open());
  }
}

TEST_CASE("What looks like the name of an event") {
  for (std::string_view word : {"foo_bar", "a_b", "Foo_1", "x1_y2_z3"}) CHECK(LooksLikeEventName(word));
  for (std::string_view word : {"", "_keycode", "foo", "foo_", "1_a", "foo_bar:", "foo-bar_x", "check_exception", "_",
                                "mips_cpu_do_interrupt", "a__"}) {
    CAPTURE(word);
    CHECK(LooksLikeEventName(word) == (word == "a__"));
  }
}
