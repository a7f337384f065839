#include "http/basic_auth.h"

#include <arpa/inet.h>
#include <crypt.h>
#include <netinet/in.h>
#include <string.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <optional>
#include <string_view>

#include "http/base64.h"

namespace qte::http {
namespace {

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

// The part of an address that one client has: of an IPv6 address the first half, as a client with one address mostly
// has 2^64 of them.
std::string NetworkOf(const std::string& address) {
  in6_addr ip{};
  if (::inet_pton(AF_INET6, address.c_str(), &ip) != 1) return address;
  std::fill(ip.s6_addr + sizeof ip / 2, ip.s6_addr + sizeof ip, uint8_t{0});
  char text[INET6_ADDRSTRLEN] = {};
  ::inet_ntop(AF_INET6, &ip, text, sizeof text);
  return std::string(text) + "/64";
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
  std::erase_if(known_, [this](const auto& entry) {
    auto user = accounts_->users.find(entry.first);
    return user == accounts_->users.end() || user->second != entry.second.hash;
  });
}

BasicAuth::Digest BasicAuth::DigestOf(const Credentials& credentials) const {
  std::string both = credentials.user + ':' + credentials.password;
  return {KeyedHash(keys_[0], both), KeyedHash(keys_[1], both)};
}

bool BasicAuth::IsKnown(const Credentials& credentials, const Digest& digest) const {
  auto known = known_.find(credentials.user);
  return known != known_.end() && known->second.digest == digest;
}

BasicAuth::Verdict BasicAuth::Remember(const Credentials& credentials, const Digest& digest, const std::string& hash) {
  std::lock_guard lock(mutex_);
  auto user = accounts_->users.find(credentials.user);
  if (user == accounts_->users.end() || user->second != hash) return Verdict::kDenied;
  known_[credentials.user] = {digest, hash};
  return Verdict::kAllowed;
}

void BasicAuth::Close() {
  queue_.Close();
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
  lock.unlock();

  LoginQueue::Turn turn(queue_, NetworkOf(address));
  if (!turn.has_come()) return Verdict::kBusy;
  lock.lock();
  const bool is_known_now = IsKnown(credentials, digest);  // another request logged in meanwhile
  std::shared_ptr<const Accounts> accounts = accounts_;
  lock.unlock();
  const auto started = std::chrono::steady_clock::now();
  auto user = accounts->users.find(credentials.user);
  const std::string& hash = user == accounts->users.end() ? accounts->nobody : user->second;
  if (is_known_now || Matches(credentials.password, hash)) {
    turn.Succeed();
    return Remember(credentials, digest, hash);
  }
  const auto took = std::chrono::steady_clock::now() - started;
  turn.Pause(std::min<std::chrono::steady_clock::duration>(took, kLongestPause));
  return Verdict::kDenied;
}

}  // namespace qte::http
