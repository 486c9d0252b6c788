#include "runtime/loader/row_object.h"

#include <elf.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <limits>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

namespace flexc::runtime {
namespace {

/// Far above any variant's code, and small enough that every distance fits the 32 bits of a PC-relative relocation.
constexpr std::size_t kMaxObjectBytes = std::size_t{256} << 20;

std::unexpected<Error> refuse(std::string what) { return std::unexpected(Error{ErrorKind::Input, "CPU object: " + std::move(what)}); }

/// Bounds-checked reads of plain structures.
class Bytes {
 public:
  explicit Bytes(std::span<const std::byte> bytes) : bytes_(bytes) {}

  template <class T>
  std::optional<T> at(std::uint64_t offset) const {
    if (!holds(offset, sizeof(T))) return std::nullopt;
    T value;
    std::memcpy(&value, bytes_.data() + offset, sizeof(T));
    return value;
  }

  bool holds(std::uint64_t offset, std::uint64_t size) const { return offset <= bytes_.size() && size <= bytes_.size() - offset; }
  const std::byte* data(std::uint64_t offset) const { return bytes_.data() + offset; }

  /// The text at `offset` up to its NUL, which must lie before `end`.
  std::optional<std::string_view> text(std::uint64_t offset, std::uint64_t end) const {
    if (offset >= end || end > bytes_.size()) return std::nullopt;
    const auto* first = reinterpret_cast<const char*>(bytes_.data() + offset);
    const auto* nul = static_cast<const char*>(std::memchr(first, 0, end - offset));
    if (nul == nullptr) return std::nullopt;
    return std::string_view(first, static_cast<std::size_t>(nul - first));
  }

 private:
  std::span<const std::byte> bytes_;
};

struct Placement {
  bool loaded = false;
  std::uint64_t offset = 0;  ///< in the mapping
};

std::uint64_t round_up(std::uint64_t value, std::uint64_t alignment) { return (value + alignment - 1) / alignment * alignment; }

/// One pass over the object: headers, placement, copy, relocations.
class Mapper {
 public:
  explicit Mapper(std::span<const std::byte> object) : bytes_(object) {}

  Result<void> read_headers() {
    const auto header = bytes_.at<Elf64_Ehdr>(0);
    if (!header || std::memcmp(header->e_ident, ELFMAG, SELFMAG) != 0) return refuse("not an ELF file");
    if (header->e_ident[EI_CLASS] != ELFCLASS64 || header->e_ident[EI_DATA] != ELFDATA2LSB || header->e_machine != EM_X86_64)
      return refuse("not for x86-64");
    if (header->e_type != ET_REL) return refuse(fmt::format("ELF type {} instead of a relocatable object", header->e_type));
    if (header->e_shentsize != sizeof(Elf64_Shdr)) return refuse("section headers of an unknown size");
    for (std::uint64_t i = 0; i < header->e_shnum; ++i) {
      const auto section = bytes_.at<Elf64_Shdr>(header->e_shoff + i * sizeof(Elf64_Shdr));
      if (header->e_shoff > kMaxObjectBytes || !section) return refuse("section headers beyond the end");
      if (section->sh_type != SHT_NOBITS && !bytes_.holds(section->sh_offset, section->sh_size)) return refuse(fmt::format("section {} beyond the end", i));
      sections_.push_back(*section);
    }
    return {};
  }

  /// Code first, then everything else from a page boundary on, so that each half has one protection.
  Result<void> place() {
    const auto page = static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
    placements_.resize(sections_.size());
    for (const bool code : {true, false}) {
      for (std::size_t i = 0; i < sections_.size(); ++i) {
        const Elf64_Shdr& section = sections_[i];
        if (!(section.sh_flags & SHF_ALLOC) || static_cast<bool>(section.sh_flags & SHF_EXECINSTR) != code || section.sh_size == 0) continue;
        if (section.sh_flags & SHF_TLS) return refuse("thread-local data");
        if (section.sh_type != SHT_PROGBITS) return refuse(fmt::format("section {} of type {}", i, section.sh_type));
        const std::uint64_t alignment = section.sh_addralign == 0 ? 1 : section.sh_addralign;
        if (alignment > page || (alignment & (alignment - 1)) != 0) return refuse(fmt::format("section {} aligned to {}", i, alignment));
        size_ = round_up(size_, alignment);
        placements_[i] = {true, size_};
        size_ += section.sh_size;
        if (size_ > kMaxObjectBytes) return refuse("too large");
      }
      size_ = round_up(size_, page);
      if (code) code_size_ = size_;
    }
    if (size_ == 0) return refuse("nothing to load");
    return {};
  }

