#include "qmp/message_reader.h"

namespace qte::qmp {

MessageReader::State MessageReader::Add(char c) {
  if (in_string_) return AddToString(c);
  if (c == ' ' || c == '\t' || c == '\r' || c == '\n') return State::kMore;
  if (depth_ == 0 && c != '{') return State::kNoObject;
  const bool opens = c == '{' || c == '[';
  const bool closes = c == '}' || c == ']';
  if (opens) ++depth_;
  if (opens || c == ',') cost_ += depth_ <= kDeepest ? kValueCost : 0;
  if (opens && depth_ == kDeepest + 1) {
    Keep("null");
  } else if (depth_ <= kDeepest) {
    Keep({&c, 1});
  }
  if (closes) --depth_;
  in_string_ = c == '"';
  if (cost_ > kMostCost) return State::kTooLong;
  return depth_ == 0 ? State::kWhole : State::kMore;
}

MessageReader::State MessageReader::AddToString(char c) {
  in_string_ = is_escaped_ || c != '"';
  is_escaped_ = !is_escaped_ && c == '\\';
  if (depth_ <= kDeepest) Keep({&c, 1});
  return cost_ > kMostCost ? State::kTooLong : State::kMore;
}

void MessageReader::Keep(std::string_view text) {
  text_ += text;
  cost_ += text.size();
}

void MessageReader::Reset() {
  *this = MessageReader();
}

}  // namespace qte::qmp
