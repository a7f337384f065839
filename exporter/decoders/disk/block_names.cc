#include "decoders/disk/block_names.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "decoders/disk/image_name.h"
#include "joins/saved.h"

namespace qte::decoders {
using namespace joins;
namespace {

using nlohmann::json;

// Values of BDRV_O_* in QEMU 5.2 to 11.1.
constexpr uint64_t kReadWrite = 0x2;
constexpr uint64_t kTemporary = 0x10;
constexpr size_t kMaxFormatBytes = 64;
constexpr uint64_t kAutoReadOnly = 0x20000;  // set for nodes that -drive opens, but not for their backing files

}  // namespace

void SetCounted(std::string& text, std::string_view to, size_t& bytes) {
  constexpr size_t kKeptBytes = 256;
  bytes += to.size() - text.size();
  if (text.capacity() > kKeptBytes) text = std::string();
  text = to;
}

// With snapshot=on, QEMU opens the user's image and then a temporary file over it. The name of the temporary file is
// useless, so the image's name is kept.
void BlockNames::Open(uint64_t node, const Opened& opened) {
  ++changes_;
  left_backend_ = 0;
  std::string buffer;
  std::string_view file = PlainImageName(opened.file, buffer);
  if ((opened.flags & kTemporary) != 0 && !drive_file_.empty()) {
    file = drive_file_;
  } else if ((opened.flags & kAutoReadOnly) != 0) {
    SetText(drive_file_, file);
  }
  Node& entry = NodeAt(node);
  SetText(entry.file, file);
  SetText(entry.format, opened.format.substr(0, kMaxFormatBytes));
  entry.is_read_only = (opened.flags & kReadWrite) == 0;
  entry.opened = changes_;
  entry.left = entry.backend = entry.backends = 0;
  BoundTexts();
}

BlockNames::Node& BlockNames::NodeAt(uint64_t node) {
  uint32_t id = nodes_.Find(node);
  if (id == kNone) {
    if (nodes_.full()) ForgetNode();
    id = nodes_.Add(node);
    Node& added = nodes_[id];
    added.is_read_only = false;
    added.opened = added.left = added.backend = added.backends = 0;
  }
  nodes_.MakeNewest(id);
  return nodes_[id];
}

BlockNames::Attached& BlockNames::AttachedAt(uint64_t backend) {
  uint32_t id = attached_.Find(backend);
  if (id == kNone) {
    if (attached_.full()) ForgetAttached();
    id = attached_.Add(backend);
    attached_[id].node = attached_[id].moved = 0;
  }
  attached_.MakeNewest(id);
  return attached_[id];
}

bool BlockNames::IsAlive(const Node& node, uint64_t backend, uint64_t moved) const {
  constexpr uint64_t kRightBefore = 2;  // not 1: the backend that moves leaves its own node in between
  if (node.backends > 0 || node.backend == backend) return true;
  return node.left == 0 ? node.opened > moved : changes_ - node.left <= kRightBefore;
}

void BlockNames::Attach(uint64_t backend, uint64_t node, Attachment kind) {
  ++changes_;
  const bool is_move = kind == Attachment::kMove && left_backend_ == backend;
  uint32_t from = nodes_.Find(node);
  if (is_move && from != kNone && !IsAlive(nodes_[from], backend, left_.moved)) {
    ClearNode(from);
    nodes_.Erase(from);
    from = kNone;
  }
  Attached& entry = AttachedAt(backend);
  entry.node = node;
  entry.moved = is_move ? changes_ : 0;
  Image image;
  if (from != kNone) {
    Node& carrier = nodes_[from];
    nodes_.MakeNewest(from);
    carrier.backend = backend;
    ++carrier.backends;
    image = {carrier.file, carrier.format};
  } else if (is_move) {
    image = {left_.file, left_.format};
  }
  SetText(entry.file, image.file);
  SetText(entry.format, image.format);
  left_backend_ = 0;
  BoundTexts();
}

void BlockNames::Detach(uint64_t backend) {
  ++changes_;
  left_backend_ = 0;
  uint32_t id = attached_.Find(backend);
  if (id == kNone) return;
  const Attached& entry = attached_[id];
  if (uint32_t from = nodes_.Find(entry.node); from != kNone) {
    Node& node = nodes_[from];
    node.left = changes_;
    node.backend = backend;
    if (node.backends > 0) --node.backends;
  }
  left_backend_ = backend;
  left_.node = entry.node;
  left_.moved = entry.moved;
  SetText(left_.file, entry.file);
  SetText(left_.format, entry.format);
  ClearAttached(id);
  attached_.Erase(id);
}

void BlockNames::ClearNode(uint32_t id) {
  SetText(nodes_[id].file, {});
  SetText(nodes_[id].format, {});
}

void BlockNames::ClearAttached(uint32_t id) {
  SetText(attached_[id].file, {});
  SetText(attached_[id].format, {});
}

void BlockNames::ForgetNode() {
  ClearNode(nodes_.oldest());
  nodes_.Forget();
}

void BlockNames::ForgetAttached() {
  ClearAttached(attached_.oldest());
  attached_.Forget();
}

void BlockNames::BoundTexts() {
  while (text_bytes_ > kMaxTextBytes && nodes_.size() > 1) ForgetNode();
  while (text_bytes_ > kMaxTextBytes && attached_.size() > 1) ForgetAttached();
}

void BlockNames::Clear() {
  while (nodes_.size() > 0) {
    ClearNode(nodes_.oldest());
    nodes_.Erase(nodes_.oldest());
  }
  while (attached_.size() > 0) {
    ClearAttached(attached_.oldest());
    attached_.Erase(attached_.oldest());
  }
  SetText(drive_file_, {});
  left_backend_ = 0;
}

BlockNames::Image BlockNames::ImageOf(uint64_t backend) const {
  uint32_t id = attached_.Find(backend);
  return id == kNone ? Image() : Image{attached_[id].file, attached_[id].format};
}

BlockNames::Image BlockNames::ImageOfNode(uint64_t node) const {
  uint32_t id = nodes_.Find(node);
  return id == kNone ? Image() : Image{nodes_[id].file, nodes_[id].format};
}

bool BlockNames::IsReadOnly(uint64_t node) const {
  uint32_t id = nodes_.Find(node);
  return id != kNone && nodes_[id].is_read_only;
}

uint64_t BlockNames::NodeOf(uint64_t backend) const {
  uint32_t id = attached_.Find(backend);
  return id == kNone ? 0 : attached_[id].node;
}

void BlockNames::MakeNewest(uint64_t backend, uint64_t node) {
  if (uint32_t id = attached_.Find(backend); id != kNone) {
    attached_.MakeNewest(id);
    node = attached_[id].node;
  }
  if (uint32_t id = nodes_.Find(node); id != kNone) nodes_.MakeNewest(id);
}

// The name from the log stays if it means the same image, or if the new name is the temporary file of snapshot=on; see
// Open.
void BlockNames::Tell(uint64_t backend, uint64_t node, const Image& image) {
  std::string buffer;
  std::string_view file = PlainImageName(image.file, buffer);
  Attached& entry = AttachedAt(backend);
  bool was_attached = entry.node == node;
  bool is_right = was_attached && (IsSameImage(entry.file, file) || (IsTemporaryImage(file) && !entry.file.empty()));
  if (!is_right) SetText(entry.file, file);
  SetText(entry.format, image.format.substr(0, kMaxFormatBytes));
  entry.node = node;
  Node& carrier = NodeAt(node);
  SetText(carrier.file, entry.file);
  SetText(carrier.format, entry.format);
  if (!was_attached) ++carrier.backends;
  carrier.backend = backend;
  carrier.left = 0;
  BoundTexts();
}

// {"nodes": [[node, file, format, is_read_only, opened, left, backend, backends], ...],
//  "attached": [[backend, node, moved, file, format], ...], "drive_file", "changes", "forgotten"}
json BlockNames::Save() const {
  json nodes = SaveRows(nodes_, [](uint64_t pointer, const Node& node) {
    return json::array(
        {pointer, node.file, node.format, node.is_read_only, node.opened, node.left, node.backend, node.backends});
  });
  json attached = SaveRows(attached_, [](uint64_t pointer, const Attached& entry) {
    return json::array({pointer, entry.node, entry.moved, entry.file, entry.format});
  });
  return {{"nodes", std::move(nodes)},
          {"attached", std::move(attached)},
          {"left", {left_backend_, left_.node, left_.moved, left_.file, left_.format}},
          {"drive_file", drive_file_},
          {"changes", changes_},
          {"forgotten", forgotten()}};
}

void BlockNames::Restore(const json& state) {
  for (const json& from : SavedList(state.at("nodes"))) {
    const json::array_t& row = SavedRow(from, 8);
    uint64_t pointer = SavedUnsigned(row[0]);
    if (nodes_.Find(pointer) != kNone) throw std::runtime_error("saved state: the same pointer twice");
    Node& node = NodeAt(pointer);
    SetText(node.file, SavedText(row[1]));
    SetText(node.format, SavedText(row[2]));
    node.is_read_only = SavedFlag(row[3]);
    node.opened = SavedUnsigned(row[4]);
    node.left = SavedUnsigned(row[5]);
    node.backend = SavedUnsigned(row[6]);
    node.backends = SavedUnsigned(row[7]);
    BoundTexts();
  }
  for (const json& from : SavedList(state.at("attached"))) {
    const json::array_t& row = SavedRow(from, 5);
    uint64_t pointer = SavedUnsigned(row[0]);
    if (attached_.Find(pointer) != kNone) throw std::runtime_error("saved state: the same pointer twice");
    Attached& entry = AttachedAt(pointer);
    entry.node = SavedUnsigned(row[1]);
    entry.moved = SavedUnsigned(row[2]);
    SetText(entry.file, SavedText(row[3]));
    SetText(entry.format, SavedText(row[4]));
    BoundTexts();
  }
  const json::array_t& left = SavedRow(state.at("left"), 5);
  left_backend_ = SavedUnsigned(left[0]);
  left_.node = SavedUnsigned(left[1]);
  left_.moved = SavedUnsigned(left[2]);
  SetText(left_.file, SavedText(left[3]));
  SetText(left_.format, SavedText(left[4]));
  SetText(drive_file_, SavedText(state.at("drive_file")));
  changes_ = SavedUnsigned(state.at("changes"));
  nodes_.set_forgotten(nodes_.forgotten() + SavedUnsigned(state.at("forgotten")));
}

}  // namespace qte::decoders
