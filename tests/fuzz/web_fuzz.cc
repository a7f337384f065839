// What goes out by HTTP: any text in a label, a HELP or a path leaves the exposition and the page whole.
//
// Input: an Accept-Encoding header, a newline, a text that a log or a config could hold.
#include <algorithm>
#include <cstring>

#include "base/utf8.h"
#include "exposition/text.h"
#include "exposition_check.h"
#include "fuzz.h"
#include "http/gzip.h"
#include "metrics/family_for_test.h"
#include "page/landing_page.h"

using namespace qte;
using fuzz::Require;

namespace {

void CheckHeader(std::string header) {
  bool accepts = http::AcceptsGzip(header);
  std::string upper = header;
  std::transform(upper.begin(), upper.end(), upper.begin(),
                 [](char c) { return c >= 'a' && c <= 'z' ? c & ~0x20 : c; });
  Require(http::AcceptsGzip(upper) == accepts, "the case of a header does not matter");
  Require(http::AcceptsGzip(header + ",gzip"), "gzip is accepted where it is named");
  Require(!http::AcceptsGzip(header + ", GZIP; q=0.0"), "gzip is refused where its weight is 0");
}

// A family's name and HELP and its labels' names come from a config, which has checked them; values may be anything.
void CheckExposition(std::string_view text) {
  double value = 0;
  std::memcpy(&value, text.data(), std::min(sizeof value, text.size()));
  std::string half(text.substr(0, text.size() / 2));
  std::string help(text);
  MakeValidUtf8(help);
  auto base = std::make_shared<const metrics::Labels>(metrics::Labels{{"vm", half}});
  std::vector<std::string_view> labels = {text, half};
  metrics::Snapshot snapshot;
  metrics::FamilyForTest counter({"c_total", help, metrics::Type::kCounter, {"a", "b"}, {}});
  counter->Add(counter.Find(labels), value);
  metrics::FamilyForTest histogram({"h", help, metrics::Type::kHistogram, {"a", "b"}, {-1, 0, 1e300}});
  histogram->Observe(histogram.Find(labels), value);
  snapshot.families = {counter.Take(base), histogram.Take(base)};
  snapshot.plain.push_back({"g", help, metrics::Type::kGauge, {{{{"path", half}}, value}}});
  fuzz::RequireExposition(exposition::ToText(snapshot));
}

std::string Page(const std::string& text, double rate) {
  page::LandingPage page;
  page.version = page.config_file = page.config_hash = text;
  page.sources = {{text, false, text, 1, 2}};
  page.events = {{text, 3, rate, true}};
  return page::ToHtml(page);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view text = fuzz::View(data, size);
  CheckHeader(std::string(fuzz::TakeLine(text)));
  CheckExposition(text);
  std::string html = Page(std::string(text), 1);
  std::string plain = Page("plain", 1);
  for (char c : std::string_view("<>\"'")) {
    Require(std::count(html.begin(), html.end(), c) == std::count(plain.begin(), plain.end(), c),
            "a text brings no markup to the page");
  }
  return 0;
}
