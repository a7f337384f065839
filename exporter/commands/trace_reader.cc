#include "commands/trace_reader.h"

#include <archive.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <vector>

#include "base/content.h"
#include "base/unique_fd.h"
#include "source/receiver.h"

namespace qte::commands {
namespace {

constexpr size_t kChunk = size_t{64} << 10;

using OnBytes = std::function<void(std::string_view)>;

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

// A file descriptor with its first bytes looked at.
class Input {
 public:
  Input(int fd, Progress* progress) : fd_(fd), progress_(progress), buffer_(kChunk + source::kReadPadding) {}

  // The next piece, empty at the end.
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
  // The next piece, which Next will give again.
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

Status ReadPlain(Input& input, const OnBytes& on_bytes) {
  while (true) {
    Result<std::string_view> piece = input.Next();
    if (!piece) return Error{piece.error()};
    if (piece->empty()) return {};
    on_bytes(*piece);
  }
}

// gzip and zstd are read here and not by libarchive, which drops up to 64 KiB before the place where data end early, and
// does not check gzip's sums.
Status ReadGzip(Input& input, const OnBytes& on_bytes) {
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
      if (size_t size = kChunk - stream.avail_out; size > 0) on_bytes({out.data(), size});
    } while (stream.avail_in > 0 || (stream.avail_out == 0 && state != Z_STREAM_END));
  }
  if (state != Z_STREAM_END) return Error{"gzip data ends early"};
  return {};
}

Status ReadZstd(Input& input, const OnBytes& on_bytes) {
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
      if (to.pos > 0) on_bytes({out.data(), to.pos});
      full = to.pos == to.size;
    }
  }
  if (state != 0) return Error{"zstd data ends early"};
  return {};
}

struct CloseArchive {
  void operator()(archive* opened) const { archive_read_free(opened); }
};

// What libarchive reads by itself. For others it would start programs.
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

Status ReadCompressed(Input& input, std::string_view kind, const OnBytes& on_bytes) {
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
  if (archive_filter_count(reader.get()) < 2) {  // the last one stands for the file
    return Error{"is compressed (" + std::string(kind) + "), which is not read; unpack it first"};
  }
  std::vector<char> out(kChunk + source::kReadPadding);
  while (true) {
    const la_ssize_t size = archive_read_data(reader.get(), out.data(), kChunk);
    if (size < 0) return failure();
    if (size == 0) return {};
    on_bytes({out.data(), static_cast<size_t>(size)});
  }
}

Status ReadDescriptor(int fd, const OnBytes& on_bytes, Progress* progress) {
  Input input(fd, progress);
  Result<std::string_view> first = input.Peek();
  if (!first) return Error{first.error()};
  const ContentKind kind = ContentOf(*first);
  switch (kind.content) {
    case Content::kCompressed:
      if (kind.name == "gzip") return ReadGzip(input, on_bytes);
      if (kind.name == "zstd") return ReadZstd(input, on_bytes);
      return ReadCompressed(input, kind.name, on_bytes);
    case Content::kSimpletrace:
      return Error{
          "is a binary trace of QEMU's `simple` backend, which is not read; run a QEMU that is built with "
          "--enable-trace-backends=log, and give the file that it writes (-D FILE)"};
    case Content::kText:
      break;
  }
  return ReadPlain(input, on_bytes);
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

Status ReadTrace(const std::string& path, const OnBytes& on_bytes, Progress* progress) {
  Status status;
  if (path == "-") {
    status = ReadDescriptor(STDIN_FILENO, on_bytes, progress);
  } else {
    UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    status = fd ? ReadDescriptor(fd.get(), on_bytes, progress) : Status(Error{std::strerror(errno)});
  }
  if (status) return {};
  return Error{(path == "-" ? "standard input" : path) + ": " + status.error()};
}

}  // namespace qte::commands
