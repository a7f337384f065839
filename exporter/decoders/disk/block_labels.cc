// The labels of disks, and what is known about each disk; see block_devices.h.
#include <string>

#include "base/hash.h"
#include "decoders/disk/block_devices.h"

namespace qte::decoders {

// The image of a backend. It is empty if the backend is attached to a node that was opened before the log began. If the
// log has no attachments, the backend's requests show the node.
BlockNames::Image BlockDevices::ImageOf(uint32_t id) const {
  uint64_t backend = backends_.PointerOf(id);
  const Backend& entry = backends_[id];
  if (names_.IsAttached(backend)) return names_.ImageOf(backend);
  return entry.node == 0 || entry.is_detached ? BlockNames::Image() : names_.ImageOfNode(entry.node);
}

std::string_view BlockDevices::LabelOf(uint64_t backend) {
  uint32_t id = backends_.Find(backend);
  if (id == kNone) return names_.ImageOf(backend).file;
  Backend& entry = backends_[id];
  names_.Use(backend, entry.node);
  backends_.MakeNewest(id);
  if (entry.label.empty()) GiveLabel(backend, entry);
  return entry.label;
}

std::string_view BlockDevices::ImageLabelOf(uint64_t backend) {
  uint32_t id = backends_.Find(backend);
  if (id == kNone && names_.ImageOf(backend).file.empty()) return {};
  Backend& entry = id == kNone ? BackendAt(backend) : backends_[id];
  if (entry.label.empty()) {
    if (entry.looked_at == names_.changes()) return {};
    if (id != kNone && ImageOf(id).file.empty()) {
      entry.looked_at = names_.changes();
      return {};
    }
    GiveLabel(backend, entry);
  }
  names_.Use(backend, entry.node);
  if (id != kNone) backends_.MakeNewest(id);
  return entry.origin == Origin::kImage ? std::string_view(entry.label) : std::string_view();
}

std::string_view BlockDevices::PeekLabel(uint64_t backend) const {
  uint32_t id = backends_.Find(backend);
  if (id == kNone) return names_.ImageOf(backend).file;
  const Backend& entry = backends_[id];
  if (!entry.label.empty()) return entry.label;
  std::string_view file = ImageOf(id).file;
  if (!file.empty()) return file;
  return entry.name.empty() ? entry.text.view() : std::string_view(entry.name);
}

bool BlockDevices::HasName(uint64_t backend) const {
  uint32_t id = backends_.Find(backend);
  if (id == kNone) return !names_.ImageOf(backend).file.empty();
  return backends_[id].origin > Origin::kPointer || !backends_[id].name.empty() || !ImageOf(id).file.empty();
}

// Makes the label that the disk would get now.
void BlockDevices::GiveLabel(uint64_t backend, Backend& entry) {
  DropLabel(backend, entry);
  std::string_view file = ImageOf(backends_.Find(backend)).file;
  std::string_view wanted = !file.empty()         ? file
                            : !entry.name.empty() ? std::string_view(entry.name)
                                                  : entry.text.view();
  entry.origin = !file.empty() ? Origin::kImage : !entry.name.empty() ? Origin::kName : Origin::kPointer;
  entry.labelled_on = names_.NodeOf(backend);
  // A backend known by name only may be the same as one known by its pointer.
  if (wanted.empty() || IsByName(backend)) return SetText(entry.label, wanted);
  MakeLabel(backend, wanted);
  SetText(entry.label, label_);
  uint64_t hash = HashBytes(entry.label);
  bool added = false;
  uint64_t& holder = labels_[labels_.FindOrAdd(hash, added)];
  uint32_t other = added || holder == backend ? kNone : backends_.Find(holder);
  holder = backend;
  if (other != kNone) SetText(backends_[other].label, {});
  BoundTexts();
}

// An unplugged disk frees its label for other disks.
void BlockDevices::MakeLabel(uint64_t backend, std::string_view wanted) {
  constexpr int kMostAlike = 1000;
  label_ = wanted;
  for (int number = 2; number <= kMostAlike; ++number) {
    uint32_t at = labels_.Find(HashBytes(label_));
    if (at == kNone || labels_[at] == backend) return;
    uint32_t holder = backends_.Find(labels_[at]);
    if (holder == kNone || (backends_[holder].is_detached && !backends_[holder].may_return)) return;
    label_ = wanted;
    label_.append("#").append(std::to_string(number));
  }
}

void BlockDevices::DropLabel(uint64_t backend, Backend& entry) {
  if (entry.label.empty()) return;
  uint32_t at = labels_.Find(HashBytes(entry.label));
  if (at != kNone && labels_[at] == backend) labels_.Erase(at);
  SetText(entry.label, {});
  entry.origin = Origin::kNone;
}

BlockDevices::Info BlockDevices::InfoOf(uint32_t id) const {
  const Backend& entry = backends_[id];
  if (entry.is_detached && !entry.may_return) return {};
  return {.interface = entry.is_detached ? entry.before_detach : entry.interface,
          .label = PeekLabel(backends_.PointerOf(id)),
          .image = ImageOf(id),
          .name = entry.name,
          .qdev = entry.qdev,
          .serial = entry.serial,
          .is_read_only = entry.told_on == 0   ? ""
                          : entry.is_read_only ? "true"
                                               : "false"};
}

// Replaces a label that is not an image, or that is a wrong image of the same node.
void BlockDevices::Tell(const Drive& drive) {
  uint64_t backend = drive.backend.bits;
  bool is_another = false;
  if (uint32_t id = backends_.Find(backend); id != kNone) {
    Backend& known = backends_[id];
    is_another = known.told_on != 0 && known.qdev != drive.qdev;
    if (is_another) Bury(backend, known);
  }
  std::string before(names_.ImageOf(backend).file);
  names_.Tell(backend, drive.node, {drive.file, drive.format});
  Backend& entry = BackendAt(backend);
  entry.text.Assign(drive.backend.text());
  SetText(entry.name, drive.name);
  SetText(entry.told_file, drive.file);
  SetText(entry.qdev, drive.qdev);
  SetText(entry.serial, drive.serial);
  entry.is_read_only = drive.is_read_only;
  entry.told_on = drive.node;
  entry.looked_at = kNever;
  bool was_wrong = entry.labelled_on == drive.node && names_.ImageOf(backend).file != before;
  if (!entry.label.empty() && (entry.origin != Origin::kImage || was_wrong)) GiveLabel(backend, entry);
  BoundTexts();
}

std::string BlockDevices::Explain(uint64_t backend) const {
  std::string text(PeekLabel(backend));
  Interface interface = InterfaceOf(backend);
  if (!text.empty() && interface != Interface::kNone) text += ", " + std::string(NameOf(interface));
  return text;
}

bool BlockDevices::Lacks(const Drive& drive) const {
  const bool is_any = drive.file.empty() && drive.qdev.empty() && drive.name.empty();
  for (uint32_t id = backends_.oldest(); id != kNone; id = backends_.newer(id)) {
    const Backend& entry = backends_[id];
    uint64_t backend = backends_.PointerOf(id);
    if (entry.is_detached || IsByName(backend)) continue;
    bool is_told = entry.told_on != 0 && entry.told_on == names_.NodeOf(backend);
    if (is_any && !is_told && entry.interface != Interface::kNone) return true;
    bool is_it = entry.qdev == drive.qdev && entry.name == drive.name && entry.told_file == drive.file;
    if (!is_any && is_told && is_it) return false;
  }
  return !is_any;
}

}  // namespace qte::decoders
