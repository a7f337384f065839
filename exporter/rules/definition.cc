#include "rules/definition.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <string_view>

#include "decoders/decoder.h"

namespace qte::rules {
namespace {

using Texts = std::vector<std::string>;

// The sizes before the words make the text unambiguous: "2[1:a,1:b,]".
std::string List(const Texts& words) {
  std::string text = std::to_string(words.size()) + '[';
  for (const std::string& word : words) text += std::to_string(word.size()) + ':' + word + ',';
  return text + ']';
}

std::string Sorted(Texts words) {
  std::sort(words.begin(), words.end());
  return List(words);
}

// The shortest text that identifies this number.
std::string Number(double number) {
  std::array<char, 32> text;
  return {text.data(), std::to_chars(text.data(), text.data() + text.size(), number).ptr};
}

Texts ValuesOf(const std::vector<config::Text>& texts) {
  Texts values;
  for (const config::Text& text : texts) values.push_back(text.value);
  return values;
}

std::string ValueOr(const std::optional<config::Text>& text) {
  return List(text ? Texts{text->value} : Texts{});
}

std::string Conditions(const std::vector<config::Condition>& conditions) {
  Texts all;
  for (const config::Condition& condition : conditions) {
    all.push_back(List({condition.argument.value, std::to_string(static_cast<int>(condition.kind)),
                        Sorted(ValuesOf(condition.values)), ValueOr(condition.min), ValueOr(condition.max)}));
  }
  return Sorted(all);
}

std::string Lookup(const config::Lookup& lookup) {
  Texts names;
  for (const auto& [key, name] : lookup.names) names.push_back(List({key.value, name}));
  return List({lookup.event.value, List(ValuesOf(lookup.key)), lookup.value.value, Sorted(names)});
}

std::string Span(const config::Span& span) {
  return List({Sorted(ValuesOf(span.start)), Sorted(ValuesOf(span.end)), Sorted(ValuesOf(span.key)),
               std::to_string(span.timeout.value_or(kDefaultSpanTimeout).count())});
}

std::string Labels(const std::vector<config::Label>& labels, const config::Config& config) {
  Texts all;
  for (const config::Label& label : labels) {
    Texts parts = {label.name.value, List(ValuesOf(label.value.texts)), List(ValuesOf(label.value.key))};
    for (const config::Lookup& lookup : config.lookups) {
      if (label.value.lookup && lookup.name.value == label.value.lookup->value) parts.push_back(Lookup(lookup));
    }
    if (!label.value.where.empty()) parts.push_back(Conditions(label.value.where));
    all.push_back(List(parts));
  }
  return Sorted(all);
}

// The spans and decoders that make the metric's events.
std::string Origins(const std::vector<EventBuilder*>& events, const config::Config& config) {
  Texts origins;
  for (const EventBuilder* event : events) {
    if (!event->derived()) continue;
    for (const config::Span& span : config.spans) {
      if (span.name.value == event->name()) origins.push_back(List({span.name.value, Span(span)}));
    }
    for (const decoders::DecoderKind& kind : decoders::BuiltinDecoders()) {
      for (const decoders::DecoderOutput& output : kind.outputs) {
        if (output.event == event->name()) origins.push_back(List({event->name(), std::string(kind.name)}));
      }
    }
  }
  return Sorted(origins);
}

std::string Bounds(const std::vector<double>& bounds) {
  Texts texts;
  for (double bound : bounds) texts.push_back(Number(bound));
  return List(texts);
}

}  // namespace

std::string DefinitionOf(const config::Metric& metric, const config::Config& config,
                         const std::vector<EventBuilder*>& events) {
  return List({Sorted(ValuesOf(metric.events)), ValueOr(metric.match), Origins(events, config),
               Conditions(metric.where), ValueOr(metric.value), Number(metric.scale), Bounds(metric.bounds),
               Labels(metric.labels, config)});
}

}  // namespace qte::rules
