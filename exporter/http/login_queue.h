// Whose password is checked next.
//
// bcrypt is slow on purpose, so one password is checked at a time, and few clients may wait. An address that has tried
// often recently waits behind one that has not, and if the queue is full it loses its place to it. So guesses from any
// number of addresses do not keep out a client that logs in now and then. A correct password clears its address, and an
// address that one has come from goes before all others, unless it has tried often recently.
//
// Turns are taken on the server's threads, several at once.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/hash.h"

namespace qte::http {

class LoginQueue {
 public:
  static constexpr size_t kMostWaiting = 8;  // the one whose password is being checked included
  static constexpr size_t kMostOfAnAddress = 4;
  static constexpr size_t kMostAddresses = 1024;  // whose attempts are remembered
  static constexpr size_t kMostTrusted = 1024;    // that a correct password has come from

  // A client's time in the queue, from its request to the end of the check.
  class Turn {
   public:
    // Returns once it is the client's turn, or once the client has to come back later.
    Turn(LoginQueue& queue, const std::string& address);
    ~Turn();
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;

    bool has_come() const { return state_ == State::kHasTurn; }
    // The password was correct.
    void Succeed();
    // Keeps the turn for a while, unless the queue is closed.
    void Pause(std::chrono::steady_clock::duration time);

   private:
    friend class LoginQueue;
    enum class State { kWaits, kHasTurn, kRefused };

    LoginQueue& queue_;
    const std::string address_;
    int attempts_ = 0;             // of the address before this one; -1 where it is trusted
    State state_ = State::kWaits;  // guarded by the queue's mutex_ while it waits
  };

  // Addresses that a correct password has come from. A later process may be told to trust them.
  std::vector<std::string> trusted() const;
  void Trust(const std::vector<std::string>& addresses);
  // Changes when a password makes another address trusted.
  uint64_t trust_changes() const;

  // Refuses all who wait, and all who come.
  void Close();

  // How many wait, the one whose password is being checked included.
  size_t size() const;
  // How many addresses have tried recently.
  size_t address_count() const;

 private:
  using Clock = std::chrono::steady_clock;
  struct Attempts {
    double count = 0;  // older ones count less
    Clock::time_point at;
    double CountAt(Clock::time_point now) const;
  };

  // With mutex_ held:
  // Returns the address's attempts before this one.
  int CountAttempt(const std::string& address);
  bool MakeRoom(const Turn& newcomer);
  bool IsNext(const Turn& turn) const;
  void Remove(const Turn& turn);

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Turn*> turns_;                                      // in the order they came; guarded by mutex_
  std::unordered_map<std::string, Attempts, TextHash> attempts_;  // by address; guarded by mutex_
  std::set<std::string> trusted_;                                 // guarded by mutex_
  uint64_t trust_changes_ = 0;                                    // guarded by mutex_
  bool closed_ = false;                                           // guarded by mutex_
};

}  // namespace qte::http
