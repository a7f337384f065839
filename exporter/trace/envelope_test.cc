// One event in every envelope: what comes out, whole, torn, and one within another.
#include "trace/envelope.h"

#include <string>
#include <vector>

#include "catch.h"
#include "trace/line_opener.h"

using namespace qte::trace;

namespace {

constexpr std::string_view kBare = "pci_cfg_read i440FX 00:00.0 @0x0 -> 0x12378086";
constexpr std::string_view kPrefixed = "4711@1795408700.000001:pci_cfg_read i440FX 00:00.0 @0x0 -> 0x12378086";

struct Wrapper {
  std::string_view name;
  std::string_view before;
  std::string_view after;
  int64_t time_us;  // of the wrapper
};

const std::vector<Wrapper>& Wrappers() {
  constexpr int64_t kTime = 1795408700000000;  // 2026-11-23T04:38:20Z
  static const std::vector<Wrapper> wrappers = {
      {"docker-json", R"({"log":")", R"(\n","stream":"stderr","time":"2026-11-23T04:38:20.000000000Z"})", kTime},
      {"docker-json", R"({"log":")", R"(\r\n","stream":"stdout","attrs":{"tag":"a\"}"},"time":"2026-11-23T04:38:20Z"})",
       kTime},
      {"docker-json", R"({"time":"2026-11-23T05:38:20.5+01:00", "stream":"stderr", "log":")", R"(\n"})",
       kTime + 500000},
      {"journal-json", R"({"__REALTIME_TIMESTAMP":"1795408700000123","_PID":"1","MESSAGE":")", R"("})", kTime + 123},
      {"json", R"({"component":"virt-launcher","level":"info","msg":")",
       R"(","pos":"qemu.go:1","timestamp":"2026-11-23T04:38:20.000001Z"})", kTime + 1},
      {"json", R"({"ts":1795408700.5,"message":")", R"("})", kTime + 500000},
      {"cri", "2026-11-23T04:38:20.000001000Z stderr F ", "", kTime + 1},
      {"cri", "2026-11-23T05:38:20.1+01:00 stdout F:tag ", "", kTime + 100000},
      {"timestamp", "2026-11-23T04:38:20.123456789Z ", "", kTime + 123456},
      {"timestamp", "2026-11-23T04:38:20.1234567Z ", "", kTime + 123456},
      {"timestamp", "[2026-11-23T04:38:20+00:00] ", "", kTime},
      {"name", "vm-1  | ", "", INT64_MIN},
      {"name", "vm_1 | ", "", INT64_MIN},
      {"name", "[pod/virt-launcher-vm-x2x/compute] ", "", INT64_MIN},
      {"syslog", "2026-11-23T04:38:20.123456+00:00 host1 qemu-system-x86_64[4711]: ", "", kTime + 123456},
      {"syslog", "2026-11-23T04:38:20+0000 host1 qemu[4711]: ", "", kTime},
      {"syslog", "2026-11-23T04:38:20.123456Z host1 qemu: ", "#015", kTime + 123456},
      {"syslog", "1795408700.000007 host1 qemu[4711]: ", "", kTime + 7},
      {"syslog", "Mon 2026-11-23 04:38:20 UTC host1 qemu[4711]: ", "", kTime},
      {"syslog", "[   12.345678] host1 qemu[4711]: ", "", 12345678},
      {"syslog", "<14>1 2026-11-23T04:38:20.003Z host1 qemu 4711 - - ", "", kTime + 3000},
      {"syslog", R"(<14>1 2026-11-23T04:38:20Z h q - ID47 [a@1 b="c] \"d"][e@1 f="g"] )", "", kTime},
      {"stap", "4711@1795408700000001234 ", "", kTime + 1},
      {"ftrace", "            qemu-4711    [002] .... 12345.678901: tracing_mark_write: ", "", 12345678901},
      {"ftrace", "CPU 0/KVM-4711 (4700) [002] d..1 12345.678901: tracing_mark_write:   ", "", 12345678901},
      {"qemu", "2026-11-23T04:38:20.000009Z qemu-system-x86_64(4711:main): ", "", kTime + 9},
      {"qemu", "2026-11-23T04:38:20Z [my vm] qemu-system-x86_64(4711:CPU 0/KVM): ", "", kTime},
      {"qemu", "vm qemu-kvm(4711:main): ", "", INT64_MIN},
  };
  return wrappers;
}

NameTable Declared() {
  NameTable names;
  names.Add("pci_cfg_read");
  names.Add("virtio_set_status");
  return names;
}

// The only line that comes of one.
LineOpener::Opened OpenOne(LineOpener& opener, std::string& line) {
  static const NameTable declared = Declared();
  line.append(64, '\n');
  const auto opened = opener.Open(std::string_view(line).substr(0, line.size() - 64), declared);
  REQUIRE(opened.size() == 1);
  REQUIRE(opened[0].kind == LineOpener::Opened::Kind::kLine);
  return opened[0];
}

std::string Escaped(std::string_view name, std::string_view event) {
  std::string text(event);
  if (name.ends_with("json")) text.replace(text.find('>'), 1, "\\u003e");
  return text;
}

}  // namespace

