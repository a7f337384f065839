// Numbers as a table of the view shows them: at most six characters for people, plain for scripts.
#pragma once

#include <optional>
#include <string>

namespace qte::commands::top {

enum class Notation {
  kShort,  // 12.3k, 1.50M, 850us
  kPlain,  // 12345.6, 1572864, 0.000850
};

// Three digits; k, M and G are powers of 1000.
std::string RateText(double rate, Notation notation);
// Three digits; K, M and G are powers of 1024.
std::string BytesText(double bytes, Notation notation);
// "-" if there is none.
std::string SecondsText(std::optional<double> seconds, Notation notation);

}  // namespace qte::commands::top
