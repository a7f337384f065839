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
  // Debian 12's re2 refuses this way to write a named group, later ones read it.
  Result<Strings> groups = NamedGroups("(?<vm>x)");
  if (groups.ok()) {
    CHECK(*groups == Strings{"vm"});
  } else {
    CHECK_THAT(groups.error(), ContainsSubstring("; a named group is (?P<name>...)"));
  }
}

}  // namespace qte::config
