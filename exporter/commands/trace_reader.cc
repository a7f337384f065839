#include "commands/trace_reader.h"

#include <archive.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <optional>
#include <vector>

#include "base/content.h"
#include "base/unique_fd.h"
#include "source/receiver.h"
#include "trace/simple_trace.h"

namespace qte::commands {
namespace {

constexpr size_t kChunk = size_t{64} << 10;

using OnBytes = std::function<void(std::string_view)>;

// Receives the next bytes of a trace, decompressed and padded. Returns false to stop.
using Sink = std::function<bool(std::string_view)>;

// Reads until `buffer` is full or the file ends; -1 on an error.
ssize_t ReadFully(int fd, char* buffer, size_t size) {
  size_t total = 0;
  while (total < size) {
    ssize_t n = ::read(fd, buffer + total, size - total);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return -1;
    if (n == 0) break;
    total += static_cast<size_t>(n);
  }
  return static_cast<ssize_t>(total);
}

// A file descriptor whose first bytes can be peeked at.
class Input {
 public:
  Input(int fd, Progress* progress) : fd_(fd), progress_(progress), buffer_(kChunk + source::kReadPadding) {}

  // Returns the next piece, which is empty at the end.
  Result<std::string_view> Next() {
    if (peeked_) {
      peeked_ = false;
      return std::string_view(buffer_.data(), size_);
    }
    ssize_t n = first_read_done_ ? ReadSome() : ReadFully(fd_, buffer_.data(), kContentHeadBytes);
    first_read_done_ = true;
    if (n < 0) return Error{std::strerror(errno)};
    size_ = static_cast<size_t>(n);
    if (progress_ != nullptr) progress_->Add(size_);
    return std::string_view(buffer_.data(), size_);
  }
  // Returns the next piece without consuming it.
  Result<std::string_view> Peek() {
    Result<std::string_view> piece = Next();
    peeked_ = piece.ok();
    return piece;
  }

 private:
  ssize_t ReadSome() {
    ssize_t n = 0;
    do {
      n = ::read(fd_, buffer_.data(), kChunk);
    } while (n < 0 && errno == EINTR);
    return n;
  }

