#include "commands/top/numbers.h"

#include <array>
#include <cstdio>

namespace qte::commands::top {
namespace {

std::string Printed(const char* format, double value) {
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), format, value);
  return text.data();
}

std::string ThreeDigits(double value) {
  return Printed(value < 9.995 ? "%.2f" : value < 99.95 ? "%.1f" : "%.0f", value);
}

// `base` is what each unit has of the one before it.
std::string Scaled(double value, double base, const char* units) {
  if (value < 0.005) return "0";
  for (; value >= (base > 1000 ? base : 999.5) && units[1] != '\0'; ++units) value /= base;
  return ThreeDigits(value) + (*units == ' ' ? "" : std::string(1, *units));
}

}  // namespace

std::string RateText(double rate, Notation notation) {
  return notation == Notation::kPlain ? Printed("%.2f", rate) : Scaled(rate, 1000, " kMG");
}

std::string BytesText(double bytes, Notation notation) {
  return notation == Notation::kPlain ? Printed("%.0f", bytes) : Scaled(bytes, 1024, " KMGT");
}

std::string SecondsText(std::optional<double> seconds, Notation notation) {
  if (!seconds) return "-";
  if (notation == Notation::kPlain) return Printed("%.6f", *seconds);
  if (*seconds < 0.0009995) return ThreeDigits(*seconds * 1e6) + "us";
  if (*seconds < 0.9995) return ThreeDigits(*seconds * 1e3) + "ms";
  return ThreeDigits(*seconds) + "s";
}

}  // namespace qte::commands::top
