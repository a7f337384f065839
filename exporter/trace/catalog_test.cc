#include "trace/catalog.h"

#include <fstream>
#include <sstream>

#include "catch.h"

using namespace qte::trace;

namespace {

std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream content;
  content << file.rdbuf();
  return content.str();
}

}  // namespace

TEST_CASE("A catalog knows all variants of an event, first come first") {
  Catalog catalog;
  CHECK(catalog
            .Add("# comment\n\n"
                 "pci_cfg_read(const char *dev, uint32_t bus, uint32_t slot) \"%s %02x:%02x\"\n"
                 "pci_cfg_read(const char *dev, unsigned devid) \"%s %02u\"\n"
                 "pci_cfg_read(const char *dev, unsigned devid) \"%s %02u\"\n"
                 "a_b(void) \"\"")
            .empty());
  CHECK(catalog.events().size() == 2);
  CHECK(catalog.declarations() == 4);
  const EventDeclaration* event = catalog.Find("pci_cfg_read");
  REQUIRE(event != nullptr);
  CHECK(event->variants.size() == 2);
  CHECK(event->arguments == std::vector<std::string>{"dev", "bus", "slot", "devid"});
  CHECK(event->FindArgument("devid") == 3);
  CHECK_FALSE(event->FindArgument("func").has_value());
  CHECK(event->IsNumeric("bus"));
  CHECK_FALSE(event->IsNumeric("dev"));
  CHECK(catalog.Find("pci_cfg_rea") == nullptr);
}

TEST_CASE("Declarations that cannot be read are told with their line, and the rest is used") {
  Catalog catalog;
  auto problems = catalog.Add("a_b(void) \"\"\nbroken(\nc_d(int a) \"%n\"\ne_f(void) \"\"\n");
  REQUIRE(problems.size() == 2);
  CHECK(problems[0].line == 2);
  CHECK(problems[1].line == 3);
  CHECK(problems[1].message == "c_d: unknown conversion %n");
  CHECK(catalog.events().size() == 2);
}

TEST_CASE("The bundled declarations are all readable") {
  Catalog catalog;
  auto problems = catalog.Add(ReadFile("config/trace-events"));
  for (const auto& problem : problems) UNSCOPED_INFO(problem.line << ": " << problem.message);
  CHECK(problems.empty());
  CHECK(catalog.Find("pci_cfg_read")->variants.size() == 2);
}

// The file of Debian's package qemu-system-common, which test.sh installs.
TEST_CASE("QEMU's own trace-events-all is read whole") {
  std::string text = ReadFile("/usr/share/qemu/trace-events-all");
  if (text.empty()) {
    WARN("skipped: /usr/share/qemu/trace-events-all is not installed");
    return;
  }
  Catalog catalog;
  auto problems = catalog.Add(text);
  for (const auto& problem : problems) UNSCOPED_INFO(problem.line << ": " << problem.message);
  CHECK(problems.empty());
  // An independent count: what is neither empty nor a comment.
  size_t declarations = 0;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) declarations += !line.empty() && line[0] != '#' ? 1 : 0;
  CHECK(catalog.declarations() == declarations);
  CHECK(declarations > 5000);
}

TEST_CASE("Globs over event names") {
  struct Case {
    std::string_view pattern, name;
    bool want;
  };
  for (const Case& c : {Case{"dma_*", "dma_blk_io", true}, Case{"dma_*", "dma_", true}, Case{"dma_*", "xdma_a", false},
                        Case{"*_read", "pci_cfg_read", true}, Case{"*_read", "pci_cfg_reads", false},
                        Case{"p?i_*_re*", "pci_cfg_read", true}, Case{"*", "", true}, Case{"", "", true},
                        Case{"", "a", false}, Case{"a*b*c", "aXbYbZc", true}, Case{"a*b*c", "aXbYbZ", false},
                        Case{"***a", "bba", true}, Case{"?", "", false}}) {
    CAPTURE(c.pattern, c.name);
    CHECK(GlobMatches(c.pattern, c.name) == c.want);
  }
  CHECK(IsGlob("a*"));
  CHECK_FALSE(IsGlob("a_b"));
}
