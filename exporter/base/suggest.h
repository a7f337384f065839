// "Did you mean ...?" for error messages.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace qte {

// The candidate nearest to `word` by edit distance, if it is near enough to be a typing error (at most a third of the
// word's length, but two letters in short words and one in those of up to three); empty otherwise. A candidate that
// `word` begins with is nearer than two letters, if `word` is at most twice as long: `devcie` may mean `dev`.
std::string_view Nearest(std::string_view word, std::span<const std::string_view> candidates);

// `; did you mean "x"?`, or nothing where no candidate is near.
std::string DidYouMean(std::string_view word, std::span<const std::string_view> candidates);

}  // namespace qte