  int fd_;
  Progress* progress_;  // may be null
  std::vector<char> buffer_;
  size_t size_ = 0;
  bool peeked_ = false;
  bool first_read_done_ = false;
};

Status ReadPlain(Input& input, const Sink& sink) {
  while (true) {
    Result<std::string_view> piece = input.Next();
    if (!piece) return Error{piece.error()};
    if (piece->empty()) return {};
    if (!sink(*piece)) return {};
  }
}

// gzip and zstd are not read by libarchive. If data end early, it drops up to 64 KiB before that place, and it does not
// verify gzip checksums.
Status ReadGzip(Input& input, const Sink& sink) {
  z_stream stream{};
  constexpr int kGzipOnly = 15 + 16;
  if (inflateInit2(&stream, kGzipOnly) != Z_OK) return Error{"cannot start zlib"};
  std::unique_ptr<z_stream, int (*)(z_stream*)> owner(&stream, inflateEnd);
  std::vector<char> out(kChunk + source::kReadPadding);
  int state = Z_OK;
  while (true) {
    Result<std::string_view> piece = input.Next();
    if (!piece) return Error{piece.error()};
    if (piece->empty()) break;
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(piece->data()));  // zlib does not write to it
    stream.avail_in = static_cast<uInt>(piece->size());
    do {
      if (state == Z_STREAM_END && inflateReset(&stream) != Z_OK) return Error{"cannot restart zlib"};
      stream.next_out = reinterpret_cast<Bytef*>(out.data());
      stream.avail_out = static_cast<uInt>(kChunk);
      state = inflate(&stream, Z_NO_FLUSH);
      if (state != Z_OK && state != Z_STREAM_END && state != Z_BUF_ERROR) return Error{"bad gzip data"};
      if (size_t size = kChunk - stream.avail_out; size > 0 && !sink({out.data(), size})) return {};
    } while (stream.avail_in > 0 || (stream.avail_out == 0 && state != Z_STREAM_END));
  }
  if (state != Z_STREAM_END) return Error{"gzip data ends early"};
  return {};
}

Status ReadZstd(Input& input, const Sink& sink) {
  std::unique_ptr<ZSTD_DCtx, size_t (*)(ZSTD_DCtx*)> context(ZSTD_createDCtx(), ZSTD_freeDCtx);
  std::vector<char> out(kChunk + source::kReadPadding);
  size_t state = 0;
  while (true) {
    Result<std::string_view> piece = input.Next();
    if (!piece) return Error{piece.error()};
    if (piece->empty()) break;
    ZSTD_inBuffer from{piece->data(), piece->size(), 0};
    bool full = false;
    while (from.pos < from.size || full) {
      ZSTD_outBuffer to{out.data(), kChunk, 0};
      state = ZSTD_decompressStream(context.get(), &to, &from);
      if (ZSTD_isError(state) != 0) return Error{std::string("bad zstd data: ") + ZSTD_getErrorName(state)};
      if (to.pos > 0 && !sink({out.data(), to.pos})) return {};
      full = to.pos == to.size;
    }
  }
  if (state != 0) return Error{"zstd data ends early"};
  return {};
}

struct CloseArchive {
  void operator()(archive* opened) const { archive_read_free(opened); }
};

// Enables only the formats that libarchive decodes itself. For other formats it would start external programs.
std::unique_ptr<archive, CloseArchive> NewArchive() {
  std::unique_ptr<archive, CloseArchive> reader(archive_read_new());
  for (auto support : {archive_read_support_filter_xz, archive_read_support_filter_lzma,
                       archive_read_support_filter_bzip2, archive_read_support_filter_lz4,
                       archive_read_support_filter_lzip, archive_read_support_filter_compress}) {
    support(reader.get());
  }
  archive_read_support_format_raw(reader.get());
  archive_read_support_format_empty(reader.get());
  return reader;
}

la_ssize_t NextPiece(archive* reader, void* input, const void** bytes) {
  Result<std::string_view> piece = static_cast<Input*>(input)->Next();
  if (!piece) {
    archive_set_error(reader, EIO, "%s", piece.error().c_str());
    return -1;
  }
  *bytes = piece->data();
  return static_cast<la_ssize_t>(piece->size());
}

Status ReadCompressed(Input& input, std::string_view kind, const Sink& sink) {
  const auto reader = NewArchive();
  auto failure = [&] {
    const char* why = archive_error_string(reader.get());
    return Error{"bad " + std::string(kind) + " data: " + (why == nullptr ? "it ends early" : why)};
  };
  archive_entry* entry = nullptr;
  if (archive_read_open(reader.get(), &input, nullptr, NextPiece, nullptr) != ARCHIVE_OK) return failure();
  const int state = archive_read_next_header(reader.get(), &entry);
  if (state == ARCHIVE_EOF) return {};
  if (state != ARCHIVE_OK) return failure();
  if (archive_filter_count(reader.get()) < 2) {  // the last filter is the file itself
    return Error{"is compressed (" + std::string(kind) + "), which is not supported; decompress it first"};
  }
  std::vector<char> out(kChunk + source::kReadPadding);
  while (true) {
    const la_ssize_t size = archive_read_data(reader.get(), out.data(), kChunk);
    if (size < 0) return failure();
    if (size == 0) return {};
    if (!sink({out.data(), static_cast<size_t>(size)})) return {};
  }
}

Status ReadUnpacked(Input& input, const Sink& sink) {
  Result<std::string_view> first = input.Peek();
  if (!first) return Error{first.error()};
  const ContentKind kind = ContentOf(*first);
  if (kind.content != Content::kCompressed) return ReadPlain(input, sink);
  if (kind.name == "gzip") return ReadGzip(input, sink);
  if (kind.name == "zstd") return ReadZstd(input, sink);
  return ReadCompressed(input, kind.name, sink);
}

// Passes on the lines of a trace. Its first bytes show whether it is text or a binary trace. Text is passed on
// unchanged; SimpleTrace converts a binary trace to lines.
class LineSink {
 public:
  enum class Wanted { kLines, kNoBinary, kBinaryAlone };

  LineSink(const OnBytes& on_bytes, const TraceReading& reading, Wanted wanted)
      : on_bytes_(on_bytes), reading_(reading), wanted_(wanted) {}

  // Returns false to stop, because the trace is damaged or of the wrong kind.
  bool Add(std::string_view bytes) {
    if (is_known_) return HandOn(bytes);
    head_ += bytes;
    if (head_.size() < kContentHeadBytes) return true;
    return HandOnHead();
  }
  // Call this at the end of the trace.
  Status Finish() {
    if (!is_known_ && status_ && !head_.empty()) HandOnHead();
    return binary_ && status_ ? binary_->Finish() : status_;
  }

