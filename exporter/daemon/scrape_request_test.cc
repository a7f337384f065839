#include "daemon/scrape_request.h"

#include "catch.h"
#include "metrics/family_for_test.h"

using namespace qte;
using namespace qte::daemon;
using exposition::Format;

TEST_CASE("The format that a client likes best, and text where it names none") {
  struct Case {
    const char* accept;
    Format want;
  };
  const std::string protobuf = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited";
  for (const Case& c : {
           Case{"", Format::kText},
           Case{"*/*", Format::kText},
           Case{"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", Format::kText},
           Case{"application/json", Format::kText},
           Case{"application/openmetrics-text", Format::kOpenMetrics},
           Case{"Application/OpenMetrics-Text; Version=1.0.0", Format::kOpenMetrics},
           Case{"application/openmetrics-text; version=\"1.0.0\"", Format::kOpenMetrics},
           Case{"application/openmetrics-text;version=2.0.0", Format::kText},
           Case{"application/openmetrics-text;q=0", Format::kText},
           Case{"application/openmetrics-text;q=0.4,text/plain;q=0.5", Format::kText},
           Case{"text/plain;version=0.0.4;q=0.5,application/openmetrics-text;version=0.0.1;q=0.75", Format::kOpenMetrics},
           // Prometheus 2.42 and 3.5 as they come.
           Case{"application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
                "text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
                Format::kOpenMetrics},
           Case{"application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
                "application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,"
                "text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
                Format::kOpenMetrics},
           Case{"application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited,"
                "application/openmetrics-text;version=1.0.0;q=0.8,application/openmetrics-text;version=0.0.1;q=0.75,"
                "text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
                Format::kProtobuf},
           Case{"application/vnd.google.protobuf;proto=other;encoding=delimited", Format::kText},
           Case{"application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=text", Format::kText},
       }) {
    CAPTURE(c.accept);
    CHECK(FormatFor(c.accept) == c.want);
  }
}

TEST_CASE("What a query asks for") {
  auto read = [](const std::string& query) { return ReadScrapeRequest({"GET", "/metrics", query, "::1"}); };
  CHECK(*read("") == ScrapeRequest{});
  CHECK(*read("other=1&x&=&") == ScrapeRequest{});
  CHECK(read("vm=a&vm=b%2Fc+d&vm=%zz")->vms == std::set<std::string>{"a", "b/c d", "%zz"});
  CHECK(read("vm=100%")->vms == std::set<std::string>{"100%"});
  CHECK((read("collect[]=guests")->guests && !read("collect[]=guests")->exporter));
  CHECK((!read("collect%5B%5D=exporter")->guests && read("collect%5B%5D=exporter")->exporter));
  CHECK(*read("collect[]=exporter&collect[]=guests") == ScrapeRequest{});
  CHECK(!read("created=false")->with_created);
  CHECK(read("collect[]=disks").error() == "collect[] is guests or exporter, not \"disks\"");
  CHECK(read("created=maybe").error() == "created is true or false, not \"maybe\"");
}

TEST_CASE("Requests with the same answer have the same key, others have not") {
  auto key = [](const std::string& query) { return KeyOf(*ReadScrapeRequest({"GET", "/metrics", query, "::1"})); };
  CHECK(key("vm=a&vm=b") == key("vm=b&vm=%61&vm=a"));
  CHECK(key("vm=a&vm=b") != key("vm=a+1:b"));
  CHECK(key("vm=a") != key(""));
  CHECK(key("collect[]=guests") != key("collect[]=exporter"));
}

TEST_CASE("Select leaves the VMs and groups that were asked for") {
  auto make = [] {
    metrics::Snapshot snapshot;
    for (const char* vm : {"a", "b"}) {
      metrics::FamilyForTest family({"x_total", "X.", metrics::Type::kCounter, {}, {}});
      family.Find({});
      snapshot.families.push_back(family.Take(vm));
    }
    snapshot.counts.emplace_back();
    for (const char* vm : {"a", "b"}) snapshot.counts[0].guests.emplace_back().base = metrics::Vm(vm);
    snapshot.plain.push_back({"up", "Up.", metrics::Type::kGauge, {{{{"vm", "a"}}, 1}, {{{"vm", "b"}}, 1}, {{}, 2}}});
    return snapshot;
  };
  metrics::Snapshot of_one = make();
  ScrapeRequest request;
  request.vms = {"b", "nobody"};
  REQUIRE(Select(request, of_one));
  CHECK(of_one.families.size() == 1);
  CHECK(of_one.counts[0].guests.size() == 1);
  REQUIRE(of_one.plain[0].series.size() == 1);
  CHECK(*of_one.plain[0].series[0].labels == metrics::Labels{{"vm", "b"}});

  metrics::Snapshot own = make();
  request = {};
  request.guests = false;
  REQUIRE(Select(request, own));
  CHECK((own.families.empty() && own.counts.empty() && own.plain[0].series.size() == 3));

  metrics::Snapshot none = make();
  request = {};
  request.vms = {"nobody", "someone"};
  CHECK(Select(request, none).error() == "no VM is called nobody or someone; there are: a, b");
}
