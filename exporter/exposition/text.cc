#include "exposition/text.h"

#include <numeric>
#include <span>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "exposition/families_by_name.h"
#include "exposition/output.h"

namespace qte::exposition {
namespace {

using metrics::Type;

constexpr std::string_view kTotal = "_total";

enum class Style { kText, kOpenMetrics };

std::string_view NameOf(Type type) {
  switch (type) {
    case Type::kGauge:
      return "gauge";
    case Type::kHistogram:
      return "histogram";
    case Type::kCounter:
      break;
  }
  return "counter";
}

// The unit at the end of a family's name; empty if it is not one of Prometheus' base units.
std::string_view UnitOf(std::string_view family) {
  for (std::string_view unit : {"seconds", "bytes", "ratio", "celsius", "meters", "volts", "amperes", "joules", "grams"}) {
    if (family.size() > unit.size() && family.ends_with(unit) && family[family.size() - unit.size() - 1] == '_') return unit;
  }
  return {};
}

// Writes the series of one family as lines.
class FamilyWriter {
 public:
  FamilyWriter(std::string_view name, NamedFamily& family, Style style, Output& out)
      : name_(name), family_(family), style_(style), out_(out) {
    for (std::string_view label : family.series->names()) {
      label_starts_.push_back(',' + std::string(label) + "=\"");
    }
  }

  // `shown` is the family's name in its HELP and TYPE lines.
  void WriteHead(std::string_view shown, std::string_view type) {
    out_.Put("# HELP ");
    out_.Put(shown);
    out_.Put(' ');
    PutHelp();
    out_.Put("\n# TYPE ");
    for (std::string_view piece : {shown, std::string_view(" "), type}) out_.Put(piece);
    if (std::string_view unit = UnitOf(shown); style_ == Style::kOpenMetrics && !unit.empty()) {
      for (std::string_view piece : {std::string_view("\n# UNIT "), shown, std::string_view(" "), unit}) out_.Put(piece);
    }
    out_.Put('\n');
  }

  // `created` is the name of the series with creation times; empty for none.
  void WriteSeries(const std::string& created) {
    SeriesCursor& series = *family_.series;
    out_.Flush();
    const size_t begin = out_.text().size();
    for (size_t written = 0; !series.at_end(); series.Next()) {
      FindLabels();
      family_.type == Type::kHistogram ? WriteHistogram(series.Histogram()) : WriteLine(name_, {}, series.Value());
      if (!created.empty() && series.MadeAt() != 0) WriteLine(created, {}, series.MadeAt());
      // All series are about as long as the first ones, so reserve memory to avoid moving the text while it grows.
      constexpr size_t kEnoughToGuess = 256;
      if (++written == kEnoughToGuess) Reserve(begin, written);
    }
  }

 private:
  void Reserve(size_t begin, size_t written) {
    out_.Flush();
    std::string& text = out_.text();
    const size_t one = (text.size() - begin) / written + 1;
    const size_t needed = begin + (one + one / 16) * family_.series->size();
    if (needed > text.capacity()) text.reserve(needed);
  }

  void PutHelp() {
    for (char c : family_.help) {
      if (c == '\n') {
        out_.Put("\\n");
        continue;
      }
      if (c == '\\' || (c == '"' && style_ == Style::kOpenMetrics)) out_.Put('\\');
      out_.Put(c);
    }
  }

  // The guest's labels come first in all of its series, so render them once.
  void FindLabels() {
    const metrics::Labels& base = family_.series->base();
    if (&base == base_) return;
    base_ = &base;
    base_text_.clear();
    Output text(base_text_);
    for (const auto& [name, value] : base) {
      if (value.empty()) continue;
      for (std::string_view piece : {std::string_view(","), std::string_view(name), std::string_view("=\"")}) text.Put(piece);
      text.PutLabelValue(value);
      text.Put('"');
    }
  }

  void PutLabels(std::string_view bound) {
    bool is_first = true;
    // Each label is written with a leading comma, so remove the comma of the first one.
    auto begin = [&](std::string_view text) {
      out_.Put(is_first ? '{' : ',');
      out_.Put(text.substr(1));
      is_first = false;
    };
    if (!base_text_.empty()) begin(base_text_);
    const std::span<const std::string_view> values = family_.series->values();
    for (size_t i = 0; i < values.size(); ++i) {
      if (values[i].empty()) continue;
      begin(label_starts_[i]);
      out_.PutLabelValue(values[i]);
      out_.Put('"');
    }
    if (!bound.empty()) {
      begin(",le=\"");
      out_.Put(bound);
      out_.Put('"');
    }
    if (!is_first) out_.Put('}');
  }

