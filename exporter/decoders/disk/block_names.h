// What QEMU's block layer told about its objects: which backend stands on which node, and which file a node has open.
//
// Pointers are QEMU's own and are reused at once, so the latest word counts. Nodes are not forgotten when a backend
// leaves them, since QEMU logs no close: at start a node is opened, attached to a temporary backend, and attached
// again. Each of the two tables is bounded, that of files in bytes as well; the least recently used entry gives way.
#pragma once

#include <cstddef>
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "joins/pointer_table.h"

namespace qte::decoders {

class BlockNames {
 public:
  // Of all names together; room for 65,536 of 128 bytes.
  static constexpr size_t kMaxFileBytes = size_t{8} << 20;

  explicit BlockNames(size_t max_names) : files_(max_names), nodes_(max_names) {}

  // A node was opened. One without a file (null-co, for one) has an empty filename.
  void Open(uint64_t node, std::string_view filename);
  void Attach(uint64_t backend, uint64_t node);
  void Detach(uint64_t backend);
  void Clear();

  // Files and backends that gave way to others.
  uint64_t forgotten() const { return files_.forgotten() + nodes_.forgotten(); }

  // As Decoder has them, but that Restore adds to names that are empty, and leaves a part behind when it throws.
  nlohmann::json Save() const;
  void Restore(const nlohmann::json& state);

  // Whether a name of this node is known, and whether some node has this one. The latter looks at all of them.
  bool IsNamed(uint64_t node) const { return files_.Find(node) != kNone; }
  bool HasFile(std::string_view filename) const;
  // Calls visit(backend) for those that are attached, until it returns false.
  template <class Visit>
  void ForEachAttached(Visit&& visit) const {
    uint32_t id = nodes_.oldest();
    while (id != kNone && visit(nodes_.PointerOf(id))) id = nodes_.newer(id);
  }
  bool IsAttached(uint64_t backend) const { return nodes_.Find(backend) != kNone; }
  // False as long as no attachment was seen, be it that the log began late.
  bool knows_attachments() const { return nodes_.size() > 0; }
  // The node that the backend stands on, 0 if that is not known.
  uint64_t NodeOf(uint64_t backend);
  // The file that the node has open, empty if that is not known. Valid until the next Open or Clear.
  std::string_view FileOf(uint64_t node);
  // The same, but that they are no use which keeps an entry from being forgotten.
  uint64_t PeekNode(uint64_t backend) const;
  std::string_view PeekFile(uint64_t node) const;

 private:
  static constexpr uint32_t kNone = FlatIndex::kNone;

  void ForgetFile();
  void SetName(uint32_t id, std::string_view name);

  joins::PointerTable<std::string> files_;  // by node; a free slot's name is empty
  size_t file_bytes_ = 0;
  joins::PointerTable<uint64_t> nodes_;  // by backend
};

}  // namespace qte::decoders
