// The recorded traces, the configs, and what a trace that lies in one file leads to under a config.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "config/config.h"
#include "guests/guests.h"
#include "rules/program.h"

namespace qte::split {

struct Trace {
  std::string name;
  std::string text;
};

// A config, compiled twice, so that a reload finds another program of the same meaning.
struct Rules {
  std::string name;
  std::shared_ptr<const rules::Program> programs[2];
};

// One exposition, a line each, without comments.
using Series = std::set<std::string>;
Series SeriesOf(guests::Guests& guests);

class Recordings {
 public:
  // Reads them from below the current directory, which is the top of the checkout.
  Recordings();

  const std::vector<Trace>& traces() const { return traces_; }
  const std::vector<Rules>& rules() const { return rules_; }
  // All series after these logs were read, each a name with a trace, in one piece.
  using Logs = std::vector<std::pair<std::string, const Trace*>>;
  const Series& Unsplit(const Rules& rules, const Logs& logs);

 private:
  std::vector<Trace> traces_;
  std::vector<Rules> rules_;
  std::map<std::string, Series> unsplit_;
};

}  // namespace qte::split
