// The page at "/": what this daemon is doing, at a glance, as plain HTML, dark or light as the browser asks.
//
// A pure function from figures to a page. It says all it has to say by itself; where scripts may run, those of
// live/ put charts in place of the table of rates and keep the rest up to date. The page forbids the browser to ask
// anybody but this daemon. All texts are escaped, so paths and errors may hold anything.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/warning.h"

namespace qte::page {

struct LandingPage {
  struct Source {
    std::string path;
    bool up = false;
    std::string error;
    uint64_t offset = 0;
    uint64_t size = 0;
  };
  struct Event {
    std::string name;
    uint64_t count = 0;
    double rate_per_second = 0;
    bool used = false;
  };
  // What is going on now: a rate or a mean that is not 0.
  struct Activity {
    std::string what;
    std::string source;
    std::string device;
    double value = 0;
    std::string unit;  // "1/s", "B/s" or "s"
  };
  std::string version;
  std::string metrics_path = "/metrics";
  std::string config_file;
  std::string config_hash;
  bool last_reload_successful = true;
  bool ready = false;
  std::string progress;  // while not ready: "12.5 of 50.0 MB (25 %)"
  uint64_t lines = 0;
  uint64_t series = 0;
  std::vector<Warning> warnings;
  std::vector<Activity> activities;
  std::vector<Source> sources;
  std::vector<Event> events;  // the busiest first
};

std::string ToHtml(const LandingPage& page);

}  // namespace qte::page
