#include "rules/series_key.h"

#include <map>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "catch.h"
#include "rules/series_cache.h"

using namespace qte;
using rules::SeriesKey;
using rules::SeriesKeyBuilder;
using trace::Value;

namespace {

// An argument: a part of the line, or a separate text, or missing.
struct Argument {
  std::optional<std::pair<size_t, size_t>> in_line = {};
  std::string_view own = {};
};

Value ValueOf(const Argument& argument, std::string_view line) {
  if (argument.in_line) return Value::Text(line.substr(argument.in_line->first, argument.in_line->second));
  return argument.own.data() == nullptr ? Value() : Value::Text(argument.own);
}

struct OwnedKey {
  uint64_t shape;
  std::string text;
  auto operator<=>(const OwnedKey&) const = default;
};

OwnedKey KeyOf(SeriesKeyBuilder& builder, std::string_view line, const std::vector<Argument>& arguments) {
  builder.Begin(line);
  for (const Argument& argument : arguments) builder.Add(ValueOf(argument, line));
  SeriesKey key = builder.Finish();
  return {key.shape, std::string(key.text)};
}

}  // namespace

TEST_CASE("Arguments side by side in the line are not copied") {
  const std::string line = "e1000 00:04.0 @0x10";
  SeriesKeyBuilder builder;
  builder.Begin(line);
  for (auto [at, size] : {std::pair(0, 5), std::pair(6, 2), std::pair(9, 2), std::pair(12, 1)}) {
    builder.Add(Value::Text(std::string_view(line).substr(static_cast<size_t>(at), static_cast<size_t>(size))));
  }
  SeriesKey key = builder.Finish();
  CHECK(key.text.data() == line.data());
  CHECK(key.text == "e1000 00:04.0");
}

// No two lists of texts have the same key, regardless of how it is made.
TEST_CASE("Different arguments have different keys") {
  std::mt19937 random(7);
  auto below = [&](size_t n) { return random() % n; };
  static const std::vector<std::string> texts = {"", "a", "b", "ab", "a b", "b a", std::string(127, 'a'), std::string(128, 'a')};
  const std::string filler(140, 'a');
  for (size_t count : {1, 2, 3, 7}) {
    std::map<OwnedKey, std::vector<std::optional<std::string>>> seen;
    SeriesKeyBuilder builder;
    for (int i = 0; i < 20'000; ++i) {
      std::string line = below(4) == 0 ? filler : "";
      for (int n = 0; n < 12; ++n) line += "ab  "[below(4)];
      std::vector<Argument> arguments;
      std::vector<std::optional<std::string>> meant;
      size_t at = 0;
      for (size_t n = 0; n < count; ++n) {
        size_t kind = below(8);
        if (kind == 0) {
          arguments.push_back({});
          meant.emplace_back();
        } else if (kind == 1) {
          arguments.push_back({{}, texts[below(texts.size())]});
          meant.emplace_back(arguments.back().own);
        } else {
          at = std::min(line.size(), at + below(4));
          size_t size = std::min(line.size() - at, below(20) == 0 ? size_t{130} : below(3));
          arguments.push_back({{{at, size}}});
          meant.emplace_back(line.substr(at, size));
          at += size;
        }
      }
      auto [known, is_new] = seen.emplace(KeyOf(builder, line, arguments), meant);
      if (!is_new) REQUIRE(known->second == meant);
    }
    CHECK(seen.size() > 20);
  }
}

TEST_CASE("A cache finds what it was given, and nothing else") {
  rules::SeriesCache cache(2);
  const std::string line = "a b ab";
  SeriesKeyBuilder builder;
  auto key = [&](std::vector<Argument> arguments) {
    builder.Begin(line);
    for (const Argument& argument : arguments) builder.Add(ValueOf(argument, line));
    return builder.Finish();
  };
  SeriesKey two = key({{{{0, 1}}}, {{{2, 1}}}});
  uint32_t entry = cache.Insert(rules::SeriesCache::Hash(two), two, 100);
  CHECK(cache.Find(rules::SeriesCache::Hash(two), two) == entry);
  CHECK(cache.SeriesOf(entry, 0) == rules::SeriesCache::kUnknown);
  SeriesKey one = key({{{{0, 3}}}});  // the same bytes
  CHECK(cache.Find(rules::SeriesCache::Hash(two), one) == rules::SeriesCache::kNoEntry);
  const std::string huge(300 * 100, 'x');
  SeriesKey long_key{0, huge};
  CHECK(cache.Insert(1, long_key, 100) == rules::SeriesCache::kNoEntry);
}
