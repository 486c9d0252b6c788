// Tile programs: mask_mod as a flat register bytecode, interpreted over ranges (b, h, [q0, q1), [k0, k1)) to prove that a tile is
// empty or full, and over single pairs as the exact mask. compiler/emit/tile_program writes them; a host needs no LLVM to run one.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "flexc/error.h"
#include "flexc/tensor.h"
#include "templates/tile/opcodes.h"

namespace flexc::tile {

std::string_view name_of(Opcode op);
std::string_view name_of(Function function);
Type type_of(Opcode op);
/// Letters of the operands, or "*".
std::string_view operands_of(Opcode op);

using Register = std::uint32_t;

/// The result of instruction i is register i; operands are earlier registers.
struct Instruction {
  Opcode op = Opcode::ConstB;
  std::int64_t imm = 0;
  std::uint32_t first = 0, count = 0;  ///< operands: a stretch of Program::operands
  bool operator==(const Instruction&) const = default;
};

/// A capture as the program reads it.
struct CaptureType {
  DType dtype = DType::F32;
  std::uint32_t rank = 0;
  bool operator==(const CaptureType&) const = default;
};

inline constexpr std::size_t kSymbols = 5;  ///< B, H, HKV, Q, KV
inline constexpr std::size_t kMaxRank = 16;

struct Program {
  std::vector<CaptureType> captures;
  std::uint32_t params = 0, fresh_dims = 0;
  std::vector<Instruction> instructions;
  std::vector<Register> operands;
  Register result = 0;  ///< a Bool

  std::span<const Register> operands_of(const Instruction& instruction) const { return {operands.data() + instruction.first, instruction.count}; }
  bool operator==(const Program&) const = default;
};

/// Nothing if the program is well formed: types, order, scopes of loops, numbers of declarations. Else what is wrong.
std::string check(const Program& program);

/// Bytes with magic, version and a hash over all of them.
std::vector<std::byte> serialize(const Program& program);
/// The inverse. Bytes that are damaged, of another version or not well formed are an error of kind Input.
Result<Program> deserialize(std::span<const std::byte> bytes);

/// Readable text, one instruction a line.
std::string print(const Program& program);

class Remote;

/// What a program reads beside positions: one entry a capture and a param, in the program's order. Borrows the captures.
struct Launch {
  std::vector<TensorView> captures;  ///< those that the program does not read may be absent
  struct Param {
    std::int64_t integer = 0;
    float real = 0;
  };
  std::vector<Param> params;
  std::array<std::int64_t, kSymbols> symbols{};
  std::vector<std::int64_t> fresh_dims;
  Remote* remote = nullptr;  ///< the captures are in a device's memory, and read through this (remote.h)
};

/// Whether the launch fits the program: counts, dtypes, ranks.
Result<void> check_launch(const Program& program, const Launch& launch);

}  // namespace flexc::tile
