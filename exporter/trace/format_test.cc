#include "trace/format.h"

#include "base/scan.h"
#include "catch.h"

using namespace qte::trace;

namespace {

// Wants all arguments.
FormatReader All(FormatReader reader, size_t arguments, ArgumentUse use = ArgumentUse::kNumber) {
  std::vector<FormatReader::Selected> selected(arguments);
  for (size_t i = 0; i < arguments; ++i) selected[i] = {static_cast<uint8_t>(i), use};
  reader.SelectArguments(selected);
  return reader;
}

FormatReader Reader(const std::string& line) {
  auto declaration = ParseDeclaration(line);
  REQUIRE(declaration.ok());
  auto reader = FormatReader::Compile(*declaration);
  REQUIRE(reader.ok());
  return All(*std::move(reader), declaration->arguments.size());
}

// `text` with what may be read behind it; digits there must not count.
class Padded {
 public:
  explicit Padded(std::string_view text) : bytes_(std::string(text) + '\n' + std::string(qte::kScanPadding - 1, '1')) {}
  operator std::string_view() const { return std::string_view(bytes_).substr(0, bytes_.size() - qte::kScanPadding); }

 private:
  std::string bytes_;
};

// The texts of all arguments joined by '|', or "no" where the format does not fit.
std::string ReadAll(const FormatReader& reader, std::string_view text, size_t arguments) {
  Value values[kMaxArguments];
  Padded padded(text);
  if (!reader.Read(padded, values)) return "no";
  std::string all;
  for (size_t i = 0; i < arguments; ++i) {
    if (i != 0) all += '|';
    all += values[i].text();
  }
  return all;
}

constexpr const char* kPciRead =
    "pci_cfg_read(const char *dev, uint32_t bus, uint32_t slot, uint32_t func, unsigned offs, unsigned val) "
    "\"%s %02x:%02x.%x @0x%x -> 0x%x\"";
constexpr const char* kOpen =
    "bdrv_open_common(void *bs, const char *filename, int flags, const char *format_name) "
    "\"bs %p filename \\\"%s\\\" flags 0x%x format_name \\\"%s\\\"\"";

}  // namespace

TEST_CASE("Formats read what they print, and nothing else") {
  struct Case {
    std::string declaration;
    size_t arguments;
    std::string_view text, want;
  };
  for (const Case& c : {
           Case{kPciRead, 6, "i440FX 00:00.0 @0x0 -> 0x12378086", "i440FX|00|00|0|0|12378086"},
           Case{kPciRead, 6, "i440FX 00:00.0 @0x0 -> 0x1237808", "i440FX|00|00|0|0|1237808"},
           Case{kPciRead, 6, "i440FX 00:00.0 @0x0 -> 0x", "no"},
           Case{kPciRead, 6, "i440FX 00:00.0 @0x0", "no"},
           Case{kPciRead, 6, "i440FX 00:0 @0x0 -> 0x12378086", "no"},
           Case{kPciRead, 6, "i440FX 00:00.0 @0x0 -> 0x12378086 ", "no"},
           Case{kPciRead, 6, "a b 1:2 c 00:1f.3 @0x10 -> 0xffffffff", "a b 1:2 c|00|1f|3|10|ffffffff"},
           Case{kPciRead, 6, " 00:1f.3 @0x10 -> 0x0", "|00|1f|3|10|0"},
           Case{kOpen, 4, "bs 0x5579 filename \"/a.img\" flags 0x2 format_name \"raw\"", "0x5579|/a.img|2|raw"},
           Case{kOpen, 4, "bs 0x5579 filename \"\" flags 0x2 format_name \"\"", "0x5579||2|"},
           Case{kOpen, 4, "bs (nil) filename \"a\" flags 0x b\" flags 0x2 format_name \"raw\"",
                "(nil)|a\" flags 0x b|2|raw"},
           Case{kOpen, 4, "bs 0x5579 filename \"/a\" flags 0x2 format_name \"r\"w\"", "0x5579|/a|2|r\"w"},
           Case{"a_b(int n) \"%d\"", 1, "-12", "-12"},
           Case{"a_b(int n) \"%d\"", 1, "", "no"},
           Case{"a_b(int n) \"%d\"", 1, "-", "no"},
           Case{"a_b(unsigned n) \"%u\"", 1, "-1", "no"},
           Case{"a_b(uint64_t n) \"%\"PRIu64", 1, "18446744073709551615", "18446744073709551615"},
           Case{"a_b(uint64_t n) \"%\"PRIu64", 1, "18446744073709551616", "no"},
           Case{"a_b(uint64_t n) \"%\"PRIu64", 1, "184467440737095516150", "no"},
           Case{"a_b(uint64_t n) \"%\"PRIx64", 1, "ffffffffffffffff", "ffffffffffffffff"},
           Case{"a_b(uint64_t n) \"%\"PRIx64", 1, "10000000000000000", "no"},
           Case{"a_b(int64_t n) \"%\"PRId64", 1, "-9223372036854775808", "-9223372036854775808"},
           Case{"a_b(int64_t n) \"%\"PRId64", 1, "-9223372036854775809", "no"},
           Case{"a_b(void *p) \"%p\"", 1, "0x7f00", "0x7f00"},
           Case{"a_b(void *p) \"%p\"", 1, "7f00", "no"},
           Case{"a_b(void *p) \"%p\"", 1, "0x", "no"},
           Case{"a_b(void *p) \"%p\"", 1, "(nil)", "(nil)"},
           Case{"a_b(int n) \"%5d]\"", 1, "   42]", "42"},
           Case{"a_b(int n) \"%-5d]\"", 1, "42   ]", "42"},
           Case{"a_b(int n) \"%#x\"", 1, "0x2a", "0x2a"},
           Case{"a_b(char c) \"parity='%c' x\"", 1, "parity='E' x", "E"},
           Case{"a_b(char c, char d) \"%c%c\"", 2, "rw", "r|w"},
           Case{"a_b(const char *s, int n) \"%s%d\"", 2, "HCCHAR12", "HCCHAR|12"},
           Case{"a_b(const char *s, const char *t) \"%s%s\"", 2, "abc", "|abc"},
           Case{"a_b(int n, const char *s) \"target %d%s\"", 2, "target 3 ATN", "3| ATN"},
           Case{"a_b(uint8_t a, uint8_t b) \"%02x%02x\"", 2, "1fe0", "1f|e0"},
           Case{"a_b(int p) \"%d%% done\"", 1, "50% done", "50"},
           Case{"a_b(int w, uint64_t v, int n) \"0x%0*\" PRIx64 \" %d\"", 3, "0x00ff 7", "|00ff|7"},
           Case{"a_b(int n, int m) \"first %d\\nsecond %d\"", 2, "first 1", "1|"},
           Case{"a_b(void) \"\"", 0, "", ""},
           Case{"a_b(void) \"\"", 0, "x", "no"},
           Case{"a_b(void) \"PCI Function Level Reset\"", 0, "PCI Function Level Reset", ""},
           Case{"a_b(double f) \"%f s\"", 1, "1.5 s", "1.5"},
           Case{"a_b(int n) \"%o\"", 1, "755", "755"},
           Case{"a_b(const char *s) \"%20s|\"", 1, "      right|", "right"},
       }) {
    CAPTURE(c.declaration, c.text);
    CHECK(ReadAll(Reader(c.declaration), c.text, c.arguments) == c.want);
    CHECK(ReadAll(All(Reader(c.declaration), c.arguments, ArgumentUse::kText), c.text, c.arguments) == c.want);
  }
}

