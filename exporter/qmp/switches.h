// The trace events of one QEMU: switches on what is needed, and off again what it switched on itself.
//
// Each event is asked for before it is touched. One that is on already was switched on by somebody else and stays so,
// whatever happens; one that this QEMU does not have is left out. The argument `vcpu`, gone since QEMU 9.1, is not
// used.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "qmp/connection.h"

namespace qte::qmp {

class Switches {
 public:
  // What failed, or nothing. The connection has been greeted and taken into command mode.
  std::optional<Failure> SwitchOn(Connection& connection, const std::vector<std::string>& events);
  // Switches off what was switched on here and is not among `needed`, the last first: what begins a request comes after
  // what ends it, so few are left open.
  std::optional<Failure> SwitchOffBut(Connection& connection, const std::set<std::string>& needed);

  // Events that this object switched on, in that order.
  const std::vector<std::string>& ours() const { return ours_; }
  void set_ours(std::vector<std::string> events) { ours_ = std::move(events); }
  // Of those asked for, the ones that are on, and that this QEMU does not have.
  const std::set<std::string>& on() const { return on_; }
  const std::set<std::string>& missing() const { return missing_; }

 private:
  enum class State { kOn, kOff, kMissing };

  static State StateIn(const Connection::Answer& answer, const std::string& event);
  std::optional<Failure> SwitchOneOn(Connection& connection, const std::string& event);
  std::optional<Failure> Set(Connection& connection, const std::string& event, bool on);

  std::vector<std::string> ours_;
  std::set<std::string> on_;
  std::set<std::string> missing_;
};

}  // namespace qte::qmp
