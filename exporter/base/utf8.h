// Valid UTF-8 for label values: Prometheus refuses a whole scrape over one bad byte.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace qte {

// Length of the valid UTF-8 sequence at the start of `text` (1 to 4), or 0 where the first byte begins none: overlong
// forms, surrogates and code points over U+10FFFF are not valid.
size_t Utf8SequenceLength(std::string_view text);

// Appends a code point of up to 21 bits.
void AppendUtf8(uint32_t c, std::string& text);

// Replaces each byte that belongs to no valid sequence, and NUL, by U+FFFD, and cuts the text to at most `max_bytes` at
// the border of a character. Leaves valid texts untouched.
void MakeValidUtf8(std::string& text, size_t max_bytes = std::string::npos);

}  // namespace qte