  const std::optional<trace::SimpleTrace>& binary() const { return binary_; }

 private:
  bool HandOnHead() {
    is_known_ = true;
    const bool is_binary = ContentOf(head_).content == Content::kSimpletrace;
    if (is_binary && wanted_ == Wanted::kNoBinary) {
      status_ = Error{
          "is a binary trace of QEMU's `simple` backend, whose times have no date; pass the file itself instead of a "
          "pipe, so that its modification time gives the date"};
      return false;
    }
    if (!is_binary && wanted_ == Wanted::kBinaryAlone) return false;
    static const trace::Catalog kNothingDeclared;
    const trace::Catalog& catalog = reading_.catalog == nullptr ? kNothingDeclared : *reading_.catalog;
    if (is_binary) binary_.emplace(catalog, reading_.clock_offset);
    const size_t size = head_.size();
    head_.append(source::kReadPadding, '\0');
    return HandOn(std::string_view(head_).substr(0, size));
  }

  bool HandOn(std::string_view bytes) {
    if (!binary_) {
      on_bytes_(bytes);
      return true;
    }
    lines_.clear();
    status_ = binary_->Read(bytes, lines_);
    const size_t size = lines_.size();
    lines_.append(source::kReadPadding, '\0');
    if (size > 0) on_bytes_(std::string_view(lines_).substr(0, size));
    return status_.ok();
  }

  const OnBytes& on_bytes_;
  const TraceReading& reading_;
  const Wanted wanted_;
  bool is_known_ = false;
  std::string head_;                          // first bytes, until the kind is known
  std::optional<trace::SimpleTrace> binary_;  // empty for text
  std::string lines_;                         // lines made from the last bytes
  Status status_;
};

Status ReadDescriptor(int fd, LineSink& lines, Progress* progress) {
  Input input(fd, progress);
  Status read = ReadUnpacked(input, [&](std::string_view bytes) { return lines.Add(bytes); });
  Status ended = lines.Finish();
  return read ? ended : read;
}

}  // namespace

Status CheckTrace(const std::string& path) {
  if (path == "-") return {};
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat status {};
  if (!fd || ::fstat(fd.get(), &status) != 0) return Error{path + ": " + std::strerror(errno)};
  if (S_ISDIR(status.st_mode)) return Error{path + ": " + std::strerror(EISDIR)};
  return {};
}

Status ReadTrace(const std::string& path, const OnBytes& on_bytes, const TraceReading& reading, TraceFacts* facts) {
  const bool is_input = path == "-";
  UniqueFd fd(is_input ? -1 : ::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  Status status = fd ? Status() : Error{std::strerror(errno)};
  struct stat file {};
  const bool can_be_dated = fd && ::fstat(fd.get(), &file) == 0 && S_ISREG(file.st_mode);
  using Wanted = LineSink::Wanted;
  LineSink lines(on_bytes, reading, reading.needs_date && !can_be_dated ? Wanted::kNoBinary : Wanted::kLines);
  if (is_input || fd) status = ReadDescriptor(is_input ? STDIN_FILENO : fd.get(), lines, reading.progress);
  if (facts != nullptr && lines.binary()) facts->dropped_events = lines.binary()->dropped_events();
  if (status) return {};
  return Error{(is_input ? "standard input" : path) + ": " + status.error()};
}

std::chrono::microseconds ClockOffsetOf(const std::string& path) {
  // Do not open a FIFO: its writer would see a reader that disappears at once.
  struct stat file {};
  if (path == "-" || ::stat(path.c_str(), &file) != 0 || !S_ISREG(file.st_mode)) return {};
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return {};
  const OnBytes nowhere = [](std::string_view) {};
  const TraceReading reading;
  LineSink lines(nowhere, reading, LineSink::Wanted::kBinaryAlone);
  static_cast<void>(ReadDescriptor(fd.get(), lines, nullptr));  // a damaged trace also has a last record
  if (!lines.binary() || !lines.binary()->last_time()) return {};
  constexpr time_t kLastSecond = 100'000'000'000;
  constexpr int64_t kNanosInMicro = 1000;
  const std::chrono::seconds written(std::clamp<time_t>(file.st_mtim.tv_sec, 0, kLastSecond));
  return written + std::chrono::microseconds(file.st_mtim.tv_nsec / kNanosInMicro) - *lines.binary()->last_time();
}

}  // namespace qte::commands
