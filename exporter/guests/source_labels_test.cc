#include "guests/source_labels.h"

#include "catch.h"

using namespace qte;
using guests::SourceLabels;
using guests::VmOfPath;

TEST_CASE("A VM is named after its log") {
  struct Case {
    std::string path, want;
  };
  for (const Case& c : {Case{"-", "stdin"}, Case{"/var/log/qemu/vm1.log", "vm1"}, Case{"vm1", "vm1"},
                        Case{"/x/db.example.com.log", "db.example.com"}, Case{"/x/vm.log.gz", "vm"},
                        Case{"/x/vm.log.zst", "vm"}, Case{"/x/.log", ".log"}, Case{"/x/vm.fifo", "vm"}}) {
    CAPTURE(c.path);
    CHECK(VmOfPath(c.path) == c.want);
  }
}

TEST_CASE("Labels come from the config, the path and the file's name, in this order of weight") {
  config::Source source;
  source.path.value = "/log/*.log";
  source.path_pattern = config::Text{"/(?P<vm>[^/]+)-(?P<zone>\\w+)\\.log$", {}};
  source.labels = {{{"host", {}}, "rack1"}, {{"zone", {}}, "unknown"}};
  SourceLabels labels({source, {}});
  using Labels = metrics::Labels;
  CHECK(labels.For(0, "/log/web-eu.log") == Labels{{"host", "rack1"}, {"vm", "web"}, {"zone", "eu"}});
  CHECK(labels.For(0, "/log/plain.log") == Labels{{"host", "rack1"}, {"vm", "plain"}, {"zone", "unknown"}});
  CHECK(labels.For(1, "/log/plain.log") == Labels{{"vm", "plain"}});
  CHECK(labels.For(7, "/log/plain.log") == Labels{{"vm", "plain"}});
}

TEST_CASE("A traced QEMU is labelled by its name, its uuid or its number") {
  config::Source source;
  source.usdt = config::Text{"/usr/libexec/qemu-kvm", {}};
  source.name_pattern = config::Text{"^(?P<namespace>[^_]+)_(?P<vm>.+)$", {}};
  source.labels = {{{"id", {}}, "{uuid}"}, {{"full", {}}, "{namespace}/{name}"}, {{"host", {}}, "h"}};
  config::Source plain;
  plain.usdt = source.usdt;
  SourceLabels labels({source, plain});
  using Labels = metrics::Labels;
  CHECK(labels.For(0, "usdt:4711:u-1:default_web_1") == Labels{{"full", "default/default_web_1"},
                                                                {"host", "h"},
                                                                {"id", "u-1"},
                                                                {"namespace", "default"},
                                                                {"vm", "web_1"}});
  CHECK(labels.For(0, "usdt:4711::web") == Labels{{"full", "/web"}, {"host", "h"}, {"id", ""}, {"vm", "web"}});
  CHECK(labels.For(1, "usdt:4711:u-1:web") == Labels{{"vm", "web"}});
  CHECK(labels.For(1, "usdt:4711:u-1:") == Labels{{"vm", "u-1"}});
  CHECK(labels.For(1, "usdt:4711::") == Labels{{"vm", "4711"}});
}

TEST_CASE("The config knows every envelope by its name") {
  for (size_t i = 0; i < trace::kEnvelopes; ++i) {
    const std::string name(trace::NameOf(static_cast<trace::Envelope>(i)));
    const config::Loaded loaded = config::Parse("sources: [{path: /log/x.log, envelope: " + name + "}]", "x.yaml");
    REQUIRE(loaded.config);
    CHECK(SourceLabels(loaded.config->sources).EnvelopeOf(0) == static_cast<trace::Envelope>(i));
  }
  CHECK_FALSE(config::Parse("sources: [{path: /log/x.log, envelope: docker}]", "x.yaml").config);
}
