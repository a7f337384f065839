// The disks behind the front ends: which backend a front end's requests go to, and the name of its disk.
//
// A front end has its own name for a disk (a FrontEnd below). The backend of a front end is learned from a request for
// which both are known. It is valid until the backend is detached from its node, because the pointer of an unplugged
// device can be reused by another device. A backend that is moved to another node at once, as by a snapshot or a block
// job, is still the same disk. After a change of medium the backend comes back. Until it is learned again, the previous
// knowledge is the best guess. NVMe namespaces and SCSI units are numbers that several controllers may use at once; in
// that case they do not identify a disk. A SCSI unit whose controller is known also has an unambiguous name.
//
// A disk keeps one label while it exists: the image that it had at its first request, or else QEMU's name of the disk,
// or else its pointer. If two disks have the same image, the label of the later one carries a number. An image that
// QEMU reports by QMP replaces a label that is wrong or not an image. All tables are bounded; the least recently used
// entry is dropped.
#pragma once

#include <array>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "decoders/decoder.h"
#include "decoders/disk/block_names.h"
#include "decoders/disk/dma_requests.h"
#include "decoders/disk/interface.h"
#include "joins/pointer_table.h"
#include "joins/pointer_text.h"

namespace qte::decoders {

// A front end's name for a disk, as one number; 0 means none.
using FrontEnd = uint64_t;

// For a virtio device or an IDEState.
FrontEnd FrontEndOf(uint64_t pointer);
FrontEnd AhciPort(uint64_t ahci, uint64_t port);
FrontEnd NvmeNamespace(uint64_t nsid);
// `controller` is a pointer, or 0 if the log does not show it.
FrontEnd ScsiUnit(uint64_t target, uint64_t lun, uint64_t controller = 0);
// "nsid 1" or "target 0 lun 0"; empty for front ends that are pointers.
class FrontEndText {
 public:
  explicit FrontEndText(FrontEnd front_end);
  std::string_view view() const { return {text_.data(), size_}; }

 private:
  std::array<char, 48> text_{};
  size_t size_ = 0;
};

class BlockDevices {
 public:
  // Limit for all texts of backends together: room for 65,536 texts of 128 bytes.
  static constexpr size_t kMaxTextBytes = size_t{8} << 20;

  explicit BlockDevices(size_t max_names)
      : names_(max_names), backends_(max_names), labels_(max_names), front_ends_(max_names) {}

  void Open(uint64_t node, const BlockNames::Opened& opened);
  // `child` is the QEMU object that connects both; a move does not change it.
  struct Edge {
    uint64_t child = 0;
    uint64_t backend = 0;
    uint64_t node = 0;
    int64_t time_us = joins::kNoTime;
  };
  void Attach(const Edge& edge);
  void Detach(const Edge& edge);
  void Reset();

  const BlockNames& names() const { return names_; }
  // Learns what QEMU reports by QMP about the disk that a probe identified.
  void Tell(const Drive& drive);
  // True if it has not learned the current state of this drive. For a drive without name and file: if it lacks any
  // disk.
  bool Lacks(const Drive& drive) const;
  // Records a request of the backend. `by_name` says that the request itself names the backend; SCSI requests do not.
  enum class Target { kByName, kOther };
  void Use(const BlockIo& io, Target target = Target::kOther);
  // Learns QEMU's own name of the backend, as in -drive id=NAME.
  void Name(uint64_t backend, std::string_view name);
  // Learns that `front_end`, if it is not 0, reaches the backend with this pointer and text. The backend keeps its
  // first interface until it is detached. A request that shows another interface is a wrong match and is ignored.
  struct BackendPointer {
    uint64_t bits;
    std::string_view text;
  };
  void Learn(FrontEnd front_end, BackendPointer pointer, Interface interface);
  // The backend that `front_end` reaches and QEMU calls `drive`. If its pointer is unknown, a number made from the name
  // replaces it.
  uint64_t BackendNamed(std::string_view drive, FrontEnd front_end, Interface interface);
  // Learns that `front_end` is the same disk as `other`.
  void Join(FrontEnd front_end, FrontEnd other);

  struct Known {
    uint64_t backend = 0;  // 0 if there is none
    bool certain = false;
  };
  Known BackendOf(FrontEnd front_end) const;
  // The same, but 0 while another backend is possible: an attached one whose front end is unknown or, if the log began
  // late, one that the log does not show.
  uint64_t OnlyBackendOf(FrontEnd front_end) const;
  // Records a request that no front end announced. QEMU reads the backend itself, for firmware or ATAPI.
  void UseUnannounced(const BlockIo& io);
  // kNone if it is unknown or no longer valid.
  Interface InterfaceOf(uint64_t backend) const;
  // True if requests name the backend themselves; see Use.
  bool IsNamedByRequests(uint64_t backend) const;
  // Returns the disk's label and fixes it from now on. Empty if the backend is unknown. Valid until the next change.
  std::string_view LabelOf(uint64_t backend);
  // The label if there is one, otherwise the future label without its number.
  std::string_view PeekLabel(uint64_t backend) const;
  // A description for users: "/a.img, nvme". Empty if nothing is known.
  std::string Explain(uint64_t backend) const;
  // The label if it is an image, otherwise empty.
  std::string_view ImageLabelOf(uint64_t backend);
  // True if the label is, or would be, more than the pointer.
  bool HasName(uint64_t backend) const;

