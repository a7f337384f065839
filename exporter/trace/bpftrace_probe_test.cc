#include "trace/bpftrace_probe.h"

#include <string>
#include <string_view>
#include <utility>

#include "catch.h"

using namespace qte::trace;

namespace {

struct Case {
  std::string_view declaration;
  std::string_view format;  // behind the name
  std::string_view values;
};

const BpftraceTarget kTarget{.replaced_pid = 0, .boot_ns = 17};

Declaration Parsed(std::string_view text) {
  auto parsed = ParseDeclaration(text);
  REQUIRE(parsed.ok());
  return *parsed;
}

}  // namespace

TEST_CASE("A declaration gives a printf that bpftrace takes") {
  const Case cases[] = {
      {R"(e(void *p, int n) "dbs=%p ret=%d")", "dbs=0x%lx ret=%d", "arg0, (int32)arg1"},
      {R"(e(void) "")", "", ""},
      {R"(e(uint8_t a, uint16_t b) "%02x:%d")", "%02x:%d", "(uint8)arg0, (uint16)arg1"},
      {R"(e(int64_t a, size_t b, ssize_t c) "%" PRId64 " %zu %zd")", "%ld %lu %ld",
       "(int64)arg0, (uint64)arg1, (int64)arg2"},
      {R"(e(int8_t a, int b) "%i %ld")", "%d %ld", "(int32)(int8)arg0, (int64)(int32)arg1"},
      {R"(e(uint64_t a) "%x")", "%x", "(uint32)arg0"},
      {R"(e(hwaddr a, off_t b) "0x%" PRIx64 " %d")", "0x%lx %d", "(uint64)arg0, (int32)arg1"},
      {R"(e(unsigned a, unsigned b, unsigned c, unsigned d) "%8.8x %.2x %2u %-4u|")", "%08x %02x %2u %-4u|",
       "(uint32)arg0, (uint32)arg1, (uint32)arg2, (uint32)arg3"},
      {R"(e(unsigned a, unsigned b) "%#x %#010x")", "0x%x 0x%08x", "(uint32)arg0, (uint32)arg1"},
      {R"(e(int a) "%+d")", "%d", "(int32)arg0"},
      {R"(e(int p, char c) "%d%%, \"%c\" \\")", R"(%d%c, \"%c\" \\)", "(int32)arg0, 37, (uint8)arg1"},
      {R"(e(const char *wanted, const char *s) "'%-10s' '%s'")", "'%-10s' '-'", "str(arg0)"},
      {R"(e(int n, const char *wanted) "%.*s")", "%s", "str(arg1, (uint32)arg0 + 1)"},
      {R"(e(int n, int m) "%*d")", "%d", "(int32)arg1"},
      {R"(e(int a) "first %d\nsecond")", "first %d", "(int32)arg0"},
      {R"(vcpu e(int a) "%d")", "cpu=0x%lx %d", "arg0, (int32)arg1"},
      {R"(e(int a, int b, int c, int d, int e, int f, int g, void *h, const char *i, uint32_t j) "%d%d%d%d%d%d %d %p %s %04x")",
       "%d%d%d%d%d%d 0 0x0 - 0000", "(int32)arg0, (int32)arg1, (int32)arg2, (int32)arg3, (int32)arg4, (int32)arg5"},
      {R"(e(double d) "%f")", "0", ""},
  };
  for (const Case& each : cases) {
    CAPTURE(each.declaration);
    auto text =
        BpftraceProbe(Parsed(each.declaration), kTarget, [](std::string_view name) { return name == "wanted"; });
    REQUIRE(text.ok());
    const std::string printf = "printf(\"%d@%lu.%06lu:e " + std::string(each.format) +
                               "\\n\", tid, $t / 1000000000, $t % 1000000000 / 1000" +
                               (each.values.empty() ? "" : ", ") + std::string(each.values) + ");";
    CHECK_THAT(*text, ContainsSubstring(printf));
  }
}

TEST_CASE("A probe is of the process that bpftrace is told, or of one whose binary was replaced") {
  BpftraceTarget target = kTarget;
  auto wants_none = [](std::string_view) { return false; };
  const Declaration declaration = Parsed(R"(e(const char *s) "%s")");
  CHECK(*BpftraceProbe(declaration, target, wants_none) ==
        "// s: not needed, so a fixed text is printed\n"
        "usdt::qemu:e\n"
        "{\n"
        "  $t = nsecs + 17;\n"
        "  printf(\"%d@%lu.%06lu:e -\\n\", tid, $t / 1000000000, $t % 1000000000 / 1000);\n"
        "}\n");
  target.replaced_pid = 4711;
  CHECK_THAT(*BpftraceProbe(declaration, target, wants_none),
             ContainsSubstring("usdt:/proc/4711/exe:qemu:e /pid == 4711/\n"));
}

TEST_CASE("An argument that is wanted and cannot be printed is an error") {
  const std::pair<std::string_view, std::string_view> cases[] = {
      {R"(e(int a, int b, int c, int d, int e, int f, int wanted) "%d%d%d%d%d%d%d")", "no more than six arguments"},
      {R"(e(double wanted) "%f")", "no real numbers"},
      {R"(e(char *wanted, char *w2, char *w3) "%s%s%s")",
       "needs its argument w3, and a probe has room for two strings"},
      {R"(e(int a) "%d %d")", "more conversions than arguments"},
  };
  for (const auto& [declaration, words] : cases) {
    CAPTURE(declaration);
    auto text =
        BpftraceProbe(Parsed(declaration), kTarget, [](std::string_view name) { return name.starts_with('w'); });
    REQUIRE_FALSE(text.ok());
    CHECK_THAT(text.error(), ContainsSubstring(std::string(words)));
  }
}

TEST_CASE("A binary's probe tells which declaration it has") {
  const Declaration wide = Parsed(R"(e(void *blk, int64_t bytes) "%p %" PRId64)");
  const Declaration narrow = Parsed(R"(e(void *blk, unsigned int bytes) "%p %u")");
  const Declaration unknown = Parsed(R"(e(void *blk, some_t bytes) "%p %u")");
  CHECK(FitsProbe(wide, {"e", {8, -8}}));
  CHECK_FALSE(FitsProbe(wide, {"e", {8, 4}}));
  CHECK(FitsProbe(narrow, {"e", {8, 4}}));
  CHECK_FALSE(FitsProbe(narrow, {"e", {8}}));
  CHECK_FALSE(FitsProbe(narrow, {"e", {8, 4, 4}}));
  CHECK(FitsProbe(unknown, {"e", {8, 2}}));
}

TEST_CASE("What bpftrace says of itself") {
  CHECK(LostEventsIn("Lost 3146 events") == 3146);
  CHECK(LostEventsIn("Attaching 35 probes...") == 0);
  CHECK(LostEventsIn("Attaching 1 probe...") == 0);
  for (std::string_view line :
       {"", "Lost", "Lost events", "Lost  events", "Lost 3x events", "Lost 99999999999999999999 events",
        "Lost -1 events", "Lost 3 events here", "Attaching", "pci_cfg_read i440FX"}) {
    CAPTURE(line);
    CHECK_FALSE(LostEventsIn(line));
  }
}
