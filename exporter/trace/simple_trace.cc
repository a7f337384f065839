#include "trace/simple_trace.h"

#include <algorithm>
#include <array>
#include <charconv>

namespace qte::trace {
namespace {

constexpr uint64_t kHeaderId = UINT64_MAX;
constexpr uint64_t kDroppedId = UINT64_MAX - 1;
constexpr uint64_t kMagic = 0xf2b177cb0aa429b4;
constexpr uint64_t kVersion = 4;
constexpr uint64_t kNameEntry = 0;
constexpr uint64_t kRecordEntry = 1;

constexpr size_t kTypeBytes = 8;
constexpr size_t kHeaderBytes = 24;              // its id, which stands where others have a type; magic; version
constexpr size_t kNameHeadBytes = 20;            // type, id, length of the name
constexpr size_t kRecordHeadBytes = 24;          // id, time, length of the record with these, process id
constexpr size_t kLongestName = 256;             // in QEMU 7.2: 52
constexpr size_t kLongestRecord = 256 << 10;     // QEMU's buffer for all of them
constexpr size_t kMostEvents = size_t{1} << 16;  // QEMU 7.2 has 5,777, and numbers them from 0 on

bool IsName(std::string_view name) {
  return std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  });
}

void AppendDecimal(uint64_t number, size_t digits, std::string& line) {
  std::array<char, 20> text;
  const auto size =
      static_cast<size_t>(std::to_chars(text.data(), text.data() + text.size(), number).ptr - text.data());
  line.append(digits - std::min(digits, size), '0').append(text.data(), size);
}

// "4711@86400.182800:"
void AppendPrefix(uint32_t pid, std::chrono::microseconds time, std::string& line) {
  constexpr uint64_t kMicros = 1'000'000;
  constexpr size_t kMicroDigits = 6;
  const auto micros = static_cast<uint64_t>(std::max<int64_t>(time.count(), 0));
  AppendDecimal(pid, 1, line);
  line += '@';
  AppendDecimal(micros / kMicros, 1, line);
  line += '.';
  AppendDecimal(micros % kMicros, kMicroDigits, line);
  line += ':';
}

}  // namespace

Error SimpleTrace::Damaged(const std::string& what) const {
  return Error{"damaged simpletrace data at byte " + std::to_string(offset_) + ": " + what};
}

Status SimpleTrace::Read(std::string_view bytes, std::string& lines) {
  // An entry that the last piece cut in two is completed in rest_. All others are read in place.
  while (!bytes.empty() || !rest_.empty()) {
    const size_t held = rest_.size();
    constexpr size_t kStep = 4096;
    const size_t added = held == 0 ? 0 : std::min(bytes.size(), kStep);
    rest_.append(bytes.substr(0, added));
    const std::string_view at = held == 0 ? bytes : std::string_view(rest_);
    Result<size_t> size = ReadEntry(at, lines);
    if (!size) return Error{size.error()};
    offset_ += *size;
    if (held == 0) {
      if (*size == 0) rest_ = bytes;
      bytes.remove_prefix(*size == 0 ? bytes.size() : *size);
      if (*size == 0) return {};
    } else if (*size == 0) {
      bytes.remove_prefix(added);
      if (bytes.empty()) return {};
    } else {
      // An entry ends behind what was held, or it would have been read before.
      bytes.remove_prefix(*size - held);
      rest_.clear();
    }
  }
  return {};
}

Status SimpleTrace::Finish() const {
  if (rest_.empty() && offset_ > 0) return {};
  return Error{"simpletrace data ends early, in the entry at byte " + std::to_string(offset_)};
}

Result<size_t> SimpleTrace::ReadEntry(std::string_view bytes, std::string& lines) {
  if (bytes.size() < kTypeBytes) return 0;
  const uint64_t type = Stored64(bytes.data(), order_);
  if (type == kHeaderId) return ReadHeader(bytes);  // the first, and of a trace that was appended to another
  if (offset_ == 0) return Damaged("no header");
  if (type == kNameEntry) return ReadName(bytes);
  if (type == kRecordEntry) return ReadRecord(bytes, lines);
  return Damaged("an entry of type " + std::to_string(type) + ", which is neither 0 (a name) nor 1 (a record)");
}