  // What is currently known about a disk.
  struct Info {
    Interface interface = Interface::kNone;
    std::string_view label;
    BlockNames::Image image;
    std::string_view name;
    std::string_view qdev;
    std::string_view serial;
    std::string_view is_read_only;  // "true", "false", or empty if unknown
  };
  // Calls visit(info) for each disk that is not unplugged and whose front end is known.
  template <class Visit>
  void ForEachInfo(Visit&& visit) const {
    for (uint32_t id = backends_.oldest(); id != kNone; id = backends_.newer(id)) {
      Info info = InfoOf(id);
      if (info.interface != Interface::kNone) visit(info);
    }
  }

  // Calls visit(interface, backend) for each backend whose front end is known or was known before it was detached.
  template <class Visit>
  void ForEachDisk(Visit&& visit) const {
    for (uint32_t id = backends_.oldest(); id != kNone; id = backends_.newer(id)) {
      const Backend& entry = backends_[id];
      Interface interface = entry.interface != Interface::kNone ? entry.interface : entry.before_detach;
      if (interface != Interface::kNone) visit(interface, backends_.PointerOf(id));
    }
  }

  uint64_t forgotten() const { return names_.forgotten() + backends_.forgotten() + front_ends_.forgotten(); }

  // As Decoder has them, but that Restore adds to what is empty, and leaves a part behind when it throws.
  nlohmann::json Save() const;
  void Restore(const nlohmann::json& state);

 private:
  static constexpr uint32_t kNone = FlatIndex::kNone;

  // Origins of a label, best last.
  enum class Origin : uint8_t { kNone, kPointer, kName, kImage, kLast = kImage };
  static constexpr uint64_t kNever = UINT64_MAX;
  // Knowledge from requests. It is valid until the backend leaves its node for longer than a move.
  struct Learned {
    uint64_t epoch = 0;                      // changes at each detach
    Interface interface = Interface::kNone;  // the last one that used the backend
    bool is_named_by_requests = false;
    bool is_read_by_qemu = false;  // QEMU reads more of it than to probe its format
  };
  struct Standing : Learned {
    Interface before_detach = Interface::kNone;  // the one that used it, while it stands on no node
    uint64_t node = 0;                           // the node of its latest request
    bool is_detached = false;                    // it has left its node
    bool may_return = false;                     // with a new medium; otherwise it was unplugged
    joins::PointerText text;                     // its pointer
    Origin origin = Origin::kNone;               // of the label
    uint64_t labelled_on = 0;                    // the node where it got the label
    uint64_t looked_at = kNever;                 // names_.changes() when it was found to have no image
    uint64_t told_on = 0;                        // the node for which Tell() was called last; 0 if never
    bool is_read_only = false;                   // from Tell()
  };
  // Texts keep their memory when a slot is reused for another disk.
  struct Backend : Standing {
    std::string label;
    std::string name;  // from Name(), or empty
    // From Tell().
    std::string told_file;
    std::string qdev;
    std::string serial;
  };
  // The backend that was detached in the previous line of the block layer.
  struct Left {
    Edge edge;
    Learned learned;
  };
  struct Link {
    uint64_t backend = 0;
    uint64_t epoch = 0;      // the backend's epoch when this was learned
    bool ambiguous = false;  // several backends have this name
    FrontEnd other = 0;      // another name of the same disk
  };

  // Backends known by name only.
  static constexpr uint64_t kByName = uint64_t{1} << 63;
  static bool IsByName(uint64_t backend) { return (backend & kByName) != 0; }

  Backend& BackendAt(uint64_t backend);
  void RestoreBackend(const nlohmann::json::array_t& row);
  void SetText(std::string& text, std::string_view to) { SetCounted(text, to, text_bytes_); }
  void Bury(uint64_t backend, Backend& entry);
  void ForgetBackend();
  void BoundTexts();
  bool Returns(const Backend& entry, uint64_t node) const;
  Info InfoOf(uint32_t id) const;
  BlockNames::Image ImageOf(uint32_t id) const;
  void GiveLabel(uint64_t backend, Backend& entry);
  void MakeLabel(uint64_t backend, std::string_view wanted);
  void DropLabel(uint64_t backend, Backend& entry);
  Link& LinkAt(FrontEnd front_end);
  Known Resolve(const Link& link) const;

  BlockNames names_;
  joins::PointerTable<Backend> backends_;
  joins::PointerTable<uint64_t> labels_;  // the label's owner, by the label's hash
  joins::PointerTable<Link> front_ends_;
  size_t text_bytes_ = 0;
  std::string label_;  // result of MakeLabel
  uint64_t last_epoch_ = 0;
  Left left_;
};

}  // namespace qte::decoders
