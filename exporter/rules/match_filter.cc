#include "rules/match_filter.h"

#include <algorithm>
#include <numeric>

namespace qte::rules {
namespace {

// For up to this many patterns, trying them one by one is as fast.
constexpr size_t kFewest = 3;

}  // namespace

MatchFilter::MatchFilter(const std::vector<std::string>& patterns) : size_(patterns.size()) {
  if (size_ < kFewest) return;
  re2::RE2::Options options(re2::RE2::Latin1);
  options.set_log_errors(false);
  auto set = std::make_unique<re2::RE2::Set>(options, re2::RE2::UNANCHORED);
  bool good = std::all_of(patterns.begin(), patterns.end(),
                          [&](const std::string& pattern) { return set->Add(pattern, nullptr) >= 0; });
  if (good && set->Compile()) set_ = std::move(set);
}

void MatchFilter::Find(std::string_view text, std::vector<int>& matching) const {
  matching.clear();
  re2::RE2::Set::ErrorInfo error{re2::RE2::Set::kNoError};
  if (set_ != nullptr) {
    re2::StringPiece piece(text.data(), text.size());
    // First check whether any pattern matches. That is cheaper than finding which ones, and usually none does.
    bool any = set_->Match(piece, nullptr, &error);
    if (any) set_->Match(piece, &matching, &error);
    if (error.kind == re2::RE2::Set::kNoError) return std::sort(matching.begin(), matching.end());
  }
  matching.resize(size_);
  std::iota(matching.begin(), matching.end(), 0);
}

}  // namespace qte::rules
