#include "trace/sdt_probes.h"

#include <elf.h>
#include <unistd.h>

#include <bit>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "catch.h"

using namespace qte::trace;

namespace {

// A file with one section of notes.
class ElfFile {
 public:
  ElfFile() : path_((std::filesystem::temp_directory_path() / ("qte-elf-" + std::to_string(::getpid()))).string()) {}
  ~ElfFile() { std::filesystem::remove(path_); }

  void Note(std::string provider, std::string name, std::string arguments) {
    std::string content(3 * sizeof(uint64_t), '\0');
    content += provider + '\0' + name + '\0' + arguments + '\0';
    Elf64_Nhdr note{8, static_cast<Elf64_Word>(content.size()), 3};
    notes_.append(reinterpret_cast<const char*>(&note), sizeof note).append("stapsdt\0", 8).append(content);
    notes_.resize((notes_.size() + 3) / 4 * 4);
  }

  std::string Bytes() const {
    const std::string names("\0.note.stapsdt\0.shstrtab\0", 25);
    Elf64_Ehdr header{};
    std::memcpy(header.e_ident, ELFMAG, SELFMAG);
    header.e_ident[EI_CLASS] = ELFCLASS64;
    header.e_ident[EI_DATA] = std::endian::native == std::endian::little ? ELFDATA2LSB : ELFDATA2MSB;
    header.e_shentsize = sizeof(Elf64_Shdr);
    header.e_shnum = 3;
    header.e_shstrndx = 2;
    header.e_shoff = sizeof header + notes_.size() + names.size();
    Elf64_Shdr sections[3]{};
    sections[1].sh_name = 1;
    sections[1].sh_offset = sizeof header;
    sections[1].sh_size = notes_.size();
    sections[2].sh_name = 15;
    sections[2].sh_offset = sizeof header + notes_.size();
    sections[2].sh_size = names.size();
    std::string bytes(reinterpret_cast<const char*>(&header), sizeof header);
    return bytes + notes_ + names + std::string(reinterpret_cast<const char*>(sections), sizeof sections);
  }

  const std::string& Write(const std::string& bytes) const {
    std::ofstream(path_, std::ios::binary) << bytes;
    return path_;
  }

 private:
  std::string path_;
  std::string notes_;
};

}  // namespace

TEST_CASE("Sizes of a probe's arguments, with their signs") {
  CHECK(SdtArgumentSizes("").empty());
  CHECK(SdtArgumentSizes("8@%r14 4@$0 -4@%eax -1@-1(%rbp,%rax)") == std::vector<int>{8, 4, -4, -1});
  CHECK(SdtArgumentSizes("8@x0 -4@[sp, 60] 8f@d0") == std::vector<int>{8, -4, 8});
}

TEST_CASE("A binary's probes by provider and name") {
  ElfFile file;
  file.Note("qemu", "pci_cfg_write", "8@%rax");
  file.Note("libc", "setjmp", "8@%rdi");
  file.Note("qemu", "dma_blk_cb", "8@%rax -4@%ebx");
  file.Note("qemu", "dma_blk_cb", "8@%rdi -4@$0");
  auto probes = ReadSdtProbes(file.Write(file.Bytes()), "qemu");
  REQUIRE(probes.ok());
  REQUIRE(probes->size() == 2);
  CHECK(probes->at(0).name == "dma_blk_cb");
  CHECK(probes->at(0).sizes == std::vector<int>{8, -4});
  CHECK(probes->at(1).name == "pci_cfg_write");
}

TEST_CASE("A file without probes, and files that are no binaries") {
  ElfFile file;
  auto none = ReadSdtProbes(file.Write(file.Bytes()), "qemu");
  REQUIRE(none.ok());
  CHECK(none->empty());
  CHECK_FALSE(ReadSdtProbes(file.Write("#!/bin/sh\n"), "qemu").ok());
  CHECK_FALSE(ReadSdtProbes(file.Write(""), "qemu").ok());
  CHECK_FALSE(ReadSdtProbes("/nowhere/qemu", "qemu").ok());
}

TEST_CASE("A file that is cut or damaged anywhere is read without harm") {
  ElfFile file;
  file.Note("qemu", "dma_blk_cb", "8@%rax -4@%ebx");
  const std::string bytes = file.Bytes();
  for (size_t size = 0; size < bytes.size(); ++size) {
    (void)ReadSdtProbes(file.Write(bytes.substr(0, size)), "qemu").ok();
    std::string damaged = bytes;
    damaged[size] = '\xff';
    (void)ReadSdtProbes(file.Write(damaged), "qemu").ok();
  }
}
