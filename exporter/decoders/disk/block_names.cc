#include "decoders/disk/block_names.h"

#include <stdexcept>

#include "joins/saved.h"

namespace qte::decoders {
using namespace joins;
namespace {

using nlohmann::json;

// [[pointer, entry], ...], the least recently used first.
template <class Entry>
json SaveTable(const PointerTable<Entry>& table) {
  return SaveRows(table, [](uint64_t pointer, const Entry& entry) { return json::array({pointer, entry}); });
}

}  // namespace

void BlockNames::Open(uint64_t node, std::string_view filename) {
  uint32_t id = files_.Find(node);
  if (filename.empty()) {
    if (id == kNone) return;
    SetName(id, {});
    return files_.Erase(id);
  }
  if (id == kNone) {
    if (files_.full()) ForgetFile();
    id = files_.Add(node);
  }
  files_.MakeNewest(id);
  SetName(id, filename);
  while (file_bytes_ > kMaxFileBytes && files_.oldest() != id) ForgetFile();
}

void BlockNames::ForgetFile() {
  SetName(files_.oldest(), {});
  files_.Forget();
}

// Short ones are assigned, which allocates nothing; a long one's memory does not stay with its slot.
void BlockNames::SetName(uint32_t id, std::string_view name) {
  constexpr size_t kKeptBytes = 256;
  std::string& old = files_[id];
  file_bytes_ += name.size() - old.size();
  if (old.capacity() > kKeptBytes) old = std::string();
  old = name;
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
  while (files_.size() > 0) {
    SetName(files_.oldest(), {});
    files_.Erase(files_.oldest());
  }
  nodes_.Clear();
}

json BlockNames::Save() const {
  return {{"files", SaveTable(files_)}, {"nodes", SaveTable(nodes_)}, {"forgotten", forgotten()}};
}

void BlockNames::Restore(const json& state) {
  for (const json& from : SavedList(state.at("files"))) {
    const json::array_t& row = SavedRow(from, 2);
    uint64_t node = SavedUnsigned(row[0]);
    if (files_.Find(node) != kNone) throw std::runtime_error("saved state: the same pointer twice");
    const std::string& filename = SavedText(row[1]);
    if (filename.empty()) throw std::runtime_error("saved state: a file without a name");
    Open(node, filename);
  }
  for (const json& from : SavedList(state.at("nodes"))) {
    const json::array_t& row = SavedRow(from, 2);
    AddSaved(nodes_, row[0]) = SavedUnsigned(row[1]);
  }
  nodes_.set_forgotten(nodes_.forgotten() + SavedUnsigned(state.at("forgotten")));
}

uint64_t BlockNames::NodeOf(uint64_t backend) {
  uint32_t id = nodes_.Find(backend);
  if (id == kNone) return 0;
  nodes_.MakeNewest(id);
  return nodes_[id];
}

uint64_t BlockNames::PeekNode(uint64_t backend) const {
  uint32_t id = nodes_.Find(backend);
  return id == kNone ? 0 : nodes_[id];
}

std::string_view BlockNames::PeekFile(uint64_t node) const {
  uint32_t id = files_.Find(node);
  return id == kNone ? std::string_view() : files_[id];
}

bool BlockNames::HasFile(std::string_view filename) const {
  for (uint32_t id = files_.oldest(); id != kNone; id = files_.newer(id)) {
    if (files_[id] == filename) return true;
  }
  return false;
}

std::string_view BlockNames::FileOf(uint64_t node) {
  uint32_t id = files_.Find(node);
  if (id == kNone) return {};
  files_.MakeNewest(id);
  return files_[id];
}

}  // namespace qte::decoders
