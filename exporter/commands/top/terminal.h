// A terminal that is drawn on: its own screen, keys without Enter, no cursor. It is as before once this is gone, also
// where a signal ends or stops the program.
//
// Signals come as events, so a thread that is made after this does not get them either. On one thread.
#pragma once

#include <termios.h>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"
#include "commands/top/view.h"

namespace qte::commands::top {

// Takes the signals that end a program, as long as it lives, and shows them as a readable descriptor.
class EndSignals {
 public:
  EndSignals();
  ~EndSignals();
  EndSignals(const EndSignals&) = delete;
  EndSignals& operator=(const EndSignals&) = delete;

  int fd() const { return fd_.get(); }
  // The next signal; 0 if there is none.
  int Take() const;

 private:
  sigset_t before_{};
  UniqueFd fd_;
};

class Terminal {
 public:
  enum class Event { kNone, kTyped, kChanged, kEnd };

  // The error says why there can be no view, and what to do.
  static Status Check();
  static Result<std::unique_ptr<Terminal>> Open(const EndSignals& signals);
  ~Terminal();
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;

  Screen screen() const;
  void Show(const std::vector<Line>& lines);
  // Waits for keys, for a signal, or for `other` to become readable (kNone). kChanged: draw again, the size may have
  // changed. kEnd: a signal ends the program, or the terminal is gone.
  Event Wait(int other);
  // What has been typed and not taken.
  std::string& typed() { return typed_; }

 private:
  Terminal(UniqueFd input, const EndSignals& signals);
  void Enter();
  void Leave();
  Event AfterSignal(int signal);

  UniqueFd input_;
  const EndSignals& signals_;
  const bool has_colours_;
  termios before_{};
  std::string typed_;
};

}  // namespace qte::commands::top
