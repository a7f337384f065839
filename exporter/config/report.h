// Gathers what is wrong with a config while it is read, so that a user sees all of it at once.
//
// Readers add diagnostics in any order and continue; Take() gives them in the order of the file. At most
// kMaxDiagnostics are kept, so a file that is not a config at all costs bounded memory.
#pragma once

#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "config/config.h"
#include "config/yaml_node.h"

namespace qte::config {

class Report {
 public:
  static constexpr size_t kMaxDiagnostics = 1000;

  // `file` is what the places of positions call the file.
  explicit Report(std::string file = {}) : file_(std::move(file)) {}

  // One message at one place is kept once: an aliased node is read as often as it is used.
  void Add(Position at, std::string message) { Add(PlaceOf(at), std::move(message)); }
  void Add(const Place& place, std::string message);
  bool empty() const { return diagnostics_.empty(); }
  // How often something was wrong so far, kept or not: a reader compares it to learn whether a part was good.
  size_t errors() const { return errors_; }
  // True when nothing more is kept, and costly checks are in vain.
  bool full() const { return diagnostics_.size() >= kMaxDiagnostics; }
  std::vector<Diagnostic> Take();

  const std::string& file() const { return file_; }
  Place PlaceOf(Position at) const { return {file_, at.line, at.column}; }

 private:
  std::string file_;
  std::vector<Diagnostic> diagnostics_;
  size_t errors_ = 0;
  std::set<std::tuple<std::string, int, int, std::string>> seen_;
};

// A text of the config within a message: in quotes, on one line, and shortened.
std::string Quoted(std::string_view text);

// "a, b or c".
std::string OneOf(const std::vector<std::string_view>& words);

}  // namespace qte::config
