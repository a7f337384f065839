// Base64 as HTTP headers carry it (RFC 4648, with padding).
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace qte::http {

// The bytes, or nothing if the text is not base64. Padding may be missing; blanks may not be there.
std::optional<std::string> DecodeBase64(std::string_view text);

std::string EncodeBase64(std::string_view bytes);

}  // namespace qte::http
