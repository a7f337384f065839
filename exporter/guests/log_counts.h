// What the files of one log have given, over its rotations: for the metrics by source.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <nlohmann/json_fwd.hpp>
#include <optional>

#include "guests/own_counts.h"
#include "trace/prefix.h"

namespace qte::guests {

// The last prefix that held a time; read when somebody asks. Within a batch it is only pointed at.
struct LastStamp {
  std::array<char, 64> text{};
  trace::Prefix prefix;
  const char* in_batch = nullptr;
  bool is_new = false;  // since somebody has asked by this flag

  void Keep(const char* line) {
    std::memcpy(text.data(), line, std::min<size_t>(prefix.size, text.size()));
    in_batch = nullptr;
    is_new = true;
  }
  // Microseconds since the epoch; nothing where no prefix held a time.
  std::optional<int64_t> Time() const;
};

struct LogCounts {
  uint64_t lines = 0;
  UnparsedCounts unparsed{};
  std::optional<int64_t> restored_event_us;  // of the last event before a restart
  LastStamp last_stamp;

  std::optional<int64_t> LastEventTime() const {
    const std::optional<int64_t> last = last_stamp.Time();
    return last ? last : restored_event_us;
  }
};

// {"lines", "unparsed": {reason: count}, "last_event_us" or null}
nlohmann::json ToJson(const LogCounts& counts);
LogCounts LogCountsFromJson(const nlohmann::json& from);

}  // namespace qte::guests
