// What all guests of a process have in common: the program, the limits over all of them, and one sample line an event.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "metrics/budget.h"
#include "metrics/families.h"
#include "rules/program.h"

namespace qte::guests {

// The first line of each event that any guest has logged, for people. Any thread.
class Samples {
 public:
  // The first `declared` ids are those of declared events.
  explicit Samples(size_t declared) : has_declared_(declared) {}

  // Keeps the line if it is the event's first. `id` is any other number for an event that is not declared.
  void Offer(uint32_t id, std::string_view name, std::string_view line);
  std::string Of(std::string_view name) const;

  std::map<std::string, std::string> All() const;
  void Restore(const std::map<std::string, std::string>& saved, const trace::NameTable& declared);

 private:
  std::vector<std::atomic<bool>> has_declared_;  // so that what is there costs no lock
  mutable std::mutex mutex_;
  std::map<std::string, std::string, std::less<>> lines_;  // by event; guarded by mutex_
};

// A span, lookup or part of a decoder, as the exporter's own metrics show it.
struct Join {
  enum class Kind { kSpan, kLookup, kDecoderPart };
  Kind kind;
  size_t index;     // of the span, lookup or decoder
  size_t part = 0;  // of the decoder
  std::string name;
  bool opens = true;  // requests; else it only learns
};

// Bounds over all guests.
struct Limits {
  Limits(size_t max_series, size_t max_names) : series(max_series), names(max_names) {}

  metrics::Budget series;
  metrics::Budget names;  // of undeclared events
};

struct Common {
  explicit Common(std::shared_ptr<const rules::Program> first_program);
  // Another config: limits and samples go on.
  Common(std::shared_ptr<const rules::Program> next_program, const Common& before);

  const std::shared_ptr<const rules::Program> program;
  const std::shared_ptr<const metrics::FamilyKinds> kinds;
  const std::vector<Join> joins;
  const std::shared_ptr<Limits> limits;
  const std::unique_ptr<Samples> samples;
};

}  // namespace qte::guests
