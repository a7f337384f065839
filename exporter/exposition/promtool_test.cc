// Checks the exposition with Prometheus' own promtool, if that is installed.
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <limits>

#include "catch.h"
#include "exposition/text.h"
#include "metrics/family_for_test.h"

using namespace qte;
using namespace qte::metrics;

namespace {

constexpr const char* kPromtool = "/usr/bin/promtool";

struct Verdict {
  int status = -1;  // 0: accepted without remarks
  std::string remarks;
};

Verdict AskPromtool(const std::string& exposition) {
  char path[] = "/tmp/promtool_test.XXXXXX";
  int fd = ::mkstemp(path);
  REQUIRE(fd >= 0);
  ::close(fd);
  std::ofstream(path) << exposition;
  FILE* pipe = ::popen((std::string(kPromtool) + " check metrics 2>&1 <" + path).c_str(), "r");
  REQUIRE(pipe != nullptr);
  Verdict verdict;
  for (int c = 0; (c = std::fgetc(pipe)) != EOF;) verdict.remarks += static_cast<char>(c);
  verdict.status = ::pclose(pipe);
  ::unlink(path);
  return verdict;
}

// Families of every kind, with texts and numbers that could break a line.
Snapshot Everything() {
  auto base = std::make_shared<const Labels>(Labels{{"vm", "a \"vm\"\\\n\xff"}, {"host", ""}});
  FamilyForTest counter({"qemu_x_reads_total", "Reads; a \\ and\na line.", Type::kCounter, {"device"}, {}});
  for (std::string_view device : {"sda", "", "caf\xC3\xA9", "\xED\xA0\x80", "{},=#"}) {
    counter->Add(counter.Find({device}), 9007199254740992);
  }
  FamilyForTest histogram({"qemu_x_duration_seconds", "Durations.", Type::kHistogram, {}, {-1, 1e-9, 0.1 + 0.2, 1e21}});
  for (double value : {-2.0, 0.0, 0.25, 1e300}) histogram->Observe(histogram.Find({}), value);
  Snapshot snapshot;
  snapshot.families = {histogram.Take(base), counter.Take(base)};
  constexpr double kMax = std::numeric_limits<double>::max();
  snapshot.plain.push_back({"qemu_x_offset_bytes", "Offsets.", Type::kGauge, {{{{"path", "b"}}, kMax}, {{{"path", "a"}}, -kMax}}});
  return snapshot;
}

}  // namespace

TEST_CASE("promtool takes the exposition without a remark") {
  if (::access(kPromtool, X_OK) != 0) {
    REQUIRE(std::getenv("QTE_REQUIRE_ALL") == nullptr);
    WARN("skipped: there is no " << kPromtool);
    return;
  }
  std::string text = exposition::ToText(Everything());
  CAPTURE(text);
  Verdict verdict = AskPromtool(text);
  CHECK(verdict.remarks == "");
  CHECK(verdict.status == 0);
  // promtool rejects an invalid exposition, so the check above is meaningful.
  CHECK(AskPromtool(text + "qemu x\n").status != 0);
}
