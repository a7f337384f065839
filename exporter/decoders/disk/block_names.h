// What the log shows about objects of QEMU's block layer: which backend stands on which node, and the image of each
// node.
//
// Pointers are QEMU's own and are reused at once. QEMU logs neither the end of a node nor the creation of a filter,
// which a block job puts between a backend and its node. The known name of a node may therefore belong to an earlier
// node at the same pointer. A device is attached to a node that was opened before, so the latest name is right. A
// backend that is moved from one node to another (see Attach) may be moved to a filter. It takes the node's name only
// if the node is known to be alive, in one of these cases:
//
// - The node was opened after the backend's last move, and no backend has left it.
// - Another backend stands on the node or left it immediately before.
// - The node carried this backend before.
//
// Otherwise the backend keeps its image. Both tables are bounded in entries and in bytes of text. The least recently
// used entry is dropped.
#pragma once

#include <cstddef>
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "joins/pointer_table.h"

namespace qte::decoders {

// Assigns a short text in place, which allocates nothing once warm, but frees the memory of a long text. `bytes` is the
// total size of all counted texts.
void SetCounted(std::string& text, std::string_view to, size_t& bytes);

class BlockNames {
 public:
  // Limit for all texts together: room for 65,536 texts of 128 bytes.
  static constexpr size_t kMaxTextBytes = size_t{8} << 20;

  explicit BlockNames(size_t max_names) : nodes_(max_names), attached_(max_names) {}

  struct Opened {
    std::string_view file;
    uint64_t flags = 0;  // BDRV_O_*
    std::string_view format;
  };
  // The file is empty for a node without a file, such as null-co.
  void Open(uint64_t node, const Opened& opened);
  // `is_move` is true if the backend has just left another node for this one.
  enum class Attachment { kNew, kMove };
  void Attach(uint64_t backend, uint64_t node, Attachment kind);
  void Detach(uint64_t backend);
  void Clear();

  // The file and format of a backend, or those with which a node was opened. Empty if unknown. Valid until the next
  // change.
  struct Image {
    std::string_view file;
    std::string_view format;
  };
  Image ImageOf(uint64_t backend) const;
  Image ImageOfNode(uint64_t node) const;
  // Learns from QMP what the backend stands on.
  void Tell(uint64_t backend, uint64_t node, const Image& image);

  // Increases with each event that changes the graph.
  uint64_t changes() const { return changes_; }
  // Number of nodes and backends dropped to make room.
  uint64_t forgotten() const { return nodes_.forgotten() + attached_.forgotten(); }

  // As Decoder has them, but that Restore adds to names that are empty, and leaves a part behind when it throws.
  nlohmann::json Save() const;
  void Restore(const nlohmann::json& state);

  // Calls visit(backend) for each attached backend until it returns false.
  template <class Visit>
  void ForEachAttached(Visit&& visit) const {
    uint32_t id = attached_.oldest();
    while (id != kNone && visit(attached_.PointerOf(id))) id = attached_.newer(id);
  }
  bool IsAttached(uint64_t backend) const { return attached_.Find(backend) != kNone; }
  // False until an attachment is seen. A log that began late may have none.
  bool knows_attachments() const { return attached_.size() > 0; }
  // True for a node that was opened read-only, such as that of a CD-ROM.
  bool IsReadOnly(uint64_t node) const;
  // The node that a backend stands on; 0 if unknown.
  uint64_t NodeOf(uint64_t backend) const;
  // Marks the backend as recently used, together with its node or, if that is unknown, `node`.
  void Use(uint64_t backend, uint64_t node) {
    if (attached_.is_crowded() || nodes_.is_crowded()) MakeNewest(backend, node);
  }

 private:
  static constexpr uint32_t kNone = FlatIndex::kNone;

  struct Node {
    std::string file;
    std::string format;
    bool is_read_only = false;
    uint64_t opened = 0;    // value of changes_ when it was opened
    uint64_t left = 0;      // value of changes_ when a backend left it last; 0 if none left since it was opened
    uint64_t backend = 0;   // the backend that came or left last
    uint64_t backends = 0;  // number of backends that stand on it
  };
  struct Attached {
    uint64_t node = 0;
    uint64_t moved = 0;  // value of changes_ at the last move; 0 if it never moved
    std::string file;
    std::string format;
  };

  void MakeNewest(uint64_t backend, uint64_t node);
  bool IsAlive(const Node& node, uint64_t backend, uint64_t moved) const;
  void SetText(std::string& text, std::string_view to) { SetCounted(text, to, text_bytes_); }
  Node& NodeAt(uint64_t node);
  Attached& AttachedAt(uint64_t backend);
  void ClearNode(uint32_t id);
  void ClearAttached(uint32_t id);
  void ForgetNode();
  void ForgetAttached();
  void BoundTexts();

  joins::PointerTable<Node> nodes_;         // free slots have empty texts
  joins::PointerTable<Attached> attached_;  // by backend; free slots have empty texts
  size_t text_bytes_ = 0;
  uint64_t changes_ = 0;    // number of changes of the graph so far
  std::string drive_file_;  // the file opened last for a drive itself, not as a backing file
  Attached left_;           // the former entry of the backend that was detached last
  uint64_t left_backend_ = 0;
};

}  // namespace qte::decoders
