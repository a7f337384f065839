#include "decoders/disk/block_devices.h"

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "base/hash.h"
#include "joins/saved.h"

namespace qte::decoders {
using namespace joins;
namespace {

using nlohmann::json;

// Marks front ends that are numbers, which several controllers may use. Pointers of a process stay below 2^47.
constexpr FrontEnd kShared = uint64_t{1} << 63;
constexpr FrontEnd kScsi = uint64_t{1} << 62;
// Marks units of a known controller: 8 bits of the target, 9 bits of the unit, and the controller's pointer without its
// lowest 3 bits.
constexpr FrontEnd kOfController = uint64_t{1} << 61;

// The same unit without its controller.
FrontEnd OfAnyController(FrontEnd front_end) {
  constexpr FrontEnd kWhole = kShared | kScsi | kOfController;
  if ((front_end & kWhole) != kWhole) return front_end;
  return ScsiUnit(front_end >> 53 & 0xff, front_end >> 44 & 0x1ff);
}

}  // namespace

FrontEnd FrontEndOf(uint64_t pointer) {
  return pointer & ~kShared;
}

FrontEnd AhciPort(uint64_t ahci, uint64_t port) {
  return (ahci ^ (port + 1) << 48) & ~kShared;
}

FrontEnd NvmeNamespace(uint64_t nsid) {
  return kShared | (nsid & UINT32_MAX);
}

FrontEnd ScsiUnit(uint64_t target, uint64_t lun, uint64_t controller) {
  if (controller != 0 && target <= 0xff && lun <= 0x1ff) {
    return kShared | kScsi | kOfController | target << 53 | lun << 44 | (controller >> 3 & ((uint64_t{1} << 44) - 1));
  }
  return kShared | kScsi | (target & 0xffff) << 32 | (lun & UINT32_MAX);
}

FrontEndText::FrontEndText(FrontEnd front_end) {
  if ((front_end & kShared) == 0) return;
  front_end = OfAnyController(front_end);
  auto low = static_cast<unsigned>(front_end & UINT32_MAX);
  int size = (front_end & kScsi) == 0 ? std::snprintf(text_.data(), text_.size(), "nsid %u", low)
                                      : std::snprintf(text_.data(), text_.size(), "target %u lun %u",
                                                      static_cast<unsigned>(front_end >> 32 & 0xffff), low);
  size_ = static_cast<size_t>(size);
}

void BlockDevices::Open(uint64_t node, const BlockNames::Opened& opened) {
  left_ = Left();
  names_.Open(node, opened);
}

// A move consists of two consecutive lines with the same child, at most 50 ms apart. If a new device is plugged in at
// the pointers of an unplugged one, it comes later.
void BlockDevices::Attach(const Edge& edge) {
  constexpr int64_t kLongestMoveUs = 50'000;
  const Edge& left = left_.edge;
  bool is_late = left.time_us != kNoTime && edge.time_us != kNoTime && edge.time_us - left.time_us > kLongestMoveUs;
  bool is_move = left.backend == edge.backend && left.child == edge.child && !is_late;
  names_.Attach(edge.backend, edge.node, is_move ? BlockNames::Attachment::kMove : BlockNames::Attachment::kNew);
  if (uint32_t id = backends_.Find(edge.backend); id != kNone) {
    Backend& entry = backends_[id];
    if (is_move) {
      static_cast<Learned&>(entry) = left_.learned;
    } else if (!Returns(entry, edge.node)) {
      Bury(edge.backend, entry);
    }
    entry.before_detach = Interface::kNone;
    entry.is_detached = false;
  }
  left_ = Left();
}

// IDE disks cannot be unplugged, so a detached one returns. Other disks can be unplugged, but a drive whose medium can
// be changed is read-only.
bool BlockDevices::Returns(const Backend& entry, uint64_t node) const {
  bool is_ide = entry.before_detach == Interface::kIde;
  return entry.is_detached && entry.may_return && (is_ide || names_.IsReadOnly(node));
}

// Ends the epoch of the backend. Everything learned about it becomes invalid unless this turns out to be a move.
void BlockDevices::Detach(const Edge& edge) {
  left_ = Left();
  left_.edge = edge;
  if (uint32_t id = backends_.Find(edge.backend); id != kNone) {
    Backend& entry = backends_[id];
    left_.learned = entry;
    entry.node = edge.node;
    if (entry.interface != Interface::kNone) entry.before_detach = entry.interface;
    entry.is_detached = true;
    entry.may_return = entry.before_detach == Interface::kIde ||
                       (entry.before_detach == Interface::kScsi && names_.IsReadOnly(edge.node));
    static_cast<Learned&>(entry) = Learned{.epoch = ++last_epoch_};
  }
  names_.Detach(edge.backend);
}

// From now on, this pointer belongs to another disk.
void BlockDevices::Bury(uint64_t backend, Backend& entry) {
  DropLabel(backend, entry);
  for (std::string* text : {&entry.name, &entry.told_file, &entry.qdev, &entry.serial}) SetText(*text, {});
  PointerText pointer = entry.text;
  static_cast<Standing&>(entry) = Standing();
  entry.text = pointer;
  entry.epoch = ++last_epoch_;
}

void BlockDevices::Reset() {
  names_.Clear();
  while (backends_.size() > 0) {
    Bury(backends_.PointerOf(backends_.oldest()), backends_[backends_.oldest()]);
    backends_.Erase(backends_.oldest());
  }
  front_ends_.Clear();
  left_ = Left();
}

BlockDevices::Backend& BlockDevices::BackendAt(uint64_t backend) {
  if (backends_.full() && backends_.Find(backend) == kNone) ForgetBackend();
  bool added = false;
  Backend& entry = backends_[backends_.FindOrAdd(backend, added)];
  if (added) {
    static_cast<Standing&>(entry) = Standing();
    entry.epoch = ++last_epoch_;
  }
  return entry;
}

void BlockDevices::ForgetBackend() {
  Bury(backends_.PointerOf(backends_.oldest()), backends_[backends_.oldest()]);
  backends_.Forget();
}

void BlockDevices::BoundTexts() {
  while (text_bytes_ > kMaxTextBytes && backends_.size() > 1) ForgetBackend();
}

BlockDevices::Link& BlockDevices::LinkAt(FrontEnd front_end) {
  bool added = false;
  Link& link = front_ends_[front_ends_.FindOrAdd(front_end, added)];
  if (added) link = Link();
  return link;
}

void BlockDevices::Use(const BlockIo& io, Target target) {
  Backend& entry = BackendAt(io.backend);
  if (entry.node != io.node) entry.looked_at = kNever;
  entry.node = io.node;
  entry.text.Assign(io.backend_text);
  entry.is_named_by_requests = entry.is_named_by_requests || target == Target::kByName;
}

void BlockDevices::Name(uint64_t backend, std::string_view name) {
  if (name.empty()) return;
  Backend& entry = BackendAt(backend);  // the newest
  if (entry.name == name) return;
  SetText(entry.name, name);
  if (entry.origin == Origin::kPointer) GiveLabel(backend, entry);
  BoundTexts();
}

void BlockDevices::Learn(FrontEnd front_end, BackendPointer pointer, Interface interface) {
  uint64_t backend = pointer.bits;
  Backend& entry = BackendAt(backend);
  if (entry.interface != Interface::kNone && entry.interface != interface) return;
  entry.interface = interface;
  entry.text.Assign(pointer.text);
  if (entry.label.empty() && HasName(backend)) GiveLabel(backend, entry);
  if (front_end == 0) return;
  Link& link = LinkAt(front_end);
  Known before = Resolve(link);
  bool gets_pointer = IsByName(before.backend) && !IsByName(backend);
  bool is_other = before.backend != 0 && before.backend != backend && !gets_pointer;
  link.ambiguous = link.ambiguous || (is_other && (front_end & kShared) != 0);
  link.backend = backend;
  link.epoch = entry.epoch;
}

uint64_t BlockDevices::BackendNamed(std::string_view drive, FrontEnd front_end, Interface interface) {
  uint64_t known = BackendOf(front_end).backend;
  uint32_t id = known == 0 ? kNone : backends_.Find(known);
  if (id != kNone && backends_[id].name == drive) return known;
  uint64_t backend = kByName | StableHash(drive);
  // The known backend may be this drive. An unknown name does not prove that there is a second backend.
  bool may_be_known = id != kNone && !IsByName(known) && backends_[id].name.empty();
  Learn(may_be_known ? 0 : front_end, {backend, {}}, interface);
  Name(backend, drive);
  return backend;
}

void BlockDevices::Join(FrontEnd front_end, FrontEnd other) {
  LinkAt(front_end).other = other;
}

BlockDevices::Known BlockDevices::Resolve(const Link& link) const {
  uint32_t id = link.backend == 0 || link.ambiguous ? kNone : backends_.Find(link.backend);
  if (id == kNone) return {};
  bool certain = backends_[id].epoch == link.epoch;
  if (!certain && !names_.IsAttached(link.backend)) return {};
  return {link.backend, certain};
}

BlockDevices::Known BlockDevices::BackendOf(FrontEnd front_end) const {
  uint32_t id = front_ends_.Find(front_end);
  Known known = id == kNone ? Known() : Resolve(front_ends_[id]);
  FrontEnd any = OfAnyController(front_end);
  if (any != front_end && known.backend == 0) return {.backend = BackendOf(any).backend, .certain = false};
  if (id == kNone) return {};
  if (known.certain || front_ends_[id].other == 0) return known;
  uint32_t other = front_ends_.Find(front_ends_[id].other);
  Known of_other = other == kNone ? Known() : Resolve(front_ends_[other]);
  return of_other.backend != 0 ? of_other : known;
}

uint64_t BlockDevices::OnlyBackendOf(FrontEnd front_end) const {
  constexpr int kMaxLooks = 1024;  // bounds the cost of one flush
  uint64_t backend = BackendOf(front_end).backend;
  if (!names_.IsAttached(backend)) return 0;
  int looks = 0;
  names_.ForEachAttached([&](uint64_t other) {
    uint32_t id = backends_.Find(other);
    bool is_known = id != kNone && (backends_[id].interface != Interface::kNone || backends_[id].is_read_by_qemu);
    if (++looks > kMaxLooks || (!is_known && other != backend)) backend = 0;
    return backend != 0;
  });
  return backend;
}

void BlockDevices::UseUnannounced(const BlockIo& io) {
  constexpr int64_t kProbeBytes = 4096;
  if (io.bytes <= kProbeBytes) return;
  Backend& entry = BackendAt(io.backend);
  entry.is_read_by_qemu = true;
}

Interface BlockDevices::InterfaceOf(uint64_t backend) const {
  uint32_t id = backends_.Find(backend);
  return id == kNone ? Interface::kNone : backends_[id].interface;
}

bool BlockDevices::IsNamedByRequests(uint64_t backend) const {
  uint32_t id = backends_.Find(backend);
  return id != kNone && backends_[id].is_named_by_requests;
}

// {"names", "backends": [[pointer, interface, before_detach, epoch, node, text, name, is_named_by_requests,
//  is_read_by_qemu, is_detached, may_return, label, origin, labelled_on, told_on, told_file, qdev, serial,
//  is_read_only], ...], "left": [child, backend, node, time_us, epoch, interface, is_named_by_requests,
//  is_read_by_qemu], "front_ends": [[front end, backend, epoch, ambiguous, other], ...], "last_epoch", "forgotten"}
json BlockDevices::Save() const {
  json backends = SaveRows(backends_, [](uint64_t pointer, const Backend& entry) {
    return json::array({pointer, entry.interface, entry.before_detach, entry.epoch, entry.node,
                        std::string(entry.text.view()), entry.name, entry.is_named_by_requests, entry.is_read_by_qemu,
                        entry.is_detached, entry.may_return, entry.label, entry.origin, entry.labelled_on,
                        entry.told_on, entry.told_file, entry.qdev, entry.serial, entry.is_read_only});
  });
  json front_ends = SaveRows(front_ends_, [](FrontEnd front_end, const Link& link) {
    return json::array({front_end, link.backend, link.epoch, link.ambiguous, link.other});
  });
  const auto& [edge, learned] = left_;
  return {{"names", names_.Save()},
          {"backends", std::move(backends)},
          {"left",
           {edge.child, edge.backend, edge.node, edge.time_us, learned.epoch, learned.interface,
            learned.is_named_by_requests, learned.is_read_by_qemu}},
          {"front_ends", std::move(front_ends)},
          {"last_epoch", last_epoch_},
          {"forgotten", backends_.forgotten() + front_ends_.forgotten()}};
}

void BlockDevices::Restore(const json& state) {
  names_.Restore(state.at("names"));
  for (const json& from : SavedList(state.at("backends"))) RestoreBackend(SavedRow(from, 19));
  const json::array_t& left = SavedRow(state.at("left"), 8);
  left_.edge = {SavedUnsigned(left[0]), SavedUnsigned(left[1]), SavedUnsigned(left[2]), SavedSigned(left[3])};
  left_.learned = {SavedUnsigned(left[4]), SavedEnum<Interface>(left[5]), SavedFlag(left[6]), SavedFlag(left[7])};
  for (const json& from : SavedList(state.at("front_ends"))) {
    const json::array_t& row = SavedRow(from, 5);
    Link& link = AddSaved(front_ends_, row[0]);
    link = {SavedUnsigned(row[1]), SavedUnsigned(row[2]), SavedFlag(row[3]), SavedUnsigned(row[4])};
  }
  last_epoch_ = SavedUnsigned(state.at("last_epoch"));
  front_ends_.set_forgotten(front_ends_.forgotten() + SavedUnsigned(state.at("forgotten")));
}

void BlockDevices::RestoreBackend(const json::array_t& row) {
  uint64_t backend = SavedUnsigned(row[0]);
  if (backends_.Find(backend) != kNone) throw std::runtime_error("saved state: the same pointer twice");
  Backend& entry = BackendAt(backend);
  entry.interface = SavedEnum<Interface>(row[1]);
  entry.before_detach = SavedEnum<Interface>(row[2]);
  entry.epoch = SavedUnsigned(row[3]);
  entry.node = SavedUnsigned(row[4]);
  entry.text = SavedPointerText(row[5]);
  SetText(entry.name, SavedText(row[6]));
  entry.is_named_by_requests = SavedFlag(row[7]);
  entry.is_read_by_qemu = SavedFlag(row[8]);
  entry.is_detached = SavedFlag(row[9]);
  entry.may_return = SavedFlag(row[10]);
  SetText(entry.label, SavedText(row[11]));
  entry.origin = SavedEnum<Origin>(row[12]);
  entry.labelled_on = SavedUnsigned(row[13]);
  entry.told_on = SavedUnsigned(row[14]);
  SetText(entry.told_file, SavedText(row[15]));
  SetText(entry.qdev, SavedText(row[16]));
  SetText(entry.serial, SavedText(row[17]));
  entry.is_read_only = SavedFlag(row[18]);
  bool added = false;
  if (!entry.label.empty() && !IsByName(backend)) labels_[labels_.FindOrAdd(HashBytes(entry.label), added)] = backend;
  BoundTexts();
}

}  // namespace qte::decoders
