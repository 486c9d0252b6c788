// The byte format of tile programs: little-endian fields one after the other, and XXH3-64 of all of them at the end.
#include <xxhash.h>

#include <cstring>

#include <fmt/format.h>

#include "runtime/tile/program.h"

namespace flexc::tile {
namespace {

constexpr std::uint32_t kMagic = 0x54584C46;  // "FLXT"
constexpr std::uint32_t kVersion = 1;
static_assert(std::endian::native == std::endian::little, "fields are copied as they are");

class Writer {
 public:
  template <class T>
  void put(T value) {
    const auto* raw = reinterpret_cast<const std::byte*>(&value);
    bytes.insert(bytes.end(), raw, raw + sizeof value);
  }
  std::vector<std::byte> bytes;
};

/// Reads past the end give zeros and are remembered.
class Reader {
 public:
  explicit Reader(std::span<const std::byte> bytes) : rest_(bytes) {}
  template <class T>
  T take() {
    T value{};
    if (rest_.size() < sizeof value) {
      ended_ = true;
      return value;
    }
    std::memcpy(&value, rest_.data(), sizeof value);
    rest_ = rest_.subspan(sizeof value);
    return value;
  }
  /// A count of items of at least `size` bytes each, so that no count can ask for more memory than the bytes themselves have.
  std::uint32_t take_count(std::size_t size) {
    const auto count = take<std::uint32_t>();
    if (rest_.size() / size >= count) return count;
    ended_ = true;
    return 0;
  }
  bool done() const { return !ended_ && rest_.empty(); }

 private:
  std::span<const std::byte> rest_;
  bool ended_ = false;
};

constexpr std::size_t kInstructionBytes = 17, kCaptureBytes = 5;

}  // namespace

std::vector<std::byte> serialize(const Program& program) {
  Writer writer;
  writer.put(kMagic);
  writer.put(kVersion);
  writer.put(static_cast<std::uint32_t>(program.captures.size()));
  for (const CaptureType& capture : program.captures) {
    writer.put(static_cast<std::uint8_t>(capture.dtype));
    writer.put(capture.rank);
  }
  writer.put(program.params);
  writer.put(program.fresh_dims);
  writer.put(static_cast<std::uint32_t>(program.instructions.size()));
  for (const Instruction& instruction : program.instructions) {
    writer.put(static_cast<std::uint8_t>(instruction.op));
    writer.put(instruction.imm);
    writer.put(instruction.first);
    writer.put(instruction.count);
  }
  writer.put(static_cast<std::uint32_t>(program.operands.size()));
  for (const Register operand : program.operands) writer.put(operand);
  writer.put(program.result);
  writer.put(static_cast<std::uint64_t>(XXH3_64bits(writer.bytes.data(), writer.bytes.size())));
  return std::move(writer.bytes);
}

Result<Program> deserialize(std::span<const std::byte> bytes) {
  const auto refused = [](std::string why) { return std::unexpected(Error{ErrorKind::Input, "this is no tile program: " + std::move(why)}); };
  constexpr std::size_t kHashBytes = sizeof(std::uint64_t);
  if (bytes.size() < kHashBytes) return refused("it is too short");
  const std::span<const std::byte> body = bytes.first(bytes.size() - kHashBytes);
  Reader reader(body);
  if (reader.take<std::uint32_t>() != kMagic) return refused("it begins with other bytes");
  if (const auto version = reader.take<std::uint32_t>(); version != kVersion) return refused(fmt::format("it has version {}, and this is version {}", version, kVersion));
  if (Reader(bytes.last(kHashBytes)).take<std::uint64_t>() != XXH3_64bits(body.data(), body.size())) return refused("it is damaged (its hash differs)");
  Program program;
  program.captures.resize(reader.take_count(kCaptureBytes));
  for (CaptureType& capture : program.captures) {
    capture.dtype = static_cast<DType>(reader.take<std::uint8_t>());
    capture.rank = reader.take<std::uint32_t>();
  }
  program.params = reader.take<std::uint32_t>();
  program.fresh_dims = reader.take<std::uint32_t>();
  program.instructions.resize(reader.take_count(kInstructionBytes));
  for (Instruction& instruction : program.instructions) {
    instruction.op = static_cast<Opcode>(reader.take<std::uint8_t>());
    instruction.imm = reader.take<std::int64_t>();
    instruction.first = reader.take<std::uint32_t>();
    instruction.count = reader.take<std::uint32_t>();
  }
  program.operands.resize(reader.take_count(sizeof(Register)));
  for (Register& operand : program.operands) operand = reader.take<Register>();
  program.result = reader.take<Register>();
  if (!reader.done()) return refused("its lengths do not match");
  if (std::string problem = check(program); !problem.empty()) return refused(std::move(problem));
  return program;
}

}  // namespace flexc::tile
