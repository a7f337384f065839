#include "base/suggest.h"

#include <algorithm>
#include <numeric>
#include <vector>

namespace qte {
namespace {

// Edit distance in which a swap of two neighbours is one step ("devcie" is 1 from "device").
size_t EditDistance(std::string_view a, std::string_view b) {
  std::vector<size_t> before(b.size() + 1);
  std::vector<size_t> last(b.size() + 1);
  std::vector<size_t> row(b.size() + 1);
  std::iota(last.begin(), last.end(), size_t{0});
  for (size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      size_t change = a[i - 1] == b[j - 1] ? 0 : 1;
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + change});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) row[j] = std::min(row[j], before[j - 2] + 1);
    }
    before.swap(last);
    last.swap(row);
  }
  return last[b.size()];
}

}  // namespace

std::string_view Nearest(std::string_view word, std::span<const std::string_view> candidates) {
  constexpr size_t kLongestWord = 128;  // a longer word is not a typo; keeps the work bounded
  if (word.size() > kLongestWord) return {};
  // In half letters.
  constexpr size_t kBegun = 3;
  std::string_view best;
  const size_t limit = word.size() <= 3 ? 1 : std::max<size_t>(2, word.size() / 3);
  size_t nearest = 2 * limit + 1;
  for (std::string_view candidate : candidates) {
    bool is_begun = candidate.size() >= 3 && word.starts_with(candidate) && word.size() <= 2 * candidate.size();
    bool is_far = candidate.size() > word.size() + limit || word.size() > candidate.size() + limit;
    if (is_far && !is_begun) continue;
    size_t distance = 2 * EditDistance(word, candidate);
    if (is_begun) distance = std::min(distance, kBegun);
    if (distance >= nearest) continue;
    nearest = distance;
    best = candidate;
  }
  return best;
}

std::string DidYouMean(std::string_view word, std::span<const std::string_view> candidates) {
  std::string_view nearest = Nearest(word, candidates);
  if (nearest.empty()) return {};
  return "; did you mean \"" + std::string(nearest) + "\"?";
}

}  // namespace qte
