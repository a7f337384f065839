#include "http/gzip.h"

#include <zlib.h>

#include <charconv>
#include <optional>

#include "http/header_list.h"

namespace qte::http {
namespace {

// The weight among an item's parameters; 1 where there is none, 0 where it cannot be read.
double WeightOf(std::string_view parameters) {
  while (!parameters.empty()) {
    std::string_view parameter = TakeListItem(parameters, ';');
    if (!parameter.starts_with("q=") && !parameter.starts_with("Q=")) continue;
    double weight = 0;  // as it stays where the number cannot be read
    std::from_chars(parameter.data() + 2, parameter.data() + parameter.size(), weight);
    return weight;
  }
  return 1;
}

}  // namespace

bool AcceptsGzip(std::string_view accept_encoding) {
  std::optional<double> gzip;
  std::optional<double> any;
  while (!accept_encoding.empty()) {
    std::string_view parameters = TakeListItem(accept_encoding, ',');
    std::string_view name = TakeListItem(parameters, ';');
    if (EqualsIgnoringCase(name, "gzip")) gzip = WeightOf(parameters);
    if (name == "*") any = WeightOf(parameters);
  }
  return gzip.value_or(any.value_or(0)) > 0;
}

std::string Gzip(std::string_view text) {
  z_stream stream{};
  constexpr int kGzipFormat = 15 + 16;
  constexpr int kMemoryLevel = 8;
  // The lowest level: metrics compress tenfold at any level, and a scrape should cost little.
  if (deflateInit2(&stream, Z_BEST_SPEED, Z_DEFLATED, kGzipFormat, kMemoryLevel, Z_DEFAULT_STRATEGY) != Z_OK) return {};
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));  // zlib does not write to it
  stream.avail_in = static_cast<uInt>(text.size());
  // Piece by piece: what zlib may need at most is more than the text, what it does need a tenth.
  constexpr size_t kPiece = 65536;
  std::string out;
  int state = Z_OK;
  while (state == Z_OK) {
    out.resize(stream.total_out + kPiece);
    stream.next_out = reinterpret_cast<Bytef*>(out.data() + stream.total_out);
    stream.avail_out = kPiece;
    state = deflate(&stream, Z_FINISH);
  }
  out.resize(state == Z_STREAM_END ? stream.total_out : 0);
  deflateEnd(&stream);
  return out;
}

}  // namespace qte::http
