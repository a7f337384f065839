// The output of a serializer: appends to a text through a small buffer, which makes short writes cheap.
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
  // Writes the shortest text that parses to the same number. Whole numbers up to 2^53 have no exponent.
  void PutNumber(double number) {
    char* room = Room();
    used_ += static_cast<size_t>(NumberToChars(number, room) - room);
  }
  // Writes a label value for use within quotes: as valid UTF-8, with quotes, backslashes and newlines escaped.
  void PutLabelValue(std::string_view value) {
    if (IsPlain(value)) {
      Put(value);
    } else {
      PutEscaped(value);
    }
  }
  // Appends the buffered bytes to the text.
  void Flush() {
    text_.append(buffer_.data(), used_);
    used_ = 0;
  }

  // The text without bytes that are still buffered.
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
