// An output stream's buffer that appends to a string.
//
// The serializer hands label values over character by character, which std::stringbuf takes ten times as long for, and
// a stringbuf's text has to be copied once more.
#pragma once

#include <algorithm>
#include <array>
#include <cstring>
#include <streambuf>
#include <string>

namespace qte::exposition {

class TextSink final : public std::streambuf {
 public:
  explicit TextSink(std::string& out) : out_(out) { setp(buffer_.data(), buffer_.data() + buffer_.size()); }

  // Hands on what is still here.
  void Flush() {
    auto size = static_cast<size_t>(pptr() - pbase());
    size_t skipped = std::min(size, skip_);
    skip_ -= skipped;
    out_.append(pbase() + skipped, size - skipped);
    setp(buffer_.data(), buffer_.data() + buffer_.size());
  }

  // Drops the next `size` bytes that are written.
  void Skip(size_t size) {
    Flush();
    skip_ = size;
  }

 protected:
  int_type overflow(int_type c) override {
    Flush();
    if (!traits_type::eq_int_type(c, traits_type::eof())) {
      *pptr() = traits_type::to_char_type(c);
      pbump(1);
    }
    return traits_type::not_eof(c);
  }

  std::streamsize xsputn(const char* text, std::streamsize size) override {
    if (size == 1 && pptr() != epptr()) {
      *pptr() = *text;
      pbump(1);
      return size;
    }
    for (std::streamsize left = size; left > 0;) {
      if (pptr() == epptr()) Flush();
      std::streamsize fits = std::min<std::streamsize>(left, epptr() - pptr());
      std::memcpy(pptr(), text, static_cast<size_t>(fits));
      pbump(static_cast<int>(fits));
      text += fits;
      left -= fits;
    }
    return size;
  }

 private:
  std::string& out_;
  size_t skip_ = 0;
  std::array<char, 4096> buffer_;  // the server's threads have small stacks
};

}  // namespace qte::exposition
