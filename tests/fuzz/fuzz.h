// What the fuzz targets share: the way a broken promise ends the program, and how an input is taken apart.
//
// A target is a file NAME_fuzz.cc with one LLVMFuzzerTestOneInput. It states what holds for any input by Require, which
// stands in release builds as well, unlike assert.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "source/receiver.h"

namespace qte::fuzz {

inline void Require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "does not hold: %s\n", what);
  std::abort();
}

inline std::string_view View(const uint8_t* data, size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

// Takes the first line and its newline; what is left stays in `rest`.
inline std::string_view TakeLine(std::string_view& rest) {
  size_t end = rest.find('\n');
  std::string_view line = rest.substr(0, end);
  rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
  return line;
}

inline std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream content;
  content << file.rdbuf();
  Require(file.good(), path.c_str());
  return content.str();
}

// A text alone in its allocation, so that the address sanitizer sees every byte read behind it.
class Alone {
 public:
  explicit Alone(std::string_view text) : bytes_(text.begin(), text.end()) { bytes_.shrink_to_fit(); }
  // Not null for an empty text, as a line of a log never is.
  std::string_view text() const { return {bytes_.empty() ? "" : bytes_.data(), bytes_.size()}; }

 private:
  std::vector<char> bytes_;
};

// A text, a byte that ends it as a newline ends a line, and padding that readers may read but must not use.
class Padded {
 public:
  Padded(std::string_view text, char end, char padding)
      : size_(text.size()), alone_(std::string(text) + end + std::string(source::kReadPadding - 1, padding)) {}
  std::string_view text() const { return alone_.text().substr(0, size_); }

 private:
  size_t size_;
  Alone alone_;
};

// Hands `text` on in pieces whose sizes are the bytes of `sizes` plus one, over and over; whole if there are none. Each
// piece is alone in its allocation, with `padding` where a receiver may read but not use what it reads.
template <class OnPiece>
void CutInPieces(std::string_view text, std::string_view sizes, char padding, OnPiece&& on_piece) {
  for (size_t i = 0; !text.empty(); ++i) {
    size_t size = sizes.empty() ? text.size() : static_cast<unsigned char>(sizes[i % sizes.size()]) + size_t{1};
    std::string piece(text.substr(0, size));
    text.remove_prefix(piece.size());
    size = piece.size();
    piece.append(source::kReadPadding, padding);
    on_piece(Alone(piece).text().substr(0, size));
  }
}

}  // namespace qte::fuzz
