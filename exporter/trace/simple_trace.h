// Reads binary traces of QEMU's `simple` backend, format version 4, and makes of each record the line that QEMU's log
// backend prints for the event: "4711@86400.182800:ps2_put_keycode 0x55a7f0e0 keycode 0x34". So everything behind it
// knows nothing of the format.
//
// In: the bytes of a file, in pieces of any size. A file is a header and then entries, each with a type first: names of
// events by id, and records. Numbers are in the byte order of the host that ran QEMU. The declarations of the catalog
// tell how arguments are stored. An event with several declarations is printed by the first whose layout fits.
//
// Times are those of the host's monotonic clock and have no date; see `clock_offset`. The number before '@' is the
// process id, for records hold no thread id.
//
// Damage is an error that names the offset; nothing is read after it. Memory is bounded: no name is longer than 256
// bytes, no record than 256 KiB, which is the size of QEMU's own buffer, and ids are below 65,536.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "trace/catalog.h"
#include "trace/format_printer.h"

namespace qte::trace {

class SimpleTrace {
 public:
  // `clock_offset` is added to each record's time. The catalog must outlive this object.
  explicit SimpleTrace(const Catalog& catalog, std::chrono::microseconds clock_offset = {})
      : catalog_(catalog), clock_offset_(clock_offset) {}

  // Appends the lines of all records that end in these bytes.
  Status Read(std::string_view bytes, std::string& lines);
  // The file has ended: an error if an entry has not.
  Status Finish() const;

  // Events that QEMU could not store because its buffer was full.
  uint64_t dropped_events() const { return dropped_events_; }
  // The time of the last record, without the offset; none before the first.
  std::optional<std::chrono::microseconds> last_time() const { return last_time_; }

 private:
  struct Event {
    std::string name;  // empty: the file names none by this id
    bool is_declared = false;
    std::vector<FormatPrinter> printers;  // one for each declaration
  };
  struct Record {
    uint64_t id = 0;
    uint64_t time_ns = 0;
    uint32_t pid = 0;
    std::string_view payload;
  };

  // Each reads an entry at the start of `bytes` and returns its size, 0 if it does not end there.
  Result<size_t> ReadEntry(std::string_view bytes, std::string& lines);
  Result<size_t> ReadHeader(std::string_view bytes);
  Result<size_t> ReadName(std::string_view bytes);
  Result<size_t> ReadRecord(std::string_view bytes, std::string& lines);
  Status TakeDropped(const Record& record);
  void Print(const Record& record, std::string& lines);
  void PrintEvent(const Record& record, std::string& lines) const;
  Error Damaged(const std::string& what) const;

  const Catalog& catalog_;
  const std::chrono::microseconds clock_offset_;
  ByteOrder order_ = ByteOrder::kOwn;
  std::string rest_;           // of the bytes so far: the start of an entry
  uint64_t offset_ = 0;        // of that entry in the file
  std::vector<Event> events_;  // by id
  uint64_t dropped_events_ = 0;
  std::optional<std::chrono::microseconds> last_time_;
};

}  // namespace qte::trace
