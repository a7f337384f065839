#include "trace/sdt_probes.h"

#include <elf.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <optional>
#include <utility>

#include "base/digits.h"
#include "base/unique_fd.h"

namespace qte::trace {
namespace {

constexpr size_t kMostSectionBytes = size_t{64} << 20;  // QEMU's notes take 1 MB
constexpr uint32_t kSdtNote = 3;
constexpr size_t kAddresses = 3 * sizeof(uint64_t);  // of the probe, of a base, of the semaphore

std::optional<std::string> ReadAt(int file, uint64_t offset, uint64_t size) {
  if (size > kMostSectionBytes) return std::nullopt;
  std::string bytes(size, '\0');
  size_t done = 0;
  while (done < size) {
    const ssize_t n = ::pread(file, bytes.data() + done, size - done, static_cast<off_t>(offset + done));
    if (n <= 0) return std::nullopt;
    done += static_cast<size_t>(n);
  }
  return bytes;
}

template <class T>
std::optional<T> ReadStruct(int file, uint64_t offset) {
  std::optional<std::string> bytes = ReadAt(file, offset, sizeof(T));
  if (!bytes) return std::nullopt;
  T read;
  std::memcpy(&read, bytes->data(), sizeof read);
  return read;
}

bool IsOurKind(const Elf64_Ehdr& header) {
  constexpr int kOurOrder = std::endian::native == std::endian::little ? ELFDATA2LSB : ELFDATA2MSB;
  return std::memcmp(header.e_ident, ELFMAG, SELFMAG) == 0 && header.e_ident[EI_CLASS] == ELFCLASS64 &&
         header.e_ident[EI_DATA] == kOurOrder && header.e_shentsize == sizeof(Elf64_Shdr);
}

// The content of a section; empty if the file has no section of this name.
Result<std::string> ReadSection(int file, std::string_view wanted) {
  const Error damaged{"is damaged"};
  const auto header = ReadStruct<Elf64_Ehdr>(file, 0);
  if (!header || !IsOurKind(*header)) return Error{"is not a 64-bit program of this machine"};
  const auto section_at = [&](size_t i) {
    return ReadStruct<Elf64_Shdr>(file, header->e_shoff + i * sizeof(Elf64_Shdr));
  };
  const auto name_section = section_at(header->e_shstrndx);
  if (!name_section) return damaged;
  const auto names = ReadAt(file, name_section->sh_offset, name_section->sh_size);
  if (!names) return damaged;
  for (size_t i = 0; i < header->e_shnum; ++i) {
    const auto section = section_at(i);
    if (!section) return damaged;
    if (section->sh_name >= names->size() || std::string_view(names->c_str() + section->sh_name) != wanted) continue;
    std::optional<std::string> content = ReadAt(file, section->sh_offset, section->sh_size);
    if (!content) return damaged;
    return std::move(*content);
  }
  return std::string();
}

// Takes bytes from the front, at most those that are there.
std::string_view Take(std::string_view& from, size_t size) {
  const std::string_view taken = from.substr(0, size);
  from.remove_prefix(taken.size());
  return taken;
}

std::string_view TakeText(std::string_view& from) {
  const std::string_view text = Take(from, from.find('\0'));
  Take(from, 1);
  return text;
}

size_t Aligned(size_t size) {
  constexpr size_t kNoteAlignment = 4;
  return (size + kNoteAlignment - 1) / kNoteAlignment * kNoteAlignment;
}

std::vector<SdtProbe> ProbesIn(std::string_view notes, std::string_view provider) {
  std::vector<SdtProbe> probes;
  while (notes.size() >= sizeof(Elf64_Nhdr)) {
    Elf64_Nhdr note;
    std::memcpy(&note, Take(notes, sizeof note).data(), sizeof note);
    const std::string_view owner = Take(notes, Aligned(note.n_namesz));
    std::string_view content = Take(notes, Aligned(note.n_descsz));
    if (note.n_type != kSdtNote || !owner.starts_with("stapsdt")) continue;
    Take(content, kAddresses);
    const std::string_view of = TakeText(content);
    const std::string_view name = TakeText(content);
    if (of == provider) probes.push_back({std::string(name), SdtArgumentSizes(TakeText(content))});
  }
  return probes;
}

}  // namespace

// An operand may hold blanks ("-4@[sp, 60]" on arm64), but an '@' only behind a size. Sizes of reals end in 'f'.
std::vector<int> SdtArgumentSizes(std::string_view arguments) {
  std::vector<int> sizes;
  for (size_t at = arguments.find('@'); at != std::string_view::npos; at = arguments.find('@', at + 1)) {
    size_t begin = at;
    while (begin > 0 && arguments[begin - 1] != ' ') --begin;
    int size = 0;
    for (char c : arguments.substr(begin, at - begin)) {
      if (IsDecimalDigit(c)) size = size * 10 + (c - '0');
    }
    sizes.push_back(arguments[begin] == '-' ? -size : size);
  }
  return sizes;
}

Result<std::vector<SdtProbe>> ReadSdtProbes(const std::string& path, std::string_view provider) {
  UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
  if (!file) return Error{path + ": cannot open: " + std::strerror(errno)};
  Result<std::string> notes = ReadSection(file.get(), ".note.stapsdt");
  if (!notes) return Error{path + ": " + notes.error()};
  std::vector<SdtProbe> probes = ProbesIn(*notes, provider);
  std::stable_sort(probes.begin(), probes.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  probes.erase(std::unique(probes.begin(), probes.end(), [](const auto& a, const auto& b) { return a.name == b.name; }),
               probes.end());
  return probes;
}

}  // namespace qte::trace
