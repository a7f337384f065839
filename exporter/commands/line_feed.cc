#include "commands/line_feed.h"

#include <algorithm>

namespace qte::commands {

void LineFeed::Open(trace::LineOpener::Pin envelope) {
  opener_ = NewOpener();
  opener_.Use(envelope);
}

void LineFeed::OnBytes(source::StreamId id, std::string_view bytes) {
  text_.append(bytes);
  const size_t end = text_.rfind('\n');
  if (end == std::string::npos && text_.size() < kLongestHeld) return;
  HandOn(id, end == std::string::npos ? text_.size() : end + 1);
}

void LineFeed::OnEnd(source::StreamId id) {
  if (!text_.empty()) HandOn(id, text_.size());
}

void LineFeed::HandOnBefore() {
  guests_.OnBytes(id_, std::string_view(text_).substr(handed_, line_ - handed_));
  handed_ = line_;
}

void LineFeed::HandOn(source::StreamId id, size_t size) {
  text_.append(source::kReadPadding, '\0');
  id_ = id;
  handed_ = 0;
  for (line_ = 0; line_ < size;) {
    const size_t end = std::min(text_.find('\n', line_), size);
    look_(opener_.Open(std::string_view(text_).substr(line_, end - line_), guests_.common().program->names));
    line_ = std::min(end + 1, size);
  }
  HandOnBefore();
  text_.erase(text_.size() - source::kReadPadding);
  text_.erase(0, size);
}

}  // namespace qte::commands
