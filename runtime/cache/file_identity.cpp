#include "runtime/cache/file_identity.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <elf.h>
#include <fcntl.h>
#include <filesystem>
#include <system_error>
#include <unistd.h>
#include <vector>

#include <fmt/format.h>

#include "runtime/cache/files.h"

namespace flexc::runtime {
namespace {

/// More program headers, or longer notes, than any library has: a file that claims them is not asked.
constexpr std::uint16_t kMostHeaders = 256;
constexpr std::uint64_t kLongestNote = 64 << 10;

bool read_at(int file, std::uint64_t offset, void* out, std::size_t size) {
  return ::pread(file, out, size, static_cast<off_t>(offset)) == static_cast<ssize_t>(size);
}

/// The build id in a segment of notes; empty if it has none. Layout: the ELF specification's "Note Section".
std::string build_id_in(const std::vector<std::uint8_t>& notes) {
  const auto aligned = [](std::size_t size) { return (size + 3) / 4 * 4; };
  for (std::size_t at = 0; at + sizeof(Elf64_Nhdr) <= notes.size();) {
    Elf64_Nhdr header;
    std::copy_n(notes.begin() + static_cast<std::ptrdiff_t>(at), sizeof header, reinterpret_cast<std::uint8_t*>(&header));
    const std::size_t name = at + sizeof header, description = name + aligned(header.n_namesz), next = description + aligned(header.n_descsz);
    if (next > notes.size() || next <= at) return {};
    if (header.n_type == NT_GNU_BUILD_ID && header.n_namesz == 4 && std::equal(notes.begin() + static_cast<std::ptrdiff_t>(name), notes.begin() + static_cast<std::ptrdiff_t>(name) + 4, "GNU")) {
      std::string text;
      for (std::size_t i = 0; i < header.n_descsz; ++i) text += fmt::format("{:02x}", notes[description + i]);
      return text;
    }
    at = next;
  }
  return {};
}

std::string build_id(int file) {
  Elf64_Ehdr header;
  if (!read_at(file, 0, &header, sizeof header) || !std::equal(ELFMAG, ELFMAG + SELFMAG, header.e_ident) || header.e_ident[EI_CLASS] != ELFCLASS64 ||
      header.e_phentsize != sizeof(Elf64_Phdr) || header.e_phnum > kMostHeaders)
    return {};
  for (std::uint16_t i = 0; i < header.e_phnum; ++i) {
    Elf64_Phdr segment;
    if (!read_at(file, header.e_phoff + i * sizeof segment, &segment, sizeof segment)) return {};
    if (segment.p_type != PT_NOTE || segment.p_filesz > kLongestNote) continue;
    std::vector<std::uint8_t> notes(segment.p_filesz);
    if (!read_at(file, segment.p_offset, notes.data(), notes.size())) return {};
    if (std::string id = build_id_in(notes); !id.empty()) return id;
  }
  return {};
}

}  // namespace

std::string file_identity(const std::string& path) {
  std::error_code code;
  const std::string real = std::filesystem::canonical(path, code).string();
  if (code) return "absent";
  const Descriptor file = open_at(AT_FDCWD, real.c_str(), O_RDONLY | O_NONBLOCK);
  struct stat status {};
  if (!file || ::fstat(file.number(), &status) != 0 || !S_ISREG(status.st_mode)) return "absent";
  const std::string id = build_id(file.number());
  return fmt::format("{} {} {}.{:09} {}", real, status.st_size, status.st_mtim.tv_sec, status.st_mtim.tv_nsec, id.empty() ? "-" : id);
}

}  // namespace flexc::runtime
