// The disks behind the front ends: which backend a front end's requests go to, and the name of its image.
//
// A front end calls a disk by a name of its own (a FrontEnd below). Which backend that is, is learned from a request of
// which both are known, and holds until the backend is detached from its node: an unplugged device's pointer may be
// another device's next. After a snapshot or a change of medium the backend comes back, so what was known stays as the
// best guess until it is learned again. NVMe namespaces and SCSI units are numbers that several controllers may use at
// once: then they name no disk. A SCSI unit whose controller is known has a name of its own beside that number.
// Bounded; the least recently used entry gives way.
#pragma once

#include <array>
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

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
  // Of all names by Name() together; room for 65,536 of 128 bytes.
  static constexpr size_t kMaxNameBytes = size_t{8} << 20;

  explicit BlockDevices(size_t max_names) : names_(max_names), backends_(max_names), front_ends_(max_names) {}

  void Open(uint64_t node, std::string_view filename) { names_.Open(node, filename); }
  void Attach(uint64_t backend, uint64_t node);
  void Detach(uint64_t backend);
  void Reset();

  const BlockNames& names() const { return names_; }
  // As in BlockNames.
  uint64_t NodeOf(uint64_t backend) { return names_.NodeOf(backend); }
  std::string_view FileOf(uint64_t node) { return names_.FileOf(node); }
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
  // The image's file name, else QEMU's own name of the backend, else its pointer as text; empty if none is known. Valid
  // until the next change.
  std::string_view NameOf(uint64_t backend);
  // The same, but that it is no use which keeps an entry from being forgotten.
  std::string_view PeekName(uint64_t backend) const;
  // Whether that is more than the pointer.
  bool HasName(uint64_t backend) const;

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

  struct Backend {
    Interface interface = Interface::kNone;      // that used it last
    Interface before_detach = Interface::kNone;  // that did, as long as it stands on no node
    uint64_t epoch = 0;                          // another one after each detach
    uint64_t node = 0;                           // of its latest request
    bool is_named_by_requests = false;
    bool is_read_by_qemu = false;  // more of it than a probe of its format reads
    joins::PointerText text;       // its pointer
    std::string name;              // by Name(), else empty
  };
  struct Link {
    uint64_t backend = 0;
    uint64_t epoch = 0;      // of the backend when it was learned
    bool ambiguous = false;  // several backends are called so
    FrontEnd other = 0;      // another name of the same disk
  };

  Backend& BackendAt(uint64_t backend);
  void SetName(Backend& entry, std::string_view name);
  void ForgetBackend();
  Link& LinkAt(FrontEnd front_end);
  Known Resolve(const Link& link) const;

  BlockNames names_;
  joins::PointerTable<Backend> backends_;
  joins::PointerTable<Link> front_ends_;
  size_t name_bytes_ = 0;
  uint64_t last_epoch_ = 0;
};

}  // namespace qte::decoders