TEST_CASE("Numbers are read as numbers") {
  Value values[kMaxArguments];
  Padded text("-7 0xff 0x10 (nil)");
  REQUIRE(Reader("a_b(int a, uint64_t b, void *c, void *d) \"%d 0x%lx %p %p\"").Read(text, values));
  CHECK(values[0].AsDouble() == -7);
  CHECK(values[0].negative);
  CHECK(values[1].bits == 255);
  CHECK(values[2].bits == 16);
  CHECK(values[3].bits == 0);
  CHECK(values[3].is_number());
}

TEST_CASE("A torn line never fits") {
  std::string whole = "bs 0x5579 filename \"/a.img\" flags 0x2 format_name \"raw\"";
  for (size_t size = 0; size < whole.size(); ++size) {
    CAPTURE(size);
    CHECK(ReadAll(Reader(kOpen), std::string(whole, 0, size), 4) == "no");
  }
}

TEST_CASE("Many strings in a hostile line stay cheap") {
  std::string format = "a_b(const char *s, const char *t, const char *u, const char *v) \"%s:%s:%s:%s!\"";
  std::string text(200000, ':');
  CHECK(ReadAll(Reader(format), text, 4) == "no");
}

TEST_CASE("FirstMismatch points at the byte that is wrong") {
  FormatReader reader = Reader(kPciRead);
  CHECK(reader.FirstMismatch(Padded("i440FX 00:00.0 @0x0 -> 0x12378086")) == 33);
  CHECK(reader.FirstMismatch(Padded("i440FX 00:00.0 @0x0 -> zz")) == 23);
  CHECK(Reader("a_b(int n) \"ret=%d\"").FirstMismatch(Padded("rex=1")) == 2);
}

TEST_CASE("Formats that cannot be read are refused") {
  struct Case {
    const char *line, *message;
  };
  for (const Case& c : {Case{"a_b(int n) \"%d %d\"", "more conversions than arguments"},
                        Case{"a_b(int n) \"%n\"", "unknown conversion %n"},
                        Case{"a_b(int n) \"%08\"", "format ends inside a conversion"}}) {
    auto reader = FormatReader::Compile(*ParseDeclaration(c.line));
    REQUIRE_FALSE(reader.ok());
    CHECK(reader.error() == c.message);
  }
}
