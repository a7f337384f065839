#include "guests/common.h"

#include <utility>

#include "base/utf8.h"

namespace qte::guests {
namespace {

constexpr size_t kMaxSampleBytes = 512;
// Of undeclared events.
constexpr size_t kMostSamples = 20'000;
constexpr size_t kMostUndeclaredNames = 200'000;

std::vector<Join> JoinsOf(const rules::Program& program) {
  std::vector<Join> joins;
  for (size_t i = 0; i < program.spans.size(); ++i) joins.push_back({Join::Kind::kSpan, i, 0, program.spans[i].name});
  for (size_t i = 0; i < program.lookups.size(); ++i) {
    if (!program.lookups[i].names.empty()) continue;
    joins.push_back({Join::Kind::kLookup, i, 0, program.lookups[i].name, false});
  }
  for (size_t i = 0; i < program.decoders.size(); ++i) {
    for (size_t part : program.decoders[i].parts) {
      const decoders::DecoderPart& shown = program.decoders[i].kind->parts[part];
      joins.push_back({Join::Kind::kDecoderPart, i, part, std::string(shown.name), shown.opens});
    }
  }
  return joins;
}

std::shared_ptr<const metrics::FamilyKinds> KindsOf(const rules::Program& program) {
  auto kinds = std::make_shared<metrics::FamilyKinds>();
  for (const metrics::FamilySpec& spec : program.families) {
    kinds->push_back(std::make_shared<const metrics::FamilyKind>(spec, program.limits.max_series_per_metric));
  }
  return kinds;
}

}  // namespace

void Samples::Offer(uint32_t id, std::string_view name, std::string_view line) {
  const bool is_declared = id < has_declared_.size();
  if (is_declared && has_declared_[id].exchange(true, std::memory_order_relaxed)) return;
  std::lock_guard lock(mutex_);
  if (!is_declared && lines_.size() >= kMostSamples) return;
  auto [known, is_new] = lines_.try_emplace(std::string(name));
  if (!is_new) return;
  known->second = line.substr(0, 2 * kMaxSampleBytes);
  MakeValidUtf8(known->second, kMaxSampleBytes);
}

std::string Samples::Of(std::string_view name) const {
  std::lock_guard lock(mutex_);
  auto known = lines_.find(name);
  return known == lines_.end() ? "" : known->second;
}

std::map<std::string, std::string> Samples::All() const {
  std::lock_guard lock(mutex_);
  return {lines_.begin(), lines_.end()};
}

void Samples::Restore(const std::map<std::string, std::string>& saved, const trace::NameTable& declared) {
  for (const auto& [name, line] : saved) Offer(declared.Find(name), name, line);
}

Common::Common(std::shared_ptr<const rules::Program> first_program)
    : program(std::move(first_program)),
      kinds(KindsOf(*program)),
      joins(JoinsOf(*program)),
      limits(std::make_shared<Limits>(program->limits.max_series, kMostUndeclaredNames)),
      samples(std::make_unique<Samples>(program->names.size())) {}

Common::Common(std::shared_ptr<const rules::Program> next_program, const Common& before)
    : program(std::move(next_program)),
      kinds(KindsOf(*program)),
      joins(JoinsOf(*program)),
      limits(before.limits),
      samples(std::make_unique<Samples>(program->names.size())) {
  limits->series.set_max(program->limits.max_series);
  samples->Restore(before.samples->All(), program->names);
}

}  // namespace qte::guests
