// What the config says of a source's logs: the labels that every series carries (from `labels`, from `path_pattern` or
// `name_pattern`, and `vm`), and the envelope of their lines.
#pragma once

#include <re2/re2.h>

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "config/config.h"
#include "config/template.h"
#include "metrics/snapshot.h"
#include "source/traced_process.h"
#include "trace/line_opener.h"

namespace qte::guests {

// The VM's name in a log's path: the file's name without directory, compression and one log suffix ("/x/vm1.log.gz" is
// "vm1"); "stdin" for "-".
std::string VmOfPath(const std::string& path);

// What to tell of a log whose labels are those of another one.
std::string SameLabelsText(const std::string& other_path, const metrics::Labels& labels);
// {vm="a",host="b"}
std::string TextOf(const metrics::Labels& labels);

class SourceLabels {
 public:
  explicit SourceLabels(const std::vector<config::Source>& sources);

  // Sorted by name. What the pattern finds wins over `labels`, and both over the file's or the QEMU's name as `vm`. The
  // path of a traced QEMU is its stream's name.
  metrics::Labels For(size_t source, const std::string& path) const;
  // The envelope that the source's lines have, if the config says so.
  trace::LineOpener::Pin EnvelopeOf(size_t source) const {
    return source < sources_.size() ? sources_[source].envelope : std::nullopt;
  }

 private:
  struct Source {
    metrics::Labels fixed;
    std::vector<std::pair<std::string, std::vector<config::TemplatePiece>>> templates;  // of a traced QEMU
    std::shared_ptr<const re2::RE2> pattern;                                            // null without one
    trace::LineOpener::Pin envelope;
  };

  static void AddGroups(const Source& source, const std::string& text, std::map<std::string, std::string>& labels);
  static std::map<std::string, std::string> ForProcess(const Source& source, const source::TracedProcess& process);

  std::vector<Source> sources_;
};

}  // namespace qte::guests