Result<size_t> SimpleTrace::ReadHeader(std::string_view bytes) {
  if (bytes.size() < kHeaderBytes) return 0;
  const char* magic = bytes.data() + kTypeBytes;
  if (Stored64(magic, ByteOrder::kOwn) == kMagic) {
    order_ = ByteOrder::kOwn;
  } else if (Stored64(magic, ByteOrder::kSwapped) == kMagic) {
    order_ = ByteOrder::kSwapped;
  } else {
    return Damaged("a header without its magic number");
  }
  const uint64_t version = Stored64(magic + sizeof kMagic, order_);
  if (version != kVersion) {
    return Error{"simpletrace data of version " + std::to_string(version) + ", and only version 4 can be read"};
  }
  events_.clear();
  return kHeaderBytes;
}

Result<size_t> SimpleTrace::ReadName(std::string_view bytes) {
  if (bytes.size() < kNameHeadBytes) return 0;
  const uint64_t id = Stored64(bytes.data() + kTypeBytes, order_);
  const size_t size = Stored32(bytes.data() + kTypeBytes + sizeof id, order_);
  if (id >= kMostEvents) return Damaged("an event with the id " + std::to_string(id) + ", over the limit of 65,535");
  if (size == 0) return Damaged("an event with no name");
  if (size > kLongestName)
    return Damaged("an event's name of " + std::to_string(size) + " bytes, over the limit of 256");
  if (bytes.size() < kNameHeadBytes + size) return 0;
  const std::string_view name = bytes.substr(kNameHeadBytes, size);
  if (!IsName(name)) return Damaged("an event's name with other bytes than letters, digits and underscores");
  if (id >= events_.size()) events_.resize(id + 1);
  Event& event = events_[id];
  event = {std::string(name), false, {}};
  if (const EventDeclaration* declared = catalog_.Find(name)) {
    event.is_declared = true;
    for (const Variant& variant : declared->variants) {
      if (Result<FormatPrinter> printer = FormatPrinter::Compile(variant.declaration)) {
        event.printers.push_back(std::move(*printer));
      }
    }
  }
  return kNameHeadBytes + size;
}

Result<size_t> SimpleTrace::ReadRecord(std::string_view bytes, std::string& lines) {
  if (bytes.size() < kTypeBytes + kRecordHeadBytes) return 0;
  Record record;
  const char* p = bytes.data() + kTypeBytes;
  record.id = Stored64(p, order_);
  record.time_ns = Stored64(p += sizeof record.id, order_);
  const size_t size = Stored32(p += sizeof record.time_ns, order_);
  record.pid = Stored32(p + sizeof record.pid, order_);
  if (size < kRecordHeadBytes || size > kLongestRecord) {
    return Damaged("a record of " + std::to_string(size) + " bytes, which is not between 24 and 262,144");
  }
  if (bytes.size() < kTypeBytes + size) return 0;
  record.payload = bytes.substr(kTypeBytes + kRecordHeadBytes, size - kRecordHeadBytes);
  constexpr uint64_t kNanosInMicro = 1000;
  last_time_ = std::chrono::microseconds(static_cast<int64_t>(record.time_ns / kNanosInMicro));
  if (record.id == kDroppedId) {
    if (Status taken = TakeDropped(record); !taken) return Error{taken.error()};
  } else if (record.id >= kMostEvents) {
    return Damaged("a record of an event with the id " + std::to_string(record.id) + ", over the limit of 65,535");
  } else {
    Print(record, lines);
  }
  return kTypeBytes + size;
}

Status SimpleTrace::TakeDropped(const Record& record) {
  if (record.payload.size() != sizeof dropped_events_) return Damaged("dropped events without their number");
  const uint64_t dropped = Stored64(record.payload.data(), order_);
  dropped_events_ += std::min(dropped, UINT64_MAX - dropped_events_);
  return {};
}

void SimpleTrace::Print(const Record& record, std::string& lines) {
  AppendPrefix(record.pid, *last_time_ + clock_offset_, lines);
  PrintEvent(record, lines);
  lines += '\n';
}

void SimpleTrace::PrintEvent(const Record& record, std::string& lines) const {
  if (record.id >= events_.size() || events_[record.id].name.empty()) {
    // QEMU may load a module, and its events, after it has written the names. The line counts as not_an_event.
    lines += "(event " + std::to_string(record.id) + ", which the file does not name)";
    return;
  }
  const Event& event = events_[record.id];
  (lines += event.name) += ' ';
  if (!event.is_declared) return;
  for (const FormatPrinter& printer : event.printers) {
    if (printer.Print(record.payload, order_, lines)) return;
  }
  lines += "(" + std::to_string(record.payload.size()) + " bytes of arguments, which match no declaration)";
}

}  // namespace qte::trace
