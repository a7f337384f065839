#include "correlation/block_names.h"

namespace qte::correlation {

void BlockNames::Open(uint64_t node, std::string_view filename) {
  if (filename.empty()) {
    uint32_t known = files_.Find(node);
    if (known != kNone) files_.Erase(known);
    return;
  }
  bool added = false;
  files_[files_.FindOrAdd(node, added)] = filename;
}

void BlockNames::Attach(uint64_t backend, uint64_t node) {
  bool added = false;
  nodes_[nodes_.FindOrAdd(backend, added)] = node;
}

void BlockNames::Detach(uint64_t backend) {
  uint32_t id = nodes_.Find(backend);
  if (id != kNone) nodes_.Erase(id);
}

void BlockNames::Clear() {
  files_.Clear();
  nodes_.Clear();
}

uint64_t BlockNames::NodeOf(uint64_t backend) {
  uint32_t id = nodes_.Find(backend);
  if (id == kNone) return 0;
  nodes_.MakeNewest(id);
  return nodes_[id];
}

std::string_view BlockNames::FileOf(uint64_t node) {
  uint32_t id = files_.Find(node);
  if (id == kNone) return {};
  files_.MakeNewest(id);
  return files_[id];
}

}  // namespace qte::correlation
