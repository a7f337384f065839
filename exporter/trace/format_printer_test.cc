#include "trace/format_printer.h"

#include <algorithm>
#include <cstring>

#include "catch.h"

using namespace qte::trace;

namespace {

std::string Number(uint64_t number) {
  std::string bytes(sizeof number, '\0');
  std::memcpy(bytes.data(), &number, sizeof number);
  return bytes;
}

std::string Text(std::string_view text) {
  const auto size = static_cast<uint32_t>(text.size());
  std::string bytes(sizeof size, '\0');
  std::memcpy(bytes.data(), &size, sizeof size);
  return bytes.append(text);
}

// What this declaration prints of the payload, or "no".
std::string Printed(std::string_view declaration, std::string_view payload, ByteOrder order = ByteOrder::kOwn) {
  auto parsed = ParseDeclaration(declaration);
  REQUIRE(parsed.ok());
  auto printer = FormatPrinter::Compile(*parsed);
  REQUIRE(printer.ok());
  std::string line = "<";
  return printer->Print(payload, order, line) ? line + ">" : line == "<" ? "no" : "left " + line;
}

constexpr uint64_t kMinusOne = UINT64_MAX;

}  // namespace

TEST_CASE("Stored arguments are printed as printf prints them") {
  using namespace std::string_literals;
  struct Case {
    std::string declaration, payload, want;
  };
  for (const Case& c : {
           Case{R"(a_b(void) "")", "", "<>"},
           Case{R"(a_b(void) "100%% \"of\" it")", "", "<100% \"of\" it>"},
           Case{R"(a_b(void *p, int k) "%p keycode 0x%02x")", Number(0x55a7f0e0) + Number(0xf0),
                "<0x55a7f0e0 keycode 0xf0>"},
           Case{R"(a_b(void *p) "%p")", Number(0), "<(nil)>"},
           Case{R"(vcpu a_b(int n) "%d")", Number(16) + Number(5), "<cpu=0x10 5>"},
           Case{R"(a_b(const char *d, unsigned b, unsigned f) "%s %02x.%x")", Text("i440FX") + Number(0) + Number(1),
                "<i440FX 00.1>"},
           Case{R"(a_b(const char *s, char*t) "%s|%s")", Text("") + Text("x y"), "<|x y>"},
           Case{R"(a_b(const char *s) "%s")", Text("a\nb\0c"s), "<a b c>"},
           Case{R"(a_b(const char *s, const char *t) "%-5s|%5s")", Text("ab") + Text("cd"), "<ab   |   cd>"},
           Case{R"(a_b(int n, const char *s) "%.*s!")", Number(2) + Text("abc"), "<ab!>"},
           Case{R"(a_b(int n, const char *s) "%.*s!")", Number(kMinusOne) + Text("abc"), "<abc!>"},
           Case{R"(a_b(int w, int n) "%*d")", Number(kMinusOne - 3) + Number(7), "<7   >"},
           Case{R"(a_b(int w, uint64_t n) "0x%0*" PRIx64)", Number(8) + Number(0xab), "<0x000000ab>"},
           Case{R"(a_b(char c) "'%c'")", Number('x'), "<'x'>"},
           Case{R"(a_b(int n) "%d")", Number(kMinusOne), "<-1>"},
           Case{R"(a_b(int n) "%d")", Number(0xffffffff), "<-1>"},
           Case{R"(a_b(int n) "%x")", Number(kMinusOne), "<ffffffff>"},
           Case{R"(a_b(int8_t n) "%hhx")", Number(kMinusOne), "<ff>"},
           Case{R"(a_b(int16_t n) "%hd")", Number(0x18000), "<-32768>"},
           Case{R"(a_b(bool b) "%d")", Number(1), "<1>"},
           Case{R"(a_b(int64_t n) "%"PRId64)", Number(uint64_t{1} << 63), "<-9223372036854775808>"},
           Case{R"(a_b(size_t n) "%zu")", Number(kMinusOne), "<18446744073709551615>"},
           Case{R"(a_b(uint32_t n) "%08X|")", Number(0xbeef), "<0000BEEF|>"},
           Case{R"(a_b(unsigned n, unsigned m, unsigned o) "%#x %4u %-4o|")", Number(16) + Number(7) + Number(8),
                "<0x10    7 10  |>"},
           Case{R"(a_b(int n, int m) "%+d% d")", Number(1) + Number(2), "<+1 2>"},
           Case{R"(a_b(int n, int m) "0x%.8x %05d")", Number(0x1f) + Number(kMinusOne), "<0x0000001f -0001>"},
           Case{R"(a_b(int n) "[%.0d]")", Number(0), "<[]>"},
           Case{R"(a_b(double d) "%f")", Number(kMinusOne), "<-1.000000>"},
           Case{R"(a_b(int n, int m) "one %d\ntwo %d")", Number(1) + Number(2), "<one 1>"},
           Case{R"(a_b(gchar *s) "%s")", Number(0xab), "<0xab>"},  // QEMU stores the pointer
           Case{R"(a_b(char **s) "%p")", Number(0xab), "<0xab>"},
           Case{R"(a_b(int width) "%999d")", Number(1), "<" + std::string(254, ' ') + "1>"},
           Case{R"(a_b(int w, int n) "%*d")", Number(1u << 30) + Number(1), "<" + std::string(254, ' ') + "1>"},
       }) {
    CAPTURE(c.declaration);
    CHECK(Printed(c.declaration, c.payload) == c.want);
  }
}

TEST_CASE("A payload of another layout prints nothing") {
  constexpr std::string_view kDeclaration = R"(a_b(const char *s, int n) "%s %d")";
  const std::string whole = Text("disk") + Number(1);
  CHECK(Printed(kDeclaration, whole) == "<disk 1>");
  for (size_t size = 0; size < whole.size(); ++size) CHECK(Printed(kDeclaration, whole.substr(0, size)) == "no");
  CHECK(Printed(kDeclaration, whole + '\0') == "no");
  CHECK(Printed(kDeclaration, std::string(16, '\xff')) == "no");
}

TEST_CASE("Arguments of a host with the other byte order") {
  std::string payload = Text("disk") + Number(258);
  std::reverse(payload.begin(), payload.begin() + 4);
  std::reverse(payload.end() - 8, payload.end());
  CHECK(Printed(R"(a_b(const char *s, int n) "%s %d")", payload, ByteOrder::kSwapped) == "<disk 258>");
}
