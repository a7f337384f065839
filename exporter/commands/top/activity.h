// What VMs and their disks do: rates and latencies between two answers of /metrics.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "commands/top/samples.h"

namespace qte::commands::top {

// Durations that ended between two answers, as a classic histogram counts them.
struct Latency {
  double count = 0;
  double sum = 0;                    // seconds
  std::map<double, double> up_to{};  // observations of at most so many seconds, by bound

  // Nothing without observations. As Prometheus' histogram_quantile does, it interpolates between two bounds.
  std::optional<double> Quantile(double quantile) const;
  std::optional<double> Mean() const;
  Latency& operator+=(const Latency& other);
};

// Rates of a VM or a disk. All but `in_flight` are per second.
struct Figures {
  double events = 0;      // of a VM alone
  double keystrokes = 0;  // of a VM alone
  double reads = 0;
  double writes = 0;
  double flushes = 0;
  double unmaps = 0;
  double read_bytes = 0;
  double written_bytes = 0;
  double errors = 0;
  double in_flight = 0;
  Latency read{};
  Latency write{};
  Latency flush{};

  Figures& operator+=(const Figures& other);
};

struct Item {
  std::string vm;    // "vm1"; "rack1/vm1" where a source has more labels
  std::string disk;  // empty for a VM
  Figures figures;
};

struct Activity {
  std::vector<Item> vms{};
  std::vector<Item> disks{};
  double seconds = 0;          // what rates are over; 0 in the first answer, which has none
  double unread_bytes = 0;     // of logs
  bool is_exporters = false;   // false: something else has answered
  bool has_durations = false;  // any request so far has one
};

// Reads one answer after the other and keeps what it needs of the last one.
class ActivityMeter {
 public:
  using Clock = std::chrono::steady_clock;
  Activity Read(std::string_view text, Clock::time_point at);

 private:
  // By how much a counter has grown. One that has become smaller began anew; a new one began at 0.
  double Growth(const Sample& sample);

  std::unordered_map<std::string, double> before_;
  std::unordered_map<std::string, double> now_;
  std::optional<Clock::time_point> before_at_;
};

}  // namespace qte::commands::top
