#include "trace/prefix.h"

#include <chrono>

namespace qte::trace {
namespace {

bool IsDigit(char c) {
  return static_cast<unsigned char>(c - '0') <= 9;
}

bool AllDigits(std::string_view text) {
  for (char c : text) {
    if (!IsDigit(c)) return false;
  }
  return true;
}

uint64_t Digits(std::string_view text) {
  uint64_t n = 0;
  for (char c : text) n = n * 10 + static_cast<uint64_t>(c - '0');
  return n;
}

constexpr size_t kThreadDigits = 10;  // a Linux thread id has at most 7
constexpr size_t kSecondDigits = 12;
constexpr size_t kMicroDigits = 6;

// "26638@1795408732.182800:"
Prefix FindThreadAndTime(std::string_view line) {
  size_t at = 1;
  while (at < line.size() && at < kThreadDigits && IsDigit(line[at])) ++at;
  if (at >= line.size() || line[at] != '@') return {};
  size_t dot = at + 1;
  while (dot < line.size() && dot - at <= kSecondDigits && IsDigit(line[dot])) ++dot;
  size_t colon = dot + kMicroDigits + 1;
  if (dot == at + 1 || colon >= line.size()) return {};
  if (line[dot] != '.' || line[colon] != ':' || !AllDigits(line.substr(dot + 1, kMicroDigits))) return {};
  return {PrefixKind::kThreadAndTime, static_cast<uint8_t>(colon + 1), static_cast<uint8_t>(at)};
}

constexpr std::string_view kIsoShape = "dddd-dd-ddTdd:dd:dd";

// "2026-11-23T04:41:06.310976Z "
Prefix FindIsoTime(std::string_view line) {
  if (line.size() < kIsoShape.size() + 2) return {};
  for (size_t i = 0; i < kIsoShape.size(); ++i) {
    if (kIsoShape[i] == 'd' ? !IsDigit(line[i]) : line[i] != kIsoShape[i]) return {};
  }
  size_t at = kIsoShape.size();
  if (line[at] == '.') {
    if (line.size() < at + kMicroDigits + 3 || !AllDigits(line.substr(at + 1, kMicroDigits))) return {};
    at += kMicroDigits + 1;
  }
  if (line[at] != 'Z' || line[at + 1] != ' ') return {};
  return {PrefixKind::kIsoTime, static_cast<uint8_t>(at + 2), 0};
}

int64_t ReadIsoTime(std::string_view line, const Prefix& prefix) {
  using namespace std::chrono;
  auto field = [&](size_t at, size_t size) { return static_cast<unsigned>(Digits(line.substr(at, size))); };
  sys_days date = year(static_cast<int>(field(0, 4))) / month(field(5, 2)) / day(field(8, 2));
  auto time = date.time_since_epoch() + hours(field(11, 2)) + minutes(field(14, 2)) + seconds(field(17, 2));
  bool has_fraction = prefix.size > kIsoShape.size() + 2;
  int64_t micros = has_fraction ? field(kIsoShape.size() + 1, kMicroDigits) : 0;
  return duration_cast<microseconds>(time).count() + micros;
}

}  // namespace

Prefix FindPrefix(std::string_view line) {
  if (line.empty() || !IsDigit(line[0])) return {};
  if (line.size() > 4 && line[4] == '-') return FindIsoTime(line);
  return FindThreadAndTime(line);
}

int64_t ReadTime(std::string_view line, const Prefix& prefix) {
  switch (prefix.kind) {
    case PrefixKind::kNone:
      return INT64_MIN;
    case PrefixKind::kIsoTime:
      return ReadIsoTime(line, prefix);
    case PrefixKind::kThreadAndTime:
      break;
  }
  size_t dot = prefix.size - kMicroDigits - 2;
  uint64_t seconds = Digits(line.substr(prefix.separator + 1u, dot - prefix.separator - 1));
  return static_cast<int64_t>(seconds * 1'000'000 + Digits(line.substr(dot + 1, kMicroDigits)));
}

uint64_t ReadThread(std::string_view line, const Prefix& prefix) {
  if (prefix.kind != PrefixKind::kThreadAndTime) return 0;
  return Digits(line.substr(0, prefix.separator));
}

}  // namespace qte::trace
