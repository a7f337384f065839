#include "guests/log_counts.h"

#include <nlohmann/json.hpp>
#include <string>

namespace qte::guests {

using nlohmann::json;

std::optional<int64_t> LastStamp::Time() const {
  if (prefix.kind == trace::PrefixKind::kNone) return std::nullopt;
  return trace::ReadTime({text.data(), text.size()}, prefix);
}

json ToJson(const LogCounts& counts) {
  const std::optional<int64_t> last = counts.LastEventTime();
  return {{"lines", counts.lines},
          {"unparsed", UnparsedToJson(counts.unparsed)},
          {"last_event_us", last ? json(*last) : json()}};
}

LogCounts LogCountsFromJson(const json& from) {
  LogCounts counts;
  from.at("lines").get_to(counts.lines);
  counts.unparsed = UnparsedFromJson(from.at("unparsed"));
  if (const json& last = from.at("last_event_us"); !last.is_null()) counts.restored_event_us = last.get<int64_t>();
  return counts;
}

}  // namespace qte::guests
