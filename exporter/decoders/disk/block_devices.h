// The disks behind the front ends: which backend a front end's requests go to, and the name of its disk.
//
// A front end calls a disk by a name of its own (a FrontEnd below). Which backend that is, is learned from a request of
// which both are known, and holds until the backend is detached from its node: an unplugged device's pointer may be
// another device's next. A backend that is moved to another node at once, as by a snapshot or a block job, is the same
// disk as before. After a change of medium the backend comes back, so what was known stays as the best guess until it
// is learned again. NVMe namespaces and SCSI units are numbers that several controllers may use at once: then they name
// no disk. A SCSI unit whose controller is known has a name of its own beside that number.
//
// A disk has one label as long as it exists: the image that it had at its first request, else QEMU's name of it, else
// its pointer. Of two disks with one image, the later one's label carries a number. What QEMU says by QMP replaces a
// label that was no image, or a wrong one. Bounded; the least recently used entry gives way.
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

// What a front end calls a disk, as one number; 0 is none.
using FrontEnd = uint64_t;

// A virtio device, an IDEState.
FrontEnd FrontEndOf(uint64_t pointer);
FrontEnd AhciPort(uint64_t ahci, uint64_t port);
FrontEnd NvmeNamespace(uint64_t nsid);
// `controller` is a pointer, or 0 where the log does not tell it.
FrontEnd ScsiUnit(uint64_t target, uint64_t lun, uint64_t controller = 0);
// "nsid 1", "target 0 lun 0"; empty for those that are pointers.
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
  // Of all texts of backends together; room for 65,536 of 128 bytes.
  static constexpr size_t kMaxTextBytes = size_t{8} << 20;

  explicit BlockDevices(size_t max_names)
      : names_(max_names), backends_(max_names), labels_(max_names), front_ends_(max_names) {}

  void Open(uint64_t node, const BlockNames::Opened& opened);
  // `child` is what connects both; a move leaves it as it is.
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
  // What QEMU says by QMP of the disk that a probe has shown.
  void Tell(const Drive& drive);
  // Whether it has not been told of this drive as it is now; of one without a name and a file: of some disk.
  bool Lacks(const Drive& drive) const;
  // A request of the backend was seen; and if `by_name`, one that names it itself, as a SCSI request does not.
  enum class Target { kByName, kOther };
  void Use(const BlockIo& io, Target target = Target::kOther);
  // QEMU's own name of the backend, as in -drive id=NAME.
  void Name(uint64_t backend, std::string_view name);
  // `front_end`, if it is not 0, reaches the backend of this pointer and text. What the backend's interface is known to
  // be stays so until it is detached: then a request that tells another is mistaken, and teaches nothing.
  struct BackendPointer {
    uint64_t bits;
    std::string_view text;
  };
  void Learn(FrontEnd front_end, BackendPointer pointer, Interface interface);
  // The backend that `front_end` reaches and QEMU calls `drive`. Where no pointer of it is known, a number stands for
  // one: that of the name.
  uint64_t BackendNamed(std::string_view drive, FrontEnd front_end, Interface interface);
  // `front_end` is the same disk as `other`.
  void Join(FrontEnd front_end, FrontEnd other);

  struct Known {
    uint64_t backend = 0;  // 0 if there is none
    bool certain = false;
  };
  Known BackendOf(FrontEnd front_end) const;
  // The same, but 0 as long as another backend may be meant: one that is attached and whose front end is not known, or,
  // in a log that began late, one that it does not show.
  uint64_t OnlyBackendOf(FrontEnd front_end) const;
  // A request that no front end announced was seen: QEMU reads the backend itself, as it does firmware, or for ATAPI.
  void UseUnannounced(const BlockIo& io);
  // kNone if it is not known, or not any more.
  Interface InterfaceOf(uint64_t backend) const;
  // Whether requests name it themselves; see Use.
  bool IsNamedByRequests(uint64_t backend) const;
  // The disk's label, which it has from now on; empty if nothing is known of the backend. Valid until the next change.
  std::string_view LabelOf(uint64_t backend);
  // The label if there is one, else what it would be but for its number.
  std::string_view PeekLabel(uint64_t backend) const;
  // For people: "/a.img, nvme"; empty if nothing is known.
  std::string Explain(uint64_t backend) const;
  // The label if it is an image, else empty.
  std::string_view ImageLabelOf(uint64_t backend);
  // Whether the label is, or would be, more than the pointer.
  bool HasName(uint64_t backend) const;

  // What is known of a disk now.
  struct Info {
    Interface interface = Interface::kNone;
    std::string_view label;
    BlockNames::Image image;
    std::string_view name;
    std::string_view qdev;
    std::string_view serial;
    std::string_view is_read_only;  // "true", "false", or empty if it is not known
  };
  // Calls visit(info) for each disk whose front end is known and that was not unplugged.
  template <class Visit>
  void ForEachInfo(Visit&& visit) const {
    for (uint32_t id = backends_.oldest(); id != kNone; id = backends_.newer(id)) {
      Info info = InfoOf(id);
      if (info.interface != Interface::kNone) visit(info);
    }
  }

  // Calls visit(interface, backend) for each backend whose front end is known, or was until it was detached.
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

  // Where a label comes from, the best last.
  enum class Origin : uint8_t { kNone, kPointer, kName, kImage, kLast = kImage };
  static constexpr uint64_t kNever = UINT64_MAX;
  // What is learned from requests, and holds until the backend leaves its node for longer than a move.
  struct Learned {
    uint64_t epoch = 0;                      // another one after each detach
    Interface interface = Interface::kNone;  // that used it last
    bool is_named_by_requests = false;
    bool is_read_by_qemu = false;  // more of it than a probe of its format reads
  };
  struct Standing : Learned {
    Interface before_detach = Interface::kNone;  // that used it, as long as it stands on no node
    uint64_t node = 0;                           // of its latest request
    bool is_detached = false;                    // it has left its node
    bool may_return = false;                     // to a new medium; else it was unplugged
    joins::PointerText text;                     // its pointer
    Origin origin = Origin::kNone;               // of the label
    uint64_t labelled_on = 0;                    // the node where it got the label
    uint64_t looked_at = kNever;                 // names_.changes() when it was found to have no image
    uint64_t told_on = 0;                        // the node where Tell() was told of it; 0 if it was not
    bool is_read_only = false;                   // by Tell()
  };
  // Texts keep their memory from one disk to the next.
  struct Backend : Standing {
    std::string label;
    std::string name;  // by Name(), else empty
    // By Tell().
    std::string told_file;
    std::string qdev;
    std::string serial;
  };
  // The backend that was detached in the line of the block layer before.
  struct Left {
    Edge edge;
    Learned learned;
  };
  struct Link {
    uint64_t backend = 0;
    uint64_t epoch = 0;      // of the backend when it was learned
    bool ambiguous = false;  // several backends are called so
    FrontEnd other = 0;      // another name of the same disk
  };

  // Backends of which only the name is known.
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
  joins::PointerTable<uint64_t> labels_;  // whose it is, by the label's hash
  joins::PointerTable<Link> front_ends_;
  size_t text_bytes_ = 0;
  std::string label_;  // that MakeLabel made
  uint64_t last_epoch_ = 0;
  Left left_;
};

}  // namespace qte::decoders