TEST_CASE("Every envelope gives its event and its time") {
  for (const Wrapper& wrapper : Wrappers()) {
    for (std::string_view event : {kBare, kPrefixed}) {
      std::string line = std::string(wrapper.before) + Escaped(wrapper.name, event) + std::string(wrapper.after);
      CAPTURE(line);
      LineOpener opener(1000);
      const LineOpener::Opened opened = OpenOne(opener, line);
      CHECK(opened.is_event);
      CHECK(opened.layers == 1);
      CHECK(NameOf(opened.envelopes[0]) == wrapper.name);
      CHECK(opener.TimeOf(opened).value_or(INT64_MIN) == wrapper.time_us);
      CHECK(opened.has_prefix == (event == kPrefixed));
      CHECK(opened.line.ends_with(event));
      const Prefix prefix = FindPrefix(opened.line);
      CHECK(opened.line.substr(prefix.size) == kBare);
      const bool tells_thread = event == kPrefixed || (wrapper.name == "qemu" && wrapper.time_us != INT64_MIN);
      CHECK(ReadThread(opened.line, prefix) == (tells_thread ? 4711 : 0));
      CHECK(ReadTime(opened.line, prefix) == (event == kPrefixed ? 1795408700000001 : wrapper.time_us));
    }
  }
}

TEST_CASE("A syslog line without a year is of the last such day") {
  for (std::string_view before : {"Nov 23 04:38:20 host1 qemu[1]: ", "<30>Nov 23 04:38:20.000000 host1 qemu: ",
                                  "Nov 23 04:38:20 qemu[1]: ", "Nov 23 04:38:20 "}) {
    std::string line = std::string(before) + std::string(kBare);
    LineOpener opener(1000);
    const LineOpener::Opened opened = OpenOne(opener, line);
    CHECK(opened.is_event);
    const std::time_t seconds = opener.TimeOf(opened).value_or(0) / 1'000'000;
    std::tm local{};
    localtime_r(&seconds, &local);
    CHECK(std::tuple(local.tm_mon, local.tm_mday, local.tm_hour, local.tm_min, local.tm_sec) ==
          std::tuple(10, 23, 4, 38, 20));
    CHECK(seconds <= std::time(nullptr) + 86'400);
    CHECK(seconds > std::time(nullptr) - 366 * 86'400);
  }
}

TEST_CASE("Envelopes stand within one another, and the innermost time counts") {
  for (std::string_view outer : {"vm-1  | ", "[pod/a/b] ", "2026-11-23T05:00:00Z stdout F "}) {
    for (const Wrapper& wrapper : Wrappers()) {
      std::string line =
          std::string(outer) + std::string(wrapper.before) + Escaped(wrapper.name, kBare) + std::string(wrapper.after);
      CAPTURE(line);
      LineOpener opener(1000);
      const LineOpener::Opened opened = OpenOne(opener, line);
      REQUIRE(opened.is_event);
      CHECK(opened.layers == 2);
      CHECK(opened.line.ends_with(kBare));
      if (wrapper.time_us != INT64_MIN) CHECK(opener.TimeOf(opened) == wrapper.time_us);
    }
  }
}

TEST_CASE("A torn line of an envelope is no event, and harms none behind it") {
  for (const Wrapper& wrapper : Wrappers()) {
    const std::string whole =
        std::string(wrapper.before) + Escaped(wrapper.name, kPrefixed) + std::string(wrapper.after);
    for (size_t size = 0; size < wrapper.before.size(); ++size) {
      LineOpener opener(1000);
      std::string torn = whole.substr(0, size);
      CAPTURE(torn);
      CHECK_FALSE(OpenOne(opener, torn).is_event);
      std::string line = whole;
      CHECK(OpenOne(opener, line).line == kPrefixed);
      // A full disk cuts a line, and the next follows it.
      line = whole.substr(0, size) + whole;
      CHECK(OpenOne(opener, line).is_event);
    }
  }
}

TEST_CASE("An envelope that other text may look like counts once it held an event") {
  LineOpener opener(1000);
  std::string text = "2026-11-23T04:38:20Z host1 systemd[1]: Started.";
  const std::string given = text;
  CHECK(OpenOne(opener, text).line == given);
  std::string event = "2026-11-23T04:38:20Z host1 qemu[1]: " + std::string(kPrefixed);
  CHECK(OpenOne(opener, event).is_event);
  text = given;
  const LineOpener::Opened opened = OpenOne(opener, text);
  CHECK(opened.layers == 1);
  CHECK(opened.line.ends_with("Z Started."));
}

TEST_CASE("An envelope that is pinned is the only one") {
  std::string cri = "2026-11-23T04:38:20.000001000Z stderr F " + std::string(kBare);
  std::string name = "vm  | " + std::string(kBare);
  LineOpener opener(1000);
  opener.Use(Envelope::kName);
  CHECK(OpenOne(opener, name).line == kBare);
  CHECK_FALSE(OpenOne(opener, cri).is_event);
  std::string text = "vm  | Booting";
  CHECK(OpenOne(opener, text).line == "Booting");

  LineOpener none(1000);
  none.Use(Envelope::kNone);
  for (std::string line : {"vm  | " + std::string(kBare), "login: " + std::string(kPrefixed),
                           "\x1b[0m" + std::string(kBare), R"({"log":")" + std::string(kPrefixed) + R"(\n"})"}) {
    const std::string whole = line;
    CHECK_FALSE(none.must_open());
    const LineOpener::Opened opened = OpenOne(none, line);
    CHECK(opened.line == whole);
    CHECK_FALSE(opened.is_event);
  }
}

TEST_CASE("Names of envelopes go both ways") {
  for (size_t i = 0; i < kEnvelopes; ++i)
    CHECK(EnvelopeNamed(NameOf(static_cast<Envelope>(i))) == static_cast<Envelope>(i));
  CHECK_FALSE(EnvelopeNamed("docker"));
}
