#include "trace/prefix.h"

#include <string>
#include <vector>

#include "catch.h"

using namespace qte::trace;

TEST_CASE("Prefixes are told apart and read") {
  struct Case {
    std::string_view line;
    PrefixKind kind;
    std::string_view rest;
    int64_t time_us;
    uint64_t thread;
  };
  constexpr int64_t kNoTime = INT64_MIN;
  for (const Case& c : {
           Case{"pci_cfg_read x", PrefixKind::kNone, "pci_cfg_read x", kNoTime, 0},
           Case{"26638@1795408732.182800:dma_blk_cb ", PrefixKind::kThreadAndTime, "dma_blk_cb ", 1795408732182800,
                26638},
           Case{"26638@1795408732.182800:", PrefixKind::kThreadAndTime, "", 1795408732182800, 26638},
           Case{"9@999999999.999999:a_b", PrefixKind::kThreadAndTime, "a_b", 999999999999999, 9},
           Case{"9@12345678901.000000:a_b", PrefixKind::kThreadAndTime, "a_b", 12345678901000000, 9},
           Case{"1234567890@1098765432.000000:a_b", PrefixKind::kThreadAndTime, "a_b", 1098765432000000, 1234567890},
           Case{"1@0.000001:a", PrefixKind::kThreadAndTime, "a", 1, 1},
           Case{"2026-11-23T04:41:06.310976Z a_b c", PrefixKind::kIsoTime, "a_b c", 1795408866310976, 0},
           Case{"2026-11-23T04:41:06Z a_b c", PrefixKind::kIsoTime, "a_b c", 1795408866000000, 0},
           Case{"1970-01-01T00:00:00.000007Z x", PrefixKind::kIsoTime, "x", 7, 0},
           Case{"2024-02-29T23:59:60Z x", PrefixKind::kIsoTime, "x", 1709251200000000, 0},
       }) {
    CAPTURE(c.line);
    Prefix prefix = FindPrefix(c.line);
    CHECK(prefix.kind == c.kind);
    CHECK(c.line.substr(prefix.size) == c.rest);
    CHECK(ReadTime(c.line, prefix) == c.time_us);
    CHECK(ReadThread(c.line, prefix) == c.thread);
  }
}

TEST_CASE("What only resembles a prefix is none") {
  for (std::string_view line : {"",
                                "1",
                                "26638",
                                "26638@",
                                "26638@1795408732",
                                "26638@1795408732.",
                                "26638@1795408732.182800",
                                "26638@1795408732.18280x:a",
                                "26638@1795408732.1828001:a",
                                "26638@.182800:a",
                                "@1795408732.182800:a",
                                "26638@17954087321234567.182800:a",
                                "12345678901@1.182800:a",
                                "0x000fff: 90",
                                "2026-11-23",
                                "2026-11-23T04:41:06",
                                "2026-11-23T04:41:06Z",
                                "2026-11-23T04:41:06.31Z a",
                                "2026-11-23T04:41:06.310976 a_b",
                                "2026-11-23T04:41:06.310976Zevent",
                                "2026-11-23 04:41:06Z a"}) {
    CAPTURE(line);
    CHECK(FindPrefix(line).kind == PrefixKind::kNone);
  }
}

TEST_CASE("Any other byte in a prefix makes it none, or a shorter one") {
  for (std::string_view line :
       {std::string_view("26638@1795408732.182800:x"), std::string_view("2026-11-23T04:41:06.310976Z x"),
        std::string_view("2026-11-23T04:41:06Z x")}) {
    Prefix whole = FindPrefix(line);
    for (size_t at = 0; at < whole.size; ++at) {
      for (int byte = 0; byte < 256; ++byte) {
        std::string changed(line);
        changed[at] = static_cast<char>(byte);
        bool digit_for_digit = std::isdigit(static_cast<unsigned char>(line[at])) != 0 && byte >= '0' && byte <= '9';
        if (changed == line || digit_for_digit) continue;
        CAPTURE(changed, at, byte);
        Prefix found = FindPrefix(changed);
        REQUIRE((found.kind == PrefixKind::kNone || found.size < whole.size));
      }
    }
  }
}

TEST_CASE("No cut of a prefixed line reads out of bounds") {
  for (std::string_view line : {std::string_view("26638@1795408732.182800:dma_blk_cb x"),
                                std::string_view("2026-11-23T04:41:06.310976Z dma_blk_cb x")}) {
    for (size_t size = 0; size <= line.size(); ++size) {
      std::string cut(line.substr(0, size));  // its own allocation, for the address sanitizer
      Prefix prefix = FindPrefix(cut);
      CHECK(prefix.size <= cut.size());
      ReadTime(cut, prefix);
    }
  }
}

TEST_CASE("A finder finds in any order of lines what is found in each alone") {
  // Long enough to be held against the line before.
  const std::string rest = "pci_cfg_read i440FX 00:00.0 @0x0 -> 0x12378086";
  std::vector<std::string> lines;
  for (std::string prefix : {"", "26638@1795408732.182800:", "26639@1795408732.182801:", "9@999999999.999999:",
                             "1234567890@1098765432.000000:", "12@999999999.999999:", "2026-11-23T04:41:06.310976Z ",
                             "2026-11-23T04:41:06Z ", "12345678901@1.182800:", "1@0.000001:"}) {
    lines.push_back(prefix);
    lines.push_back(prefix + rest);
    for (size_t at = 0; at < prefix.size(); ++at) {
      for (char byte : {'@', '.', ':', '0', 'x', ' '}) {
        std::string changed = prefix + rest;
        changed[at] = byte;
        lines.push_back(changed);
      }
    }
  }
  for (const std::string& before : {lines[1], lines[3], lines[5]}) {
    for (const std::string& line : lines) {
      CAPTURE(before, line);
      PrefixFinder finder;
      REQUIRE(finder.Find(before) == FindPrefix(before));
      REQUIRE(finder.Find(line) == FindPrefix(line));
      REQUIRE(finder.Find(before) == FindPrefix(before));
      REQUIRE(finder.Find(line) == FindPrefix(line));
    }
  }
}
