// Who may ask: HTTP basic authentication against bcrypt hashes.
//
// bcrypt is slow on purpose, so a password once found right is remembered until the users change, as a keyed hash of a
// random key: a scrape then costs nothing. Everything else is kept from costing much: one password is looked at at a
// time, after a wrong one there is a pause as long as the look, and when more than a few wait, the next are told to
// come back later. A flood of guesses so takes at most half a core and a few threads. An unknown user takes as long as
// a wrong password.
//
// Check runs on the server's threads, several at once; SetUsers on any other.
#pragma once

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <utility>

#include "base/keyed_hash.h"

namespace qte::http {

class BasicAuth {
 public:
  enum class Verdict { kAllowed, kDenied, kBusy };
  using Users = std::map<std::string, std::string>;  // name and bcrypt hash

  // Without users everybody is allowed.
  explicit BasicAuth(Users users = {});
  void SetUsers(Users users);

  // `authorization` is the header's value, null where there is none; `address` is the client's.
  Verdict Check(const char* authorization, const std::string& address);
  // Lets nobody wait any longer; for the end.
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

  Digest DigestOf(const Credentials& credentials) const;
  bool IsKnown(const Credentials& credentials, const Digest& digest) const;
  // The same when all who came before have had their look.
  Verdict CheckInTurn(const Credentials& credentials, const Digest& digest);
  Verdict LookAt(const Accounts& accounts, const Credentials& credentials);
  static std::string HashOfNobody(const Users& users);

  const HashKey keys_[2] = {RandomHashKey(), RandomHashKey()};
  mutable std::mutex mutex_;
  std::shared_ptr<const Accounts> accounts_;  // guarded by mutex_
  std::map<std::string, Digest> known_;       // by user: the password found right; guarded by mutex_
  std::multiset<std::string> waiting_;        // addresses in CheckInTurn; guarded by mutex_
  bool closed_ = false;                       // guarded by mutex_
  std::condition_variable closing_;
  std::mutex one_at_a_time_;  // held while a password is looked at
};

}  // namespace qte::http
