#include "exposition/protobuf.h"

#include <cmath>
#include <cstdint>
#include <limits>
#include <numeric>
#include <protozero/pbf_writer.hpp>
#include <protozero/varint.hpp>
#include <string_view>
#include <utility>
#include <vector>

#include "base/utf8.h"
#include "exposition/families_by_name.h"

namespace qte::exposition {
namespace {

using metrics::Type;
using protozero::pbf_writer;

// Field numbers, by message.
namespace family_field {
enum : protozero::pbf_tag_type { kName = 1, kHelp = 2, kType = 3, kMetric = 4 };
}
namespace metric_field {
enum : protozero::pbf_tag_type { kLabel = 1, kGauge = 2, kCounter = 3, kHistogram = 7 };
}
namespace label_field {
enum : protozero::pbf_tag_type { kName = 1, kValue = 2 };
}
namespace number_field {  // of Gauge and Counter
enum : protozero::pbf_tag_type { kValue = 1, kCreated = 3 };
}
namespace histogram_field {
enum : protozero::pbf_tag_type {
  kCount = 1,
  kSum = 2,
  kBucket = 3,
  kSchema = 5,
  kZeroThreshold = 6,
  kZeroCount = 7,
  kNegativeSpan = 9,
  kNegativeDelta = 10,
  kPositiveSpan = 12,
  kPositiveDelta = 13,
  kCreated = 15
};
}
namespace span_field {
enum : protozero::pbf_tag_type { kOffset = 1, kLength = 2 };
}
namespace bucket_field {
enum : protozero::pbf_tag_type { kCount = 1, kBound = 2, kExemplar = 3 };
}
namespace exemplar_field {
enum : protozero::pbf_tag_type { kLabel = 1, kValue = 2, kTime = 3 };
}
namespace time_field {
enum : protozero::pbf_tag_type { kSeconds = 1, kNanos = 2 };
}

int32_t NumberOf(Type type) {
  constexpr int32_t kCounter = 0;
  constexpr int32_t kGauge = 1;
  constexpr int32_t kHistogram = 4;
  return type == Type::kCounter ? kCounter : type == Type::kGauge ? kGauge : kHistogram;
}

void PutTime(double seconds, pbf_writer time) {
  const double whole = std::floor(seconds);
  time.add_int64(time_field::kSeconds, static_cast<int64_t>(whole));
  time.add_int32(time_field::kNanos, static_cast<int32_t>((seconds - whole) * 1e9));
}

// `label_tag` is the tag of the label field in `message`.
void PutLabel(std::string_view name, std::string_view value, pbf_writer& message, protozero::pbf_tag_type label_tag) {
  if (value.empty()) return;
  std::string valid(value);
  MakeValidUtf8(valid);
  pbf_writer label(message, label_tag);
  label.add_string(label_field::kName, name.data(), name.size());
  label.add_string(label_field::kValue, valid);
}

// Writes spans of buckets. Each count is the difference from the previous one.
struct Spans {
  struct Span {
    int32_t offset = 0;  // first span: its first bucket; other spans: number of buckets since the previous span
    uint32_t length = 0;
  };
  std::vector<Span> spans;
  std::vector<int64_t> deltas;
};

Spans SpansOf(const metrics::NativeHistogram::Side& side) {
  constexpr int32_t kNoGap = 2;  // up to 2 empty buckets take less space than another span
  Spans found;
  int32_t end = 0;  // end of the last span
  uint64_t before = 0;
  auto append = [&](uint64_t count) {
    found.deltas.push_back(static_cast<int64_t>(count - std::exchange(before, count)));
    ++found.spans.back().length;
    ++end;
  };
  for (size_t i = 0; i < side.counts.size(); ++i) {
    if (side.counts[i] == 0) continue;
    const int32_t bucket = side.first + static_cast<int32_t>(i);
    if (found.spans.empty() || bucket - end > kNoGap) {
      found.spans.push_back({found.spans.empty() ? bucket : bucket - end, 0});
      end = bucket;
    }
    while (end < bucket) append(0);
    append(side.counts[i]);
  }
  return found;
}

void PutSide(const metrics::NativeHistogram::Side& side, protozero::pbf_tag_type span_tag, protozero::pbf_tag_type delta_tag,
             pbf_writer& histogram) {
  const Spans found = SpansOf(side);
  for (const Spans::Span& each : found.spans) {
    pbf_writer span(histogram, span_tag);
    span.add_sint32(span_field::kOffset, each.offset);
    span.add_uint32(span_field::kLength, each.length);
  }
  histogram.add_packed_sint64(delta_tag, found.deltas.begin(), found.deltas.end());
}

void PutNative(const HistogramValue& value, pbf_writer& histogram) {
  histogram.add_sint32(histogram_field::kSchema, value.native->schema());
  histogram.add_double(histogram_field::kZeroThreshold, value.zero_threshold);
  histogram.add_uint64(histogram_field::kZeroCount, value.native->zero());
  PutSide(value.native->negative(), histogram_field::kNegativeSpan, histogram_field::kNegativeDelta, histogram);
  PutSide(value.native->positive(), histogram_field::kPositiveSpan, histogram_field::kPositiveDelta, histogram);
  // If there are no buckets, an empty span marks the histogram as native.
  if (value.native->count() == value.native->zero() && value.zero_threshold == 0) {
    pbf_writer span(histogram, histogram_field::kPositiveSpan);
    span.add_sint32(span_field::kOffset, 0);
    span.add_uint32(span_field::kLength, 0);
  }
}

void PutExemplar(const HistogramValue& value, pbf_writer exemplar) {
  PutLabel("log", value.exemplar_log, exemplar, exemplar_field::kLabel);
  PutLabel("offset", std::to_string(value.exemplar->offset), exemplar, exemplar_field::kLabel);
  exemplar.add_double(exemplar_field::kValue, value.exemplar->value);
  if (value.exemplar->time != 0) PutTime(value.exemplar->time, {exemplar, exemplar_field::kTime});
}

void PutHistogram(const SeriesCursor& series, pbf_writer histogram) {
  const HistogramValue value = series.Histogram();
  histogram.add_uint64(histogram_field::kCount, std::accumulate(value.counts.begin(), value.counts.end(), uint64_t{0}));
  histogram.add_double(histogram_field::kSum, value.sum);
  const size_t with_exemplar = value.exemplar != nullptr ? BucketOfExemplar(value) : value.counts.size();
  uint64_t count = 0;
  for (size_t i = 0; i < value.counts.size(); ++i) {
    count += value.counts[i];
    pbf_writer bucket(histogram, histogram_field::kBucket);
    bucket.add_uint64(bucket_field::kCount, count);
    bucket.add_double(bucket_field::kBound,
                      i < value.bounds.size() ? value.bounds[i] : std::numeric_limits<double>::infinity());
    if (i == with_exemplar) PutExemplar(value, {bucket, bucket_field::kExemplar});
  }
  if (value.native != nullptr) PutNative(value, histogram);
  if (series.MadeAt() != 0) PutTime(series.MadeAt(), {histogram, histogram_field::kCreated});
}

void PutSeries(const SeriesCursor& series, Type type, pbf_writer metric) {
  for (const auto& [name, value] : series.base()) PutLabel(name, value, metric, metric_field::kLabel);
  for (size_t i = 0; i < series.names().size(); ++i) {
    PutLabel(series.names()[i], series.values()[i], metric, metric_field::kLabel);
  }
  if (type == Type::kHistogram) return PutHistogram(series, {metric, metric_field::kHistogram});
  pbf_writer number(metric, type == Type::kCounter ? metric_field::kCounter : metric_field::kGauge);
  number.add_double(number_field::kValue, series.Value());
  if (type == Type::kCounter && series.MadeAt() != 0) PutTime(series.MadeAt(), {number, number_field::kCreated});
}

}  // namespace

std::string ToProtobuf(const metrics::Snapshot& snapshot) {
  std::string all;
  std::string message;
  for (auto& [name, family] : ByName(snapshot)) {
    message.clear();
    pbf_writer writer(message);
    writer.add_string(family_field::kName, name.data(), name.size());
    std::string help(family.help);
    MakeValidUtf8(help);
    writer.add_string(family_field::kHelp, help);
    writer.add_enum(family_field::kType, NumberOf(family.type));
    for (; !family.series->at_end(); family.series->Next()) {
      PutSeries(*family.series, family.type, {writer, family_field::kMetric});
    }
    protozero::write_varint(std::back_inserter(all), message.size());
    all += message;
  }
  return all;
}

}  // namespace qte::exposition
