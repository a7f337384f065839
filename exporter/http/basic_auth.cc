#include "http/basic_auth.h"

#include <crypt.h>
#include <string.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <optional>
#include <string_view>

#include "http/base64.h"

namespace qte::http {
namespace {

constexpr size_t kMostWaiting = 8;
constexpr size_t kMostOfAnAddress = 4;
constexpr std::chrono::milliseconds kLongestPause{1000};

// The time it takes tells nothing of where two texts differ.
bool SameText(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  unsigned char difference = 0;
  for (size_t i = 0; i < a.size(); ++i) difference |= static_cast<unsigned char>(a[i] ^ b[i]);
  return difference == 0;
}

bool Matches(const std::string& password, const std::string& hash) {
  // 32 KiB, too much for the stack of a server's thread.
  auto scratch = std::make_unique<crypt_data>();
  const char* made = crypt_r(password.c_str(), hash.c_str(), scratch.get());
  bool same = made != nullptr && SameText(made, hash);
  explicit_bzero(scratch.get(), sizeof *scratch);
  return same;
}

// "Basic " and base64 of "user:password"; nothing if it is not that.
std::optional<std::pair<std::string, std::string>> ReadHeader(const char* authorization) {
  constexpr std::string_view kScheme = "basic ";
  if (authorization == nullptr || strncasecmp(authorization, kScheme.data(), kScheme.size()) != 0) return std::nullopt;
  std::string_view coded = std::string_view(authorization).substr(kScheme.size());
  while (coded.starts_with(' ')) coded.remove_prefix(1);
  std::optional<std::string> text = DecodeBase64(coded);
  if (!text) return std::nullopt;
  size_t colon = text->find(':');
  // crypt would take a NUL for the password's end.
  if (colon == std::string::npos || text->find('\0') != std::string::npos) return std::nullopt;
  return std::pair(text->substr(0, colon), text->substr(colon + 1));
}

}  // namespace

BasicAuth::BasicAuth(Users users) {
  SetUsers(std::move(users));
}

// Takes as long to look at as the slowest of the real ones.
std::string BasicAuth::HashOfNobody(const Users& users) {
  std::string cost = "04";
  for (const auto& [name, hash] : users) cost = std::max(cost, hash.substr(4, 2));
  return "$2y$" + cost + "$" + std::string(22, '.') + std::string(31, '-');
}

void BasicAuth::SetUsers(Users users) {
  auto accounts = std::make_shared<Accounts>();
  accounts->nobody = HashOfNobody(users);
  accounts->users = std::move(users);
  std::lock_guard lock(mutex_);
  accounts_ = std::move(accounts);
  known_.clear();
}

BasicAuth::Digest BasicAuth::DigestOf(const Credentials& credentials) const {
  std::string both = credentials.user + ':' + credentials.password;
  return {KeyedHash(keys_[0], both), KeyedHash(keys_[1], both)};
}

bool BasicAuth::IsKnown(const Credentials& credentials, const Digest& digest) const {
  auto known = known_.find(credentials.user);
  return known != known_.end() && known->second == digest;
}

void BasicAuth::Close() {
  std::lock_guard lock(mutex_);
  closed_ = true;
  closing_.notify_all();
}

BasicAuth::Verdict BasicAuth::LookAt(const Accounts& accounts, const Credentials& credentials) {
  auto started = std::chrono::steady_clock::now();
  auto user = accounts.users.find(credentials.user);
  bool matches = Matches(credentials.password, user == accounts.users.end() ? accounts.nobody : user->second);
  if (matches) return Verdict::kAllowed;
  auto took = std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - started);
  std::unique_lock lock(mutex_);
  closing_.wait_for(lock, std::min(took, kLongestPause), [this] { return closed_; });
  return Verdict::kDenied;
}

BasicAuth::Verdict BasicAuth::CheckInTurn(const Credentials& credentials, const Digest& digest) {
  std::lock_guard turn(one_at_a_time_);
  std::unique_lock lock(mutex_);
  if (closed_) return Verdict::kBusy;
  if (IsKnown(credentials, digest)) return Verdict::kAllowed;  // by who came before
  std::shared_ptr<const Accounts> accounts = accounts_;
  lock.unlock();
  Verdict verdict = LookAt(*accounts, credentials);
  lock.lock();
  // What was right for users of before a reload is not remembered.
  if (verdict == Verdict::kAllowed && accounts == accounts_) known_[credentials.user] = digest;
  return verdict;
}

BasicAuth::Verdict BasicAuth::Check(const char* authorization, const std::string& address) {
  std::unique_lock lock(mutex_);
  if (accounts_->users.empty()) return Verdict::kAllowed;
  lock.unlock();
  auto header = ReadHeader(authorization);
  if (!header) return Verdict::kDenied;
  Credentials credentials{std::move(header->first), std::move(header->second)};
  Digest digest = DigestOf(credentials);

  lock.lock();
  if (IsKnown(credentials, digest)) return Verdict::kAllowed;
  if (waiting_.size() >= kMostWaiting || waiting_.count(address) >= kMostOfAnAddress) return Verdict::kBusy;
  auto self = waiting_.insert(address);
  lock.unlock();
  Verdict verdict = CheckInTurn(credentials, digest);
  lock.lock();
  waiting_.erase(self);
  return verdict;
}

}  // namespace qte::http