  void WriteLine(std::string_view name, std::string_view bound, double value) {
    PutSample(name, bound, value);
    out_.Put('\n');
  }

  void PutSample(std::string_view name, std::string_view bound, double value) {
    out_.Put(name);
    PutLabels(bound);
    out_.Put(' ');
    out_.PutNumber(value);
  }

  void PutExemplar(const HistogramValue& histogram) {
    out_.Put(" # {log=\"");
    out_.PutLabelValue(histogram.exemplar_log);
    out_.Put("\",offset=\"");
    out_.PutInteger(histogram.exemplar->offset);
    out_.Put("\"} ");
    out_.PutNumber(histogram.exemplar->value);
    if (histogram.exemplar->time == 0) return;
    out_.Put(' ');
    out_.PutNumber(histogram.exemplar->time);
  }

  // OpenMetrics requires "1.0" where Prometheus' text format has "1".
  void FindBounds(std::span<const double> bounds) {
    if (bounds.size() + 1 == bounds_.size()) return;
    bounds_.clear();
    for (double bound : bounds) {
      std::string text;
      Output(text).PutNumber(bound);
      if (style_ == Style::kOpenMetrics && text.find_first_not_of("-0123456789") == std::string::npos) text += ".0";
      bounds_.push_back(std::move(text));
    }
    bounds_.push_back("+Inf");
  }

  void WriteHistogram(const HistogramValue& histogram) {
    FindBounds(histogram.bounds);
    const uint64_t all = std::accumulate(histogram.counts.begin(), histogram.counts.end(), uint64_t{0});
    WriteLine(count_, {}, static_cast<double>(all));
    WriteLine(sum_, {}, histogram.sum);
    const bool has_exemplar = style_ == Style::kOpenMetrics && histogram.exemplar != nullptr;
    const size_t with_exemplar = has_exemplar ? BucketOfExemplar(histogram) : histogram.counts.size();
    uint64_t count = 0;
    for (size_t i = 0; i < histogram.counts.size(); ++i) {
      count += histogram.counts[i];
      PutSample(bucket_, bounds_[i], static_cast<double>(count));
      if (i == with_exemplar) PutExemplar(histogram);
      out_.Put('\n');
    }
  }

  const std::string_view name_;
  const std::string bucket_ = std::string(name_) + "_bucket";
  const std::string count_ = std::string(name_) + "_count";
  const std::string sum_ = std::string(name_) + "_sum";
  NamedFamily& family_;
  const Style style_;
  Output& out_;
  std::vector<std::string> label_starts_;  // ,device="
  std::vector<std::string> bounds_;
  const metrics::Labels* base_ = nullptr;
  std::string base_text_;  // ,vm="a",host="b"
};

// The name of a counter's family in OpenMetrics, which is that of its series without "_total". Empty if the name of the
// series does not end in "_total", or if another family has the shorter name.
std::string_view CounterFamily(std::string_view name, const FamiliesByName& families) {
  if (!name.ends_with(kTotal)) return {};
  name.remove_suffix(kTotal.size());
  return name.empty() || families.contains(name) ? std::string_view() : name;
}

}  // namespace

std::string ToText(const metrics::Snapshot& snapshot) {
  std::string text;
  FamiliesByName families = ByName(snapshot);
  Output out(text);
  for (auto& [name, family] : families) {
    FamilyWriter writer(name, family, Style::kText, out);
    writer.WriteHead(name, NameOf(family.type));
    writer.WriteSeries({});
  }
  out.Flush();
  return text;
}

std::string ToOpenMetrics(const metrics::Snapshot& snapshot, bool with_created) {
  std::string text;
  FamiliesByName families = ByName(snapshot);
  Output out(text);
  for (auto& [name, family] : families) {
    FamilyWriter writer(name, family, Style::kOpenMetrics, out);
    std::string_view shown = name;
    std::string_view type = NameOf(family.type);
    if (family.type == Type::kCounter) {
      shown = CounterFamily(name, families);
      if (shown.empty()) std::tie(shown, type) = std::pair(name, std::string_view("unknown"));
    }
    const bool has_created = with_created && (type == "counter" || type == "histogram");
    writer.WriteHead(shown, type);
    writer.WriteSeries(has_created ? std::string(shown) + "_created" : std::string());
  }
  out.Put("# EOF\n");
  out.Flush();
  return text;
}

}  // namespace qte::exposition