  Result<void> map() {
    void* memory = mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) return std::unexpected(Error{ErrorKind::Environment, fmt::format("mmap of {} bytes for CPU code: {}", size_, std::strerror(errno))});
    memory_ = static_cast<std::byte*>(memory);
    for (std::size_t i = 0; i < sections_.size(); ++i)
      if (placements_[i].loaded) std::memcpy(memory_ + placements_[i].offset, bytes_.data(sections_[i].sh_offset), sections_[i].sh_size);
    return {};
  }

  Result<void> read_symbols() {
    for (const Elf64_Shdr& section : sections_) {
      if (section.sh_type != SHT_SYMTAB) continue;
      if (!symbols_.empty()) return refuse("two symbol tables");
      if (section.sh_entsize != sizeof(Elf64_Sym) || section.sh_link >= sections_.size()) return refuse("a malformed symbol table");
      const Elf64_Shdr& names = sections_[section.sh_link];
      for (std::uint64_t at = 0; at + sizeof(Elf64_Sym) <= section.sh_size; at += sizeof(Elf64_Sym)) {
        symbols_.push_back(*bytes_.at<Elf64_Sym>(section.sh_offset + at));
        const auto name = bytes_.text(names.sh_offset + symbols_.back().st_name, names.sh_offset + names.sh_size);
        if (!name) return refuse("a symbol's name beyond the end");
        names_.push_back(*name);
      }
    }
    return {};
  }

  /// Where a symbol lies in the mapping.
  Result<std::uint64_t> address_of(std::uint64_t symbol, std::uint64_t size) const {
    if (symbol >= symbols_.size()) return refuse("a symbol that does not exist");
    const Elf64_Sym& entry = symbols_[symbol];
    if (entry.st_shndx == SHN_UNDEF) return refuse(fmt::format("undefined symbol '{}'", names_[symbol]));
    if (entry.st_shndx >= sections_.size() || !placements_[entry.st_shndx].loaded) return refuse(fmt::format("symbol '{}' outside of the loaded sections", names_[symbol]));
    const std::uint64_t section_size = sections_[entry.st_shndx].sh_size;
    if (entry.st_value > section_size || size > section_size - entry.st_value) return refuse(fmt::format("symbol '{}' beyond its section", names_[symbol]));
    return placements_[entry.st_shndx].offset + entry.st_value;
  }

  Result<void> relocate() {
    for (const Elf64_Shdr& section : sections_) {
      if (section.sh_type == SHT_REL) return refuse("relocations without addends");
      if (section.sh_type != SHT_RELA) continue;
      if (section.sh_info >= sections_.size() || section.sh_entsize != sizeof(Elf64_Rela)) return refuse("malformed relocations");
      if (!placements_[section.sh_info].loaded) continue;
      for (std::uint64_t at = 0; at + sizeof(Elf64_Rela) <= section.sh_size; at += sizeof(Elf64_Rela))
        if (auto done = apply(*bytes_.at<Elf64_Rela>(section.sh_offset + at), section.sh_info); !done) return done;
    }
    return {};
  }

  Result<const flexc_row_module*> module() const {
    for (std::uint64_t i = 0; i < symbols_.size(); ++i) {
      if (names_[i] != "flexc_row_module") continue;
      const auto address = address_of(i, sizeof(flexc_row_module));
      if (!address) return std::unexpected(address.error());
      const auto* module = reinterpret_cast<const flexc_row_module*>(memory_ + *address);
      if (module->abi_version != FLEXC_ROW_ABI_VERSION)
        return refuse(fmt::format("row-segment ABI version {} instead of {}", module->abi_version, FLEXC_ROW_ABI_VERSION));
      return module;
    }
    return refuse("no symbol 'flexc_row_module'");
  }

