#include "http/basic_auth.h"

#include <crypt.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <thread>
#include <vector>

#include "catch.h"

namespace qte::http {
namespace {

using Verdict = BasicAuth::Verdict;

constexpr const char* kHere = "192.0.2.1";

std::string Hash(const std::string& password, const std::string& setting = "$2y$05$") {
  auto scratch = std::make_unique<crypt_data>();
  const char* made = crypt_r(password.c_str(), (setting + "abcdefghijklmnopqrstuu").c_str(), scratch.get());
  REQUIRE(made != nullptr);
  return made;
}

double SecondsOf(BasicAuth& auth, const char* authorization, Verdict want) {
  auto started = std::chrono::steady_clock::now();
  CHECK(auth.Check(authorization, kHere) == want);
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
}

constexpr const char* kAlice = "Basic YWxpY2U6c2VjcmV0";       // alice:secret
constexpr const char* kWrong = "Basic YWxpY2U6c2VjcmV1";       // alice:secreu
constexpr const char* kNobody = "Basic bm9ib2R5OnNlY3JldA==";  // an unknown user, with the password "secret"

}  // namespace

TEST_CASE("Without users everybody is allowed") {
  BasicAuth auth;
  for (const char* header : {static_cast<const char*>(nullptr), "", "nonsense", kAlice}) {
    CHECK(auth.Check(header, kHere) == Verdict::kAllowed);
  }
}

TEST_CASE("Headers that are let in, and that are not") {
  BasicAuth auth({{"alice", Hash("secret")}});
  struct Case {
    const char* header;
    Verdict verdict;
  };
  for (int round = 0; round < 2; ++round) {
    for (const Case& c : {Case{kAlice, Verdict::kAllowed}, Case{"basic YWxpY2U6c2VjcmV0", Verdict::kAllowed},
                          Case{"Basic   YWxpY2U6c2VjcmV0", Verdict::kAllowed}, Case{nullptr, Verdict::kDenied},
                          Case{"", Verdict::kDenied}, Case{"Basic", Verdict::kDenied}, Case{"Basic ", Verdict::kDenied},
                          Case{"Basic !", Verdict::kDenied}, Case{"Bearer YWxpY2U6c2VjcmV0", Verdict::kDenied},
                          Case{kWrong, Verdict::kDenied}, Case{kNobody, Verdict::kDenied},
                          Case{"Basic YWxpY2U=", Verdict::kDenied},              // alice
                          Case{"Basic YWxpY2U6", Verdict::kDenied},              // alice:
                          Case{"Basic OnNlY3JldA==", Verdict::kDenied},          // :secret
                          Case{"Basic YWxpY2U6c2VjcmV0AHg=", Verdict::kDenied},  // alice:secret\0x
                          Case{"Basic QWxpY2U6c2VjcmV0", Verdict::kDenied}}) {   // Alice:secret
      CAPTURE(round, c.header);
      CHECK(auth.Check(c.header, kHere) == c.verdict);
    }
  }
}

TEST_CASE("All spellings of bcrypt") {
  for (const char* setting : {"$2y$04$", "$2a$05$", "$2b$06$"}) {
    CAPTURE(setting);
    BasicAuth auth({{"alice", Hash("secret", setting)}});
    CHECK(auth.Check(kAlice, kHere) == Verdict::kAllowed);
    CHECK(auth.Check(kWrong, kHere) == Verdict::kDenied);
  }
}

TEST_CASE("New users count at once, and a password known before does not") {
  BasicAuth auth({{"alice", Hash("secret")}});
  REQUIRE(auth.Check(kAlice, kHere) == Verdict::kAllowed);
  auth.SetUsers({{"alice", Hash("another")}});
  CHECK(auth.Check(kAlice, kHere) == Verdict::kDenied);
  auth.SetUsers({{"nobody", Hash("secret")}});
  CHECK(auth.Check(kAlice, kHere) == Verdict::kDenied);
  CHECK(auth.Check(kNobody, kHere) == Verdict::kAllowed);
}

TEST_CASE("A reload that leaves a user alone leaves it logged in") {
  const std::string hash = Hash("secret", "$2y$10$");
  const BasicAuth::Users users = {{"alice", hash}};
  BasicAuth auth(users);
  double first = SecondsOf(auth, kAlice, Verdict::kAllowed);
  auth.SetUsers({{"alice", hash}, {"bob", Hash("x")}});
  CHECK(SecondsOf(auth, kAlice, Verdict::kAllowed) * 20 < first);
  // The same password with another salt has to be checked, and another password is wrong at once.
  auth.SetUsers({{"alice", Hash("secret", "$2y$04$")}});
  CHECK(auth.Check(kAlice, kHere) == Verdict::kAllowed);
  auth.SetUsers({{"alice", Hash("another")}});
  CHECK(auth.Check(kAlice, kHere) == Verdict::kDenied);
  // A user that was away for one reload begins anew.
  auth.SetUsers(users);
  CHECK(auth.Check(kAlice, kHere) == Verdict::kAllowed);
  auth.SetUsers({{"bob", Hash("x")}});
  CHECK(auth.Check(kAlice, kHere) == Verdict::kDenied);
}

TEST_CASE("A password that a reload changes while it is checked is wrong") {
  BasicAuth auth({{"alice", Hash("secret", "$2y$11$")}});
  Verdict verdict = Verdict::kBusy;
  std::thread client([&] { verdict = auth.Check(kAlice, kHere); });
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  auth.SetUsers({{"alice", Hash("another")}});
  client.join();
  CHECK(verdict == Verdict::kDenied);
}

TEST_CASE("A known password is quick, a wrong one and an unknown user take equally long") {
  const BasicAuth::Users users = {{"alice", Hash("secret", "$2y$10$")}, {"bob", Hash("x", "$2y$05$")}};
  double first = 1e9, known = 1e9, wrong = 1e9, nobody = 1e9;
  auto is_as_it_should = [&] { return known * 20 < first && wrong < nobody * 3 && nobody < wrong * 3; };
  // By turns and the least of each: what else happens on the machine makes times longer, never shorter.
  for (int round = 0; round < 5 || (round < 20 && !is_as_it_should()); ++round) {
    BasicAuth auth(users);
    first = std::min(first, SecondsOf(auth, kAlice, Verdict::kAllowed));
    known = std::min(known, SecondsOf(auth, kAlice, Verdict::kAllowed));
    wrong = std::min(wrong, SecondsOf(auth, kWrong, Verdict::kDenied));
    nobody = std::min(nobody, SecondsOf(auth, kNobody, Verdict::kDenied));
  }
  CAPTURE(first, known, wrong, nobody);
  CHECK(known * 20 < first);
  CHECK(wrong < nobody * 3);
  CHECK(nobody < wrong * 3);
}

namespace {

// Guesses at once from one address, and what they were told.
class Flood {
 public:
  Flood(BasicAuth& auth, int count) {
    for (int i = 0; i < count; ++i) {
      threads_.emplace_back([this, &auth] {
        Verdict verdict = auth.Check(kWrong, kHere);
        std::lock_guard lock(mutex_);
        ++verdicts_[static_cast<size_t>(verdict)];
      });
    }
  }
  int Told(Verdict verdict) {
    for (std::thread& thread : threads_) {
      if (thread.joinable()) thread.join();
    }
    return verdicts_[static_cast<size_t>(verdict)];
  }

