// The labels that every series of a source carries: from the config's `labels`, from `path_pattern`, and `vm`.
#pragma once

#include <re2/re2.h>

#include <memory>
#include <string>
#include <vector>

#include "config/config.h"
#include "metrics/snapshot.h"

namespace qte::guests {

// The VM's name in a log's path: the file's name without directory, compression and one log suffix ("/x/vm1.log.gz" is
// "vm1"); "stdin" for "-".
std::string VmOfPath(const std::string& path);

class SourceLabels {
 public:
  explicit SourceLabels(const std::vector<config::Source>& sources);

  // Sorted by name. What `path_pattern` finds wins over `labels`, and both over the file's name as `vm`.
  metrics::Labels For(size_t source, const std::string& path) const;

 private:
  struct Source {
    metrics::Labels fixed;
    std::shared_ptr<const re2::RE2> pattern;  // null without one
  };
  std::vector<Source> sources_;
};

}  // namespace qte::guests
