// prometheus-cpp serialises families that are there as a whole: 300 bytes a series, and as many again for labels. So a
// family is collected and serialised in windows of some hundred series, and a scrape of 100,000 series needs no more
// memory than its text. The serializer puts HELP and TYPE before every window; they stay at the first alone.
#include "exposition/text.h"

#include <prometheus/collectable.h>
#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <algorithm>
#include <cassert>
#include <map>
#include <ostream>
#include <vector>

#include "exposition/series_cursor.h"
#include "exposition/text_sink.h"

namespace qte::exposition {
namespace {

using prometheus::MetricFamily;
using prometheus::MetricType;

// The serializer writes HELP as it is, so what would break a line is escaped here.
std::string EscapeHelp(std::string_view help) {
  std::string escaped;
  for (char c : help) {
    if (c == '\\') {
      escaped += "\\\\";
    } else if (c == '\n') {
      escaped += "\\n";
    } else {
      escaped += c;
    }
  }
  return escaped;
}

MetricType TypeOf(metrics::Type type) {
  switch (type) {
    case metrics::Type::kGauge:
      return MetricType::Gauge;
    case metrics::Type::kHistogram:
      return MetricType::Histogram;
    case metrics::Type::kCounter:
      break;
  }
  return MetricType::Counter;
}

struct NamedFamily {
  MetricFamily head;  // without series
  std::unique_ptr<SeriesCursor> series;
};

// One name is one family with one HELP, whatever it comes from: Prometheus takes a name once.
class FamiliesByName {
 public:
  explicit FamiliesByName(const metrics::Snapshot& snapshot) {
    std::map<std::string_view, std::vector<const metrics::FamilySnapshot*>> guests;
    for (const metrics::FamilySnapshot& family : snapshot.families) guests[family.spec->name].push_back(&family);
    for (auto& [name, parts] : guests) {
      const metrics::FamilySpec& spec = *parts.front()->spec;
      Add({spec.name, spec.help, TypeOf(spec.type), {}}, MakeCursor(std::move(parts)));
    }
    for (const metrics::CountsByName& counts : snapshot.counts) {
      Add({counts.name, counts.help, MetricType::Counter, {}}, MakeCursor(counts));
    }
    for (const metrics::PlainFamily& family : snapshot.plain) {
      Add({family.name, family.help, TypeOf(family.type), {}}, MakeCursor(family));
    }
  }

  std::map<std::string, NamedFamily>& families() { return families_; }

 private:
  void Add(MetricFamily head, std::unique_ptr<SeriesCursor> series) {
    if (series->at_end()) return;
    head.help = EscapeHelp(head.help);
    std::string name = head.name;
    [[maybe_unused]] bool added =
        families_.try_emplace(std::move(name), NamedFamily{std::move(head), std::move(series)}).second;
    assert(added);  // the config has no name twice, and none of our own
  }

  std::map<std::string, NamedFamily> families_;
};

// Where the snapshot meets prometheus-cpp: each time it is asked, the next series of a family.
class Window final : public prometheus::Collectable {
 public:
  explicit Window(NamedFamily& family) : family_(family) {}

  std::vector<MetricFamily> Collect() const override {
    std::vector<MetricFamily> families = {family_.head};
    std::vector<prometheus::ClientMetric>& metrics = families[0].metric;
    SeriesCursor& series = *family_.series;
    metrics.reserve(std::min(kSeriesPerWindow, series.size()));
    for (; metrics.size() < kSeriesPerWindow && !series.at_end(); series.Next()) series.Fill(metrics.emplace_back());
    return families;
  }

 private:
  NamedFamily& family_;
};

size_t HeadSize(const MetricFamily& head) {
  std::string text;
  TextSink sink(text);
  std::ostream out(&sink);
  prometheus::TextSerializer().Serialize(out, {head});
  sink.Flush();
  return text.size();
}

void AppendFamily(NamedFamily& family, std::string& text) {
  const size_t head_size = HeadSize(family.head);
  const size_t begin = text.size();
  TextSink sink(text);
  std::ostream out(&sink);
  for (Window window(family); !family.series->at_end();) {
    const bool is_first = text.size() == begin;
    if (!is_first) sink.Skip(head_size);
    prometheus::TextSerializer().Serialize(out, window.Collect());
    sink.Flush();
    // All windows are about as long as the first, so that the text need not be moved while it grows.
    size_t others = family.series->size() / kSeriesPerWindow;
    if (is_first && others > 0) text.reserve(begin + (text.size() - begin) * (others + 2));
  }
}

}  // namespace

std::string ToText(const metrics::Snapshot& snapshot) {
  std::string text;
  FamiliesByName by_name(snapshot);
  for (auto& [name, family] : by_name.families()) AppendFamily(family, text);
  return text;
}

}  // namespace qte::exposition
