// What QEMU's block layer told about its objects: which backend stands on which node, and which image that is.
//
// Pointers are QEMU's own and are reused at once; QEMU logs neither the end of a node nor the making of a filter, which
// a block job puts between a backend and its node. So the name of a node may be that of another one, which was there
// before. A device is attached to nodes that were opened, so the latest name holds. A backend that is moved from one
// node to another (see Attach) may be moved to a filter: it takes the node's name only if that node is known to be
// alive: it was opened since the backend moved last and nobody has left it, somebody stands on it or has left it right
// before, or it carried this backend before. Else the backend keeps the image that it had. Each of the two tables is
// bounded, and their texts in bytes as well; the least recently used entry gives way.
#pragma once

#include <cstddef>
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "joins/pointer_table.h"

namespace qte::decoders {

// Short texts are assigned, which allocates nothing once warm; a long one's memory does not stay with its owner. `bytes`
// is the size of all texts that are counted together.
void SetCounted(std::string& text, std::string_view to, size_t& bytes);

class BlockNames {
 public:
  // Of all texts together; room for 65,536 of 128 bytes.
  static constexpr size_t kMaxTextBytes = size_t{8} << 20;

  explicit BlockNames(size_t max_names) : nodes_(max_names), attached_(max_names) {}

  struct Opened {
    std::string_view file;
    uint64_t flags = 0;  // BDRV_O_*
    std::string_view format;
  };
  // Of a node without a file (null-co, for one), the file is empty.
  void Open(uint64_t node, const Opened& opened);
  // `is_move` is true where the backend has just left another node for this one.
  enum class Attachment { kNew, kMove };
  void Attach(uint64_t backend, uint64_t node, Attachment kind);
  void Detach(uint64_t backend);
  void Clear();

  // The file and the format that a backend shows, or a node was opened with; empty if they are not known. Valid until
  // the next change.
  struct Image {
    std::string_view file;
    std::string_view format;
  };
  Image ImageOf(uint64_t backend) const;
  Image ImageOfNode(uint64_t node) const;
  // QEMU said by QMP what the backend stands on.
  void Tell(uint64_t backend, uint64_t node, const Image& image);

  // Goes up with each event of the graph.
  uint64_t changes() const { return changes_; }
  // Nodes and backends that gave way to others.
  uint64_t forgotten() const { return nodes_.forgotten() + attached_.forgotten(); }

  // As Decoder has them, but that Restore adds to names that are empty, and leaves a part behind when it throws.
  nlohmann::json Save() const;
  void Restore(const nlohmann::json& state);

  // Calls visit(backend) for those that are attached, until it returns false.
  template <class Visit>
  void ForEachAttached(Visit&& visit) const {
    uint32_t id = attached_.oldest();
    while (id != kNone && visit(attached_.PointerOf(id))) id = attached_.newer(id);
  }
  bool IsAttached(uint64_t backend) const { return attached_.Find(backend) != kNone; }
  // False as long as no attachment was seen, be it that the log began late.
  bool knows_attachments() const { return attached_.size() > 0; }
  // True for a node that was opened for reading alone, as a CD-ROM's is.
  bool IsReadOnly(uint64_t node) const;
  // The node that a backend stands on, 0 if that is not known.
  uint64_t NodeOf(uint64_t backend) const;
  // Keeps the backend, and the node that it stands on or else `node`, from being forgotten.
  void Use(uint64_t backend, uint64_t node) {
    if (attached_.is_crowded() || nodes_.is_crowded()) MakeNewest(backend, node);
  }

 private:
  static constexpr uint32_t kNone = FlatIndex::kNone;

  struct Node {
    std::string file;
    std::string format;
    bool is_read_only = false;
    uint64_t opened = 0;    // when, as a count of changes
    uint64_t left = 0;      // when a backend left it last, 0 for never since it was opened
    uint64_t backend = 0;   // that came or left last
    uint64_t backends = 0;  // that stand on it
  };
  struct Attached {
    uint64_t node = 0;
    uint64_t moved = 0;  // when, as a count of changes; 0 for never
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

  joins::PointerTable<Node> nodes_;         // a free slot's texts are empty
  joins::PointerTable<Attached> attached_;  // by backend; the same
  size_t text_bytes_ = 0;
  uint64_t changes_ = 0;    // of the graph so far
  std::string drive_file_;  // that was opened last for a drive itself, not as what backs another
  Attached left_;           // of the backend that was detached last
  uint64_t left_backend_ = 0;
};

}  // namespace qte::decoders
