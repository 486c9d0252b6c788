#include "runtime/cuda/cubin.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string_view>
#include <vector>

namespace flexc::runtime {
namespace {

// ELF64, little-endian: the fields that are read, by their offsets in the headers.
constexpr std::size_t kElfHeader = 64, kSectionHeader = 64, kSymbol = 24, kInstruction = 16;
constexpr std::uint16_t kMachineCuda = 190;
constexpr std::uint32_t kSymbolTable = 2, kNoBits = 8;

// .nv.info: records of a format byte, an attribute byte and a payload: two bytes, or a length in two bytes and that many.
constexpr std::uint8_t kFormatSized = 4, kAttributeFrameSize = 0x11, kAttributeParameter = 0x17, kAttributeRegisters = 0x2f;

// From compute capability 9.0 on the section begins with what the system keeps of shared memory.
constexpr std::uint64_t kReservedShared = 1024;

// Opcodes: the low 12 bits of an instruction.
constexpr unsigned kOpcodeLdl = 0x983, kOpcodeStl = 0x387, kOpcodeHgmma = 0x9f0, kOpcodeHgmmaShared = 0xdf0;

std::unexpected<Error> broken(const std::string& what) { return std::unexpected(Error{ErrorKind::Internal, "cubin: " + what}); }

class Reader {
 public:
  explicit Reader(std::span<const std::byte> bytes) : bytes_(bytes) {}

  /// Nothing beyond the end.
  template <class T>
  std::optional<T> at(std::uint64_t offset) const {
    if (offset > bytes_.size() || bytes_.size() - offset < sizeof(T)) return std::nullopt;
    T value;
    std::memcpy(&value, bytes_.data() + offset, sizeof value);
    return value;
  }
  std::optional<std::span<const std::byte>> part(std::uint64_t offset, std::uint64_t size) const {
    if (offset > bytes_.size() || bytes_.size() - offset < size) return std::nullopt;
    return bytes_.subspan(offset, size);
  }
  std::string_view text(std::uint64_t offset) const {
    if (offset >= bytes_.size()) return {};
    const char* begin = reinterpret_cast<const char*>(bytes_.data()) + offset;
    return {begin, strnlen(begin, bytes_.size() - offset)};
  }

