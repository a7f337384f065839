#include "config/regex.h"

#include "config/test_support.h"

namespace qte::config {

TEST_CASE("The named groups of a regex") {
  CHECK(*NamedGroups(R"(/(?P<vm>[^/]+)-(?P<host>\w+)\.log$)") == Strings{"host", "vm"});
  CHECK(NamedGroups("(a|b)").value().empty());
  CHECK(NamedGroups("\xc3\xa9+").ok());
}

TEST_CASE("A regex that does not compile says why") {
  CHECK(NamedGroups("*x").error() == "bad regex: no argument for repetition operator: *");
  CHECK(NamedGroups("(x").error() == "bad regex: missing ): (x");
  CHECK_THAT(NamedGroups("(?<vm>x)").error(), ContainsSubstring("; a named group is (?P<name>...)"));
}

}  // namespace qte::config
