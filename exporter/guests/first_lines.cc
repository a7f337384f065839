#include "guests/first_lines.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "guests/looks.h"

namespace qte::guests {
namespace {

uint64_t Sum(const UnparsedCounts& unread) {
  return std::accumulate(unread.begin(), unread.end(), uint64_t{0});
}

}  // namespace

void FirstLines::Add(std::string_view batch, uint64_t lines, const UnparsedCounts& unread) {
  constexpr size_t kSampleBytes = 4096;
  lines_ += lines;
  for (size_t i = 0; i < unread.size(); ++i) unread_[i] += unread[i];
  if (has_sample_) return;
  if (lines > 0 && Sum(unread) * 2 <= lines) {
    sample_.clear();
  } else {
    sample_ += batch.substr(0, kSampleBytes - std::min(kSampleBytes, sample_.size()));
    has_sample_ = lines > 0;
  }
}

// Why lines were not read that look like nothing else.
std::string FirstLines::Reason() const {
  auto count = [this](Unparsed reason) { return unread_[static_cast<size_t>(reason)]; };
  if (count(Unparsed::kUndeclaredEvent) * 2 > Sum(unread_)) {
    return "they are events that no declaration at hand describes, so they only count by name; add the file of this "
           "QEMU under trace_events, such as /usr/share/qemu/trace-events-all";
  }
  if (count(Unparsed::kFormatMismatch) * 2 > Sum(unread_)) {
    return "they are events of another version of QEMU, whose arguments fit no declaration at hand; add the file of "
           "this QEMU under trace_events, such as /usr/share/qemu/trace-events-all";
  }
  return "they are no trace events; the first one is " + Shown(sample_) +
         ". `qemu-trace-exporter explain` tells how a line is read";
}

std::optional<std::string> FirstLines::Take(Input input) {
  if (is_told_ || Sum(unread_) * 2 <= lines_) return std::nullopt;
  const Look* look = LookOf(sample_);
  constexpr uint64_t kSome = 10;
  const bool is_at_rest = std::exchange(lines_at_look_, lines_) == lines_;
  bool is_enough = input == Input::kHasEnded || is_over();
  if (look == nullptr) is_enough = is_enough || lines_ >= kSome || is_at_rest;
  if (look != nullptr) is_enough = is_enough || !look->is_usual;
  if (!is_enough) return std::nullopt;
  is_told_ = true;
  std::string text = std::to_string(Sum(unread_)) + " of the first " + std::to_string(lines_) + " lines are not read: ";
  text += look != nullptr ? "they look like " + std::string(look->name) + "; " + std::string(look->remedy) : Reason();
  sample_ = {};
  return text;
}

}  // namespace qte::guests
