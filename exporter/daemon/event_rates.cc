#include "daemon/event_rates.h"

namespace qte::daemon {

void EventRates::Sample(Clock::time_point now, const std::vector<guests::SeenEvent>& events) {
  Point point{now, {}};
  for (const guests::SeenEvent& event : events) point.counts[event.name] = event.count;
  Append(std::move(point));
}

void EventRates::Repeat(Clock::time_point now) {
  if (points_.empty()) return;
  Point last = points_.back();
  if (last.time < now - kWindow) Append({now - kWindow, last.counts});
  Append({now, std::move(last.counts)});
}

void EventRates::Append(Point point) {
  const Clock::time_point now = point.time;
  points_.push_back(std::move(point));
  // One point older than the window stays: rates span it whole.
  while (points_.size() > 2 && now - points_[1].time >= kWindow) points_.pop_front();
}

double EventRates::RateOf(const guests::SeenEvent& event, Clock::time_point now) const {
  if (points_.empty()) return 0;
  const Point& oldest = points_.front();
  double seconds = std::chrono::duration<double>(now - oldest.time).count();
  if (seconds <= 0) return 0;
  auto before = oldest.counts.find(event.name);
  uint64_t start = before == oldest.counts.end() ? 0 : before->second;
  return event.count < start ? 0 : static_cast<double>(event.count - start) / seconds;
}

}  // namespace qte::daemon