 private:
  std::vector<std::thread> threads_;
  std::mutex mutex_;
  std::array<int, 3> verdicts_{};
};

}  // namespace

TEST_CASE("A flood of guesses leaves room for those who are known, and for a login from elsewhere") {
  BasicAuth auth({{"alice", Hash("secret", "$2y$10$")}, {"nobody", Hash("secret")}});
  REQUIRE(auth.Check(kAlice, kHere) == Verdict::kAllowed);
  Flood flood(auth, 12);
  CHECK(SecondsOf(auth, kAlice, Verdict::kAllowed) < 0.5);
  CHECK(auth.Check(kNobody, "192.0.2.2") == Verdict::kAllowed);
  CHECK(flood.Told(Verdict::kAllowed) == 0);
  CHECK(flood.Told(Verdict::kDenied) >= 4);
  CHECK(flood.Told(Verdict::kBusy) > 0);
}

TEST_CASE("Nobody waits for a password to be looked at when the server ends") {
  BasicAuth auth({{"alice", Hash("secret", "$2y$11$")}});
  Flood flood(auth, 4);
  auth.Close();
  CHECK(auth.Check(kAlice, kHere) == Verdict::kBusy);
  CHECK(flood.Told(Verdict::kDenied) <= 1);
}

}  // namespace qte::http
