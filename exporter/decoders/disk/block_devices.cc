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

// Numbers of front ends that several controllers may use. Pointers of a process stay below 2^47.
constexpr FrontEnd kShared = uint64_t{1} << 63;
constexpr FrontEnd kScsi = uint64_t{1} << 62;
// Of those, units of a controller that is known: 8 bits of the target, 9 of the unit, and a pointer without the 3
// lowest.
constexpr FrontEnd kOfController = uint64_t{1} << 61;
// Backends of which only the name is known.
constexpr uint64_t kByName = uint64_t{1} << 63;

// The same unit, of whichever controller.
FrontEnd OfAnyController(FrontEnd front_end) {
  constexpr FrontEnd kWhole = kShared | kScsi | kOfController;
  if ((front_end & kWhole) != kWhole) return front_end;
  return ScsiUnit(front_end >> 53 & 0xff, front_end >> 44 & 0x1ff);
}

bool IsByName(uint64_t backend) {
  return (backend & kByName) != 0;
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

void BlockDevices::Attach(uint64_t backend, uint64_t node) {
  names_.Attach(backend, node);
  uint32_t id = backends_.Find(backend);
  if (id != kNone) backends_[id].before_detach = Interface::kNone;
}

// The epoch ends, so what was learned of the backend holds no more.
void BlockDevices::Detach(uint64_t backend) {
  uint32_t id = backends_.Find(backend);
  if (id != kNone) {
    Backend& entry = backends_[id];
    entry.node = names_.NodeOf(backend);
    if (entry.interface != Interface::kNone) entry.before_detach = entry.interface;
    entry.interface = Interface::kNone;
    entry.epoch = ++last_epoch_;
    entry.is_named_by_requests = false;
    entry.is_read_by_qemu = false;
    SetName(entry, {});
  }
  names_.Detach(backend);
}

void BlockDevices::Reset() {
  names_.Clear();
  while (backends_.size() > 0) {
    SetName(backends_[backends_.oldest()], {});
    backends_.Erase(backends_.oldest());
  }
  front_ends_.Clear();
}

BlockDevices::Backend& BlockDevices::BackendAt(uint64_t backend) {
  if (backends_.full() && backends_.Find(backend) == kNone) ForgetBackend();
  bool added = false;
  Backend& entry = backends_[backends_.FindOrAdd(backend, added)];
  if (added) {
    entry = Backend();
    entry.epoch = ++last_epoch_;
  }
  return entry;
}

void BlockDevices::ForgetBackend() {
  SetName(backends_[backends_.oldest()], {});
  backends_.Forget();
}

void BlockDevices::SetName(Backend& entry, std::string_view name) {
  name_bytes_ += name.size() - entry.name.size();
  entry.name = std::string(name);
}

BlockDevices::Link& BlockDevices::LinkAt(FrontEnd front_end) {
  bool added = false;
  Link& link = front_ends_[front_ends_.FindOrAdd(front_end, added)];
  if (added) link = Link();
  return link;
}

void BlockDevices::Use(const BlockIo& io, Target target) {
  Backend& entry = BackendAt(io.backend);
  entry.node = io.node;
  entry.text.Assign(io.backend_text);
  entry.is_named_by_requests = entry.is_named_by_requests || target == Target::kByName;
}

void BlockDevices::Name(uint64_t backend, std::string_view name) {
  if (name.empty()) return;
  Backend& entry = BackendAt(backend);  // the newest
  if (entry.name != name) SetName(entry, name);
  while (name_bytes_ > kMaxNameBytes && backends_.size() > 1) ForgetBackend();
}

void BlockDevices::Learn(FrontEnd front_end, BackendPointer pointer, Interface interface) {
  uint64_t backend = pointer.bits;
  Backend& entry = BackendAt(backend);
  if (entry.interface != Interface::kNone && entry.interface != interface) return;
  entry.interface = interface;
  entry.text.Assign(pointer.text);
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
  // The known backend may be this drive: that its name is not known is no sign of a second one.
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
  constexpr int kMaxLooks = 1024;  // what one flush can cost
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

// An unplug may detach the backend before its requests end, so its node is remembered.
std::string_view BlockDevices::NameOf(uint64_t backend) {
  uint64_t node = names_.NodeOf(backend);
  if (node != 0) names_.FileOf(node);
  return PeekName(backend);
}

std::string_view BlockDevices::PeekName(uint64_t backend) const {
  uint32_t id = backends_.Find(backend);
  uint64_t node = names_.PeekNode(backend);
  if (node == 0 && id != kNone) node = backends_[id].node;
  std::string_view file = node == 0 ? std::string_view() : names_.PeekFile(node);
  if (!file.empty()) return file;
  if (id == kNone) return {};
  return backends_[id].name.empty() ? backends_[id].text.view() : std::string_view(backends_[id].name);
}

bool BlockDevices::HasName(uint64_t backend) const {
  uint32_t id = backends_.Find(backend);
  if (id != kNone && !backends_[id].name.empty()) return true;
  uint64_t node = names_.PeekNode(backend);
  if (node == 0 && id != kNone) node = backends_[id].node;
  return node != 0 && !names_.PeekFile(node).empty();
}

// {"names", "backends": [[pointer, interface, before_detach, epoch, node, text, name,
//  is_named_by_requests, is_read_by_qemu], ...],
//  "front_ends": [[front end, backend, epoch, ambiguous, other], ...], "last_epoch", "forgotten"}
json BlockDevices::Save() const {
  json backends = SaveRows(backends_, [](uint64_t pointer, const Backend& entry) {
    return json::array({pointer, entry.interface, entry.before_detach, entry.epoch, entry.node,
                        std::string(entry.text.view()), entry.name, entry.is_named_by_requests, entry.is_read_by_qemu});
  });
  json front_ends = SaveRows(front_ends_, [](FrontEnd front_end, const Link& link) {
    return json::array({front_end, link.backend, link.epoch, link.ambiguous, link.other});
  });
  return {{"names", names_.Save()},
          {"backends", std::move(backends)},
          {"front_ends", std::move(front_ends)},
          {"last_epoch", last_epoch_},
          {"forgotten", backends_.forgotten() + front_ends_.forgotten()}};
}

void BlockDevices::Restore(const json& state) {
  names_.Restore(state.at("names"));
  for (const json& from : SavedList(state.at("backends"))) {
    const json::array_t& row = SavedRow(from, 9);
    uint64_t backend = SavedUnsigned(row[0]);
    if (backends_.Find(backend) != kNone) throw std::runtime_error("saved state: the same pointer twice");
    Backend& entry = BackendAt(backend);
    entry.interface = SavedEnum<Interface>(row[1]);
    entry.before_detach = SavedEnum<Interface>(row[2]);
    entry.epoch = SavedUnsigned(row[3]);
    entry.node = SavedUnsigned(row[4]);
    entry.text = SavedPointerText(row[5]);
    SetName(entry, SavedText(row[6]));
    entry.is_named_by_requests = SavedFlag(row[7]);
    entry.is_read_by_qemu = SavedFlag(row[8]);
    while (name_bytes_ > kMaxNameBytes && backends_.size() > 1) ForgetBackend();
  }
  for (const json& from : SavedList(state.at("front_ends"))) {
    const json::array_t& row = SavedRow(from, 5);
    Link& link = AddSaved(front_ends_, row[0]);
    link = {SavedUnsigned(row[1]), SavedUnsigned(row[2]), SavedFlag(row[3]), SavedUnsigned(row[4])};
  }
  last_epoch_ = SavedUnsigned(state.at("last_epoch"));
  front_ends_.set_forgotten(front_ends_.forgotten() + SavedUnsigned(state.at("forgotten")));
}

}  // namespace qte::decoders
