#include "correlation/block_names.h"

#include "correlation/saved.h"

namespace qte::correlation {
namespace {

using nlohmann::json;

// [[pointer, entry], ...], the least recently used first.
template <class Entry>
json SaveTable(const PointerTable<Entry>& table) {
  json rows = json::array();
  for (uint32_t id = table.oldest(); id != table.kNone; id = table.newer(id)) {
    rows.push_back({table.PointerOf(id), table[id]});
  }
  return rows;
}

}  // namespace

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

json BlockNames::Save() const {
  return {{"files", SaveTable(files_)}, {"nodes", SaveTable(nodes_)}};
}

void BlockNames::Restore(const json& state) {
  for (const json& from : SavedList(state.at("files"))) {
    const json::array_t& row = SavedRow(from, 2);
    AddSaved(files_, row[0]) = SavedText(row[1]);
  }
  for (const json& from : SavedList(state.at("nodes"))) {
    const json::array_t& row = SavedRow(from, 2);
    AddSaved(nodes_, row[0]) = SavedUnsigned(row[1]);
  }
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