 private:
  std::span<const std::byte> bytes_;
};

struct Section {
  std::string_view name;
  std::uint32_t type = 0, info = 0;
  std::uint64_t size = 0;
  std::span<const std::byte> data;  // empty for NOBITS
};

Result<std::vector<Section>> sections_of(const Reader& file) {
  constexpr unsigned char kMagic[] = {0x7f, 'E', 'L', 'F', 2, 1};
  for (std::size_t i = 0; i < sizeof kMagic; ++i)
    if (file.at<unsigned char>(i) != kMagic[i]) return broken("no 64-bit ELF file");
  const auto machine = file.at<std::uint16_t>(18), count = file.at<std::uint16_t>(60), names_index = file.at<std::uint16_t>(62);
  const auto table = file.at<std::uint64_t>(40);
  if (!names_index || !table || !count || *machine != kMachineCuda) return broken("not for a GPU");
  const auto segments = file.at<std::uint64_t>(32);
  const auto segment_size = file.at<std::uint16_t>(54), segment_count = file.at<std::uint16_t>(56);
  if (!segments || !segment_size || !segment_count || !file.part(*segments, std::uint64_t{*segment_size} * *segment_count)) return broken("it is cut off");
  const auto header = [&](std::uint64_t index) { return *table + index * kSectionHeader; };
  const auto name_table = file.at<std::uint64_t>(header(*names_index) + 24);
  if (!name_table || *names_index >= *count) return broken("no section names");
  std::vector<Section> sections;
  for (std::uint64_t i = 0; i < *count; ++i) {
    const auto name = file.at<std::uint32_t>(header(i)), type = file.at<std::uint32_t>(header(i) + 4), info = file.at<std::uint32_t>(header(i) + 44);
    const auto offset = file.at<std::uint64_t>(header(i) + 24), size = file.at<std::uint64_t>(header(i) + 32);
    if (!name || !type || !info || !offset || !size) return broken("a section header lies outside of the file");
    Section section{file.text(*name_table + *name), *type, *info, *size, {}};
    if (*type != kNoBits) {
      const auto data = file.part(*offset, *size);
      if (!data) return broken("section " + std::string(section.name) + " lies outside of the file");
      section.data = *data;
    }
    sections.push_back(section);
  }
  return sections;
}

/// Calls visit(attribute, payload) for each record.
template <class Visit>
bool each_record(std::span<const std::byte> data, Visit visit) {
  const Reader reader(data);
  for (std::uint64_t at = 0; at + 4 <= data.size();) {
    const auto format = *reader.at<std::uint8_t>(at), attribute = *reader.at<std::uint8_t>(at + 1);
    const auto inline_or_size = *reader.at<std::uint16_t>(at + 2);
    at += 4;
    if (format != kFormatSized) continue;
    const auto payload = reader.part(at, inline_or_size);
    if (!payload) return false;
    visit(attribute, Reader(*payload));
    at += inline_or_size;
  }
  return true;
}

void count_instructions(std::span<const std::byte> code, CubinReport& report) {
  const Reader reader(code);
  for (std::uint64_t at = 0; at + kInstruction <= code.size(); at += kInstruction) {
    const unsigned opcode = *reader.at<std::uint16_t>(at) & 0xfffu;
    report.local_loads += opcode == kOpcodeLdl;
    report.local_stores += opcode == kOpcodeStl;
    report.tensor_instructions += opcode == kOpcodeHgmma || opcode == kOpcodeHgmmaShared;
  }
}

}  // namespace

Result<CubinReport> read_cubin(std::span<const std::byte> bytes) {
  const Reader file(bytes);
  const auto sections = sections_of(file);
  if (!sections) return std::unexpected(sections.error());
  constexpr std::string_view kText = ".text.", kShared = ".nv.shared.", kInfo = ".nv.info";
  CubinReport report;
  unsigned kernels = 0;
  std::uint64_t kernel_section = 0;
  for (std::size_t i = 0; i < sections->size(); ++i) {
    const Section& section = (*sections)[i];
    if (!section.name.starts_with(kText)) continue;
    ++kernels;
    kernel_section = i;
    report.kernel = section.name.substr(kText.size());
    report.code_bytes = static_cast<unsigned>(section.size);
    count_instructions(section.data, report);
  }
  if (kernels != 1) return broken(std::to_string(kernels) + " functions instead of one kernel");

  // Records name functions by their number in the symbol table.
  std::vector<std::uint32_t> own_symbols;
  for (const Section& section : *sections) {
    if (section.type != kSymbolTable) continue;
    const Reader symbols(section.data);
    for (std::uint64_t i = 0; (i + 1) * kSymbol <= section.data.size(); ++i)
      if (symbols.at<std::uint16_t>(i * kSymbol + 6) == kernel_section) own_symbols.push_back(static_cast<std::uint32_t>(i));
  }
  bool has_registers = false, is_sound = true;
  for (const Section& section : *sections) {
    if (section.name == kInfo) {
      is_sound &= each_record(section.data, [&](std::uint8_t attribute, const Reader& payload) {
        const auto symbol = payload.at<std::uint32_t>(0), value = payload.at<std::uint32_t>(4);
        if (!symbol || !value || std::ranges::find(own_symbols, *symbol) == own_symbols.end()) return;
        if (attribute == kAttributeRegisters) {
          report.registers = *value;
          has_registers = true;
        }
        if (attribute == kAttributeFrameSize) report.stack_bytes = *value;
      });
    }
    if (section.name.starts_with(kShared) && section.name.substr(kShared.size()) == report.kernel) report.static_smem_bytes = static_cast<unsigned>(section.size - std::min(section.size, kReservedShared));
  }
  if (!is_sound) return broken("a record of .nv.info reaches beyond its section");
  if (!has_registers) return broken("no register count for " + report.kernel);
  return report;
}

Result<std::vector<unsigned>> kernel_parameter_bytes(std::span<const std::byte> bytes) {
  constexpr std::uint16_t kMostParameters = 1024;
  constexpr unsigned kSizeShift = 18;  // of the record's third word; below it alignment, space and bank
  const auto sections = sections_of(Reader(bytes));
  if (!sections) return std::unexpected(sections.error());
  std::vector<unsigned> sizes;
  bool is_sound = true;
  for (const Section& section : *sections) {
    if (!section.name.starts_with(".nv.info.")) continue;
    is_sound &= each_record(section.data, [&](std::uint8_t attribute, const Reader& payload) {
      if (attribute != kAttributeParameter) return;
      const auto ordinal = payload.at<std::uint16_t>(4);
      const auto word = payload.at<std::uint32_t>(8);
      if (!ordinal || !word || *ordinal >= kMostParameters) {
        is_sound = false;
        return;
      }
      sizes.resize(std::max<std::size_t>(sizes.size(), *ordinal + std::size_t{1}));
      sizes[*ordinal] = *word >> kSizeShift;
    });
  }
  if (!is_sound) return broken("a record of .nv.info is damaged");
  return sizes;
}

unsigned spill_bytes_in(const std::string& log) {
  constexpr std::string_view kWords = " bytes spill stores";
  unsigned most = 0;
  for (std::size_t at = log.find(kWords); at != std::string::npos; at = log.find(kWords, at + 1)) {
    std::size_t begin = at;
    while (begin > 0 && log[begin - 1] >= '0' && log[begin - 1] <= '9') --begin;
    unsigned value = 0;
    std::from_chars(log.data() + begin, log.data() + at, value);
    most = std::max(most, value);
  }
  return most;
}

}  // namespace flexc::runtime
