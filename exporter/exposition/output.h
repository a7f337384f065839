// What a serializer writes to: text that grows, by way of a small buffer, so that a few bytes cost a few instructions.
#pragma once

#include <array>
#include <charconv>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace qte::exposition {

class Output {
 public:
  explicit Output(std::string& text) : text_(text) {}
  ~Output() { Flush(); }
  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;

  void Put(std::string_view piece) {
    if (piece.size() > buffer_.size() - used_) [[unlikely]] {
      Flush();
      if (piece.size() > buffer_.size()) {
        text_.append(piece);
        return;
      }
    }
    std::memcpy(buffer_.data() + used_, piece.data(), piece.size());
    used_ += piece.size();
  }
  void Put(char c) { Put(std::string_view(&c, 1)); }
  void PutInteger(uint64_t number) {
    char* room = Room();
    used_ += static_cast<size_t>(std::to_chars(room, room + kNumberSize, number).ptr - room);
  }
  // The shortest text that reads back as the same number; whole numbers without an exponent up to 2^53.
  void PutNumber(double number) {
    char* room = Room();
    used_ += static_cast<size_t>(NumberToChars(number, room) - room);
  }
  // A label's value as it stands between quotes: valid UTF-8, with quotes, backslashes and newlines escaped.
  void PutLabelValue(std::string_view value) {
    if (IsPlain(value)) {
      Put(value);
    } else {
      PutEscaped(value);
    }
  }
  // Hands on what is still here.
  void Flush() {
    text_.append(buffer_.data(), used_);
    used_ = 0;
  }

  // Of what was handed on.
  std::string& text() { return text_; }

 private:
  static constexpr size_t kNumberSize = 32;

  char* Room() {
    if (buffer_.size() - used_ < kNumberSize) [[unlikely]] Flush();
    return buffer_.data() + used_;
  }
  static char* NumberToChars(double number, char* at);
  static bool IsPlain(std::string_view value);
  void PutEscaped(std::string_view value);

  std::string& text_;
  size_t used_ = 0;
  std::array<char, 4096> buffer_;  // the server's threads have small stacks
};

}  // namespace qte::exposition