  Result<void> protect() {
    const auto fail = [](const char* what) {
      return std::unexpected(Error{ErrorKind::Environment, fmt::format("mprotect of CPU {}: {}", what, std::strerror(errno))});
    };
    if (code_size_ != 0 && mprotect(memory_, code_size_, PROT_READ | PROT_EXEC) != 0) return fail("code");
    if (size_ != code_size_ && mprotect(memory_ + code_size_, size_ - code_size_, PROT_READ) != 0) return fail("data");
    return {};
  }

  std::byte* memory() const { return memory_; }
  std::size_t size() const { return size_; }

 private:
  Result<void> apply(const Elf64_Rela& relocation, std::size_t section) {
    const auto type = static_cast<std::uint32_t>(ELF64_R_TYPE(relocation.r_info));
    const auto symbol = address_of(ELF64_R_SYM(relocation.r_info), 0);
    if (!symbol) return std::unexpected(symbol.error());
    const std::size_t width = type == R_X86_64_64 ? sizeof(std::uint64_t) : sizeof(std::uint32_t);
    if (relocation.r_offset > sections_[section].sh_size || width > sections_[section].sh_size - relocation.r_offset) return refuse("a relocation beyond its section");
    std::byte* place = memory_ + placements_[section].offset + relocation.r_offset;
    const std::uint64_t target = reinterpret_cast<std::uint64_t>(memory_ + *symbol) + static_cast<std::uint64_t>(relocation.r_addend);
    switch (type) {
      case R_X86_64_64: std::memcpy(place, &target, sizeof target); return {};
      case R_X86_64_PC32:
      case R_X86_64_PLT32: return store_signed(place, target - reinterpret_cast<std::uint64_t>(place));
      case R_X86_64_32S: return store_signed(place, target);
      default: return refuse(fmt::format("relocation type {}", type));
    }
  }

  static Result<void> store_signed(std::byte* place, std::uint64_t value) {
    const auto wide = static_cast<std::int64_t>(value);
    if (wide < std::numeric_limits<std::int32_t>::min() || wide > std::numeric_limits<std::int32_t>::max()) return refuse("a relocation that does not fit in 32 bits");
    const auto narrow = static_cast<std::int32_t>(wide);
    std::memcpy(place, &narrow, sizeof narrow);
    return {};
  }

  Bytes bytes_;
  std::vector<Elf64_Shdr> sections_;
  std::vector<Placement> placements_;
  std::vector<Elf64_Sym> symbols_;
  std::vector<std::string_view> names_;
  std::byte* memory_ = nullptr;
  std::size_t size_ = 0, code_size_ = 0;
};

}  // namespace

Result<RowObject> RowObject::load(std::span<const std::byte> object) {
  if (object.size() > kMaxObjectBytes) return refuse("too large");
  Mapper mapper(object);
  Result<void> done = mapper.read_headers();
  if (done) done = mapper.place();
  if (done) done = mapper.map();
  RowObject loaded;
  loaded.memory_ = mapper.memory();
  loaded.size_ = mapper.size();
  if (done) done = mapper.read_symbols();
  if (done) done = mapper.relocate();
  if (!done) return std::unexpected(done.error());
  const auto module = mapper.module();
  if (!module) return std::unexpected(module.error());
  if (done = mapper.protect(); !done) return std::unexpected(done.error());
  loaded.module_ = *module;
  return loaded;
}

RowObject::~RowObject() {
  if (memory_ != nullptr) munmap(memory_, size_);
}

RowObject::RowObject(RowObject&& other) noexcept
    : memory_(std::exchange(other.memory_, nullptr)), size_(std::exchange(other.size_, 0)), module_(std::exchange(other.module_, nullptr)) {}

RowObject& RowObject::operator=(RowObject&& other) noexcept {
  std::swap(memory_, other.memory_);
  std::swap(size_, other.size_);
  std::swap(module_, other.module_);
  return *this;
}

}  // namespace flexc::runtime
