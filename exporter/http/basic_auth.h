// HTTP basic authentication against bcrypt hashes.
//
// bcrypt is slow on purpose, so a password once found correct is remembered, as a keyed hash of a random key, for as
// long as the user's hash in the config stays the same: a scrape then costs nothing and never waits. All other
// passwords are checked one at a time (login_queue.h says in which order), and a wrong one is followed by a pause as
// long as the check. So a flood of guesses takes at most half a core and 8 threads. An unknown user takes as long
// as a wrong password.
//
// Check runs on the server's threads, several at once; SetUsers on any other.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "base/keyed_hash.h"
#include "http/login_queue.h"

namespace qte::http {

class BasicAuth {
 public:
  enum class Verdict { kAllowed, kDenied, kBusy };
  using Users = std::map<std::string, std::string>;  // name and bcrypt hash

  // Without users every request is allowed.
  explicit BasicAuth(Users users = {});
  // A user whose hash stays the same stays logged in; a user with another hash, or no longer there, does not.
  void SetUsers(Users users);

  // `authorization` is the header's value, null where there is none; `address` is the client's.
  Verdict Check(const char* authorization, const std::string& address);
  // Networks of clients that have logged in, as text. A later process that trusts them checks their passwords first.
  std::vector<std::string> trusted() const { return queue_.trusted(); }
  void Trust(const std::vector<std::string>& networks) { queue_.Trust(networks); }
  uint64_t trust_changes() const { return queue_.trust_changes(); }
  // Ends all waiting, before the server stops.
  void Close();

 private:
  struct Credentials {
    std::string user;
    std::string password;
  };
  using Digest = std::pair<uint64_t, uint64_t>;
  // What a reload replaces as a whole.
  struct Accounts {
    Users users;
    std::string nobody;  // a hash that no password has, for users who are not there
  };

  // A password found correct, and the bcrypt hash that it was found to match.
  struct Login {
    Digest digest;
    std::string hash;
  };

  Digest DigestOf(const Credentials& credentials) const;
  // With mutex_ held: whether this password was found correct for the user as the config has it now.
  bool IsKnown(const Credentials& credentials, const Digest& digest) const;
  // Remembers a password that matches `hash`, unless a reload has changed the user meanwhile.
  Verdict Remember(const Credentials& credentials, const Digest& digest, const std::string& hash);
  static std::string HashOfNobody(const Users& users);

  const HashKey keys_[2] = {RandomHashKey(), RandomHashKey()};
  LoginQueue queue_;
  mutable std::mutex mutex_;
  std::shared_ptr<const Accounts> accounts_;  // guarded by mutex_
  std::map<std::string, Login> known_;        // by user; guarded by mutex_
};

}  // namespace qte::http
