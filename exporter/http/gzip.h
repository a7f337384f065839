// Compression of responses for clients that accept it.
#pragma once

#include <string>
#include <string_view>

namespace qte::http {

// True if an Accept-Encoding header takes gzip: named or by "*", with a weight above 0.
bool AcceptsGzip(std::string_view accept_encoding);

// `text` as one gzip member; empty if zlib fails.
std::string Gzip(std::string_view text);

}  // namespace qte::http
