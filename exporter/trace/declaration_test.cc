#include "trace/declaration.h"

#include "catch.h"

using namespace qte::trace;

TEST_CASE("Declarations of QEMU's grammar") {
  struct Case {
    std::string_view line, name;
    size_t arguments;
    std::string_view format;
  };
  for (const Case& c : {
           Case{"bmdma_reset(void) \"\"", "bmdma_reset", 0, ""},
           Case{"x_y()", "x_y", 0, ""},
           Case{"dma_blk_cb(void *dbs, int ret) \"dbs=%p ret=%d\"", "dma_blk_cb", 2, "dbs=%p ret=%d"},
           Case{"a_b(int64_t sector, int n) \"sector=%\"PRId64\" nsectors=%d\"", "a_b", 2, "sector=%ld nsectors=%d"},
           Case{"a_b(uint64_t a) \"0x%\" PRIx64", "a_b", 1, "0x%lx"},
           Case{"a_b(uint8_t a) \"%02\" PRIX8 \"\"", "a_b", 1, "%02X"},
           Case{"a_b(const char *f) \"name \\\"%s\\\" 100%%\"", "a_b", 1, "name \"%s\" 100%%"},
           Case{"disable off_event(int a) \"%d\"", "off_event", 1, "%d"},
           Case{"vcpu guest_cpu_enter(void)", "guest_cpu_enter", 1, "cpu=%p "},
           Case{"vcpu g_s(uint64_t num) \"num=%\"PRIu64", "g_s", 2, "cpu=%p num=%lu"},
           Case{"  a_b ( unsigned  long long x )  \"%llu\"\r", "a_b", 1, "%llu"},
           Case{"a_b(uint32_t a) \"l1\\nl2 %u\"", "a_b", 1, "l1\nl2 %u"},
       }) {
    CAPTURE(c.line);
    auto declaration = ParseDeclaration(c.line);
    REQUIRE(declaration.ok());
    CHECK(declaration->name == c.name);
    CHECK(declaration->arguments.size() == c.arguments);
    CHECK(declaration->format == c.format);
  }
}

TEST_CASE("Arguments have a type and a name") {
  auto declaration = ParseDeclaration("a_b(const char *dev, unsigned long long n,void*p) \"%s %llu %p\"");
  REQUIRE(declaration.ok());
  CHECK(declaration->arguments[0].type == "const char *");
  CHECK(declaration->arguments[0].name == "dev");
  CHECK(declaration->arguments[1].type == "unsigned long long");
  CHECK(declaration->arguments[2].type == "void*");
  CHECK(declaration->arguments[2].name == "p");
  CHECK_FALSE(declaration->disabled);
  CHECK(ParseDeclaration("disable a_b(void) \"\"")->disabled);
}

TEST_CASE("Bad declarations say what was expected where") {
  struct Case {
    std::string_view line, message;
  };
  for (const Case& c : {
           Case{"(int a) \"\"", "expected an event name at column 1"},
           Case{"name", "expected '(' at column 5"},
           Case{"two words(int a) \"\"", "expected '(' at column 5"},
           Case{"a_b(int a \"%d\"", "expected ')' at column 5"},
           Case{"a_b(int a, ) \"%d\"", "argument \"\" has no type or no name"},
           Case{"a_b(int) \"%d\"", "argument \"int\" has no type or no name"},
           Case{"a_b(int a) \"%d", "expected closing \" at column 15"},
           Case{"a_b(int a) \"%\"PRIq64", "unknown format macro \"PRIq64\""},
           Case{"a_b(int a) %d", "expected a format string at column 12"},
       }) {
    CAPTURE(c.line);
    auto declaration = ParseDeclaration(c.line);
    REQUIRE_FALSE(declaration.ok());
    CHECK(declaration.error() == c.message);
  }
}
