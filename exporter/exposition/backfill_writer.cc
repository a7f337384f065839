#include "exposition/backfill_writer.h"

#include <fmt/format.h>

#include <ostream>

namespace qte::exposition {
namespace {

constexpr std::string_view kHelp = "# HELP ";
constexpr std::string_view kType = "# TYPE ";
constexpr std::string_view kTotal = "_total";
constexpr std::string_view kGauge = "gauge";
constexpr std::string_view kCounter = "counter";
constexpr std::string_view kBound = "le=\"";

// The labels without the bucket's bound, which the serializer writes last: {vm="a",le="1"} becomes {vm="a"}.
std::string LabelsOf(std::string_view series) {
  size_t brace = series.find('{');
  std::string_view labels = brace == std::string_view::npos ? std::string_view() : series.substr(brace);
  size_t bound = labels.rfind(kBound);
  if (bound == std::string_view::npos || bound == 0 || (labels[bound - 1] != ',' && labels[bound - 1] != '{')) {
    return std::string(labels);
  }
  return bound == 1 ? std::string() : std::string(labels.substr(0, bound - 1)) + '}';
}

// OpenMetrics requires an escape for a quote in a HELP text; the text format does not.
std::string EscapeQuotes(std::string_view help) {
  std::string escaped;
  for (char c : help) {
    if (c == '"') escaped += '\\';
    escaped += c;
  }
  return escaped;
}

std::string Seconds(int64_t ms) {
  return ms % 1000 == 0 ? fmt::format("{}", ms / 1000) : fmt::format("{}.{:03}", ms / 1000, ms % 1000);
}

}  // namespace

void BackfillWriter::Add(std::string_view text, int64_t at_ms) {
  is_first_ = latest_.empty();
  latest_.clear();
  Family* family = nullptr;
  while (!text.empty()) {
    size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (line.starts_with('#')) {
      family = &ReadComment(line);
    } else if (family != nullptr) {
      AddSample(*family, line, at_ms);
    }
  }
  latest_ms_ = at_ms;
}

// "# HELP name text" or "# TYPE name type"
BackfillWriter::Family& BackfillWriter::ReadComment(std::string_view line) {
  bool is_help = line.starts_with(kHelp);
  line.remove_prefix(is_help ? kHelp.size() : kType.size());
  size_t blank = line.find(' ');
  Family& family = families_[std::string(line.substr(0, blank))];
  std::string_view rest = blank == std::string_view::npos ? std::string_view() : line.substr(blank + 1);
  if (is_help && family.help.empty()) family.help = EscapeQuotes(rest);
  if (!is_help) family.type = rest;
  return family;
}

void BackfillWriter::AddSample(Family& family, std::string_view line, int64_t at_ms) {
  size_t blank = line.rfind(' ');
  if (blank == std::string_view::npos) return;
  Place place = FindOrMake(family, line.substr(0, blank));
  Append(place.metric->samples[place.sample], line.substr(blank + 1), at_ms);
  latest_.push_back(place);
}

BackfillWriter::Place BackfillWriter::FindOrMake(Family& family, std::string_view series) {
  auto [known, is_new] = places_.try_emplace(std::string(series));
  if (!is_new) return known->second;
  Metric& metric = family.metrics[LabelsOf(series)];
  known->second = {&metric, metric.samples.size()};
  Sample& sample = metric.samples.emplace_back();
  sample.series = series;
  if (!is_first_ && family.type != kGauge) Append(sample, "0", latest_ms_);
  return known->second;
}

void BackfillWriter::Append(Sample& sample, std::string_view value, int64_t at_ms) {
  ++samples_;
  if (!sample.runs.empty()) {
    Run& last = sample.runs.back();
    bool is_next = last.first_ms + static_cast<int64_t>(last.count) * step_ms_ == at_ms;
    if (is_next && last.value == value) {
      ++last.count;
      return;
    }
  }
  sample.runs.push_back({at_ms, 1, std::string(value)});
}

void BackfillWriter::AddSame(int64_t at_ms) {
  for (const Place& place : latest_) {
    Sample& sample = place.metric->samples[place.sample];
    Append(sample, std::string(sample.runs.back().value), at_ms);
  }
  latest_ms_ = at_ms;
}

void BackfillWriter::Write(std::ostream& out) const {
  for (const auto& [name, family] : families_) {
    std::string_view bare = name;
    if (family.type == kCounter && bare.ends_with(kTotal)) bare.remove_suffix(kTotal.size());
    out << kHelp << bare << ' ' << family.help << '\n' << kType << bare << ' ' << family.type << '\n';
    for (const auto& [labels, metric] : family.metrics) WriteMetric(metric, out);
  }
  out << "# EOF\n";
}

// All series of a metric have samples at the same times, but their values change at different times.
void BackfillWriter::WriteMetric(const Metric& metric, std::ostream& out) const {
  struct Position {
    size_t run = 0;
    uint64_t in_run = 0;
  };
  std::vector<Position> at(metric.samples.size());
  while (at[0].run < metric.samples[0].runs.size()) {
    for (size_t i = 0; i < at.size(); ++i) {
      const Sample& sample = metric.samples[i];
      if (at[i].run == sample.runs.size()) continue;
      const Run& run = sample.runs[at[i].run];
      int64_t ms = run.first_ms + static_cast<int64_t>(at[i].in_run) * step_ms_;
      out << sample.series << ' ' << run.value << ' ' << Seconds(ms) << '\n';
      if (++at[i].in_run == run.count) at[i] = {at[i].run + 1, 0};
    }
  }
}

}  // namespace qte::exposition
