// Values of the launch level (templates/hooks.cuh): what a mod computes from nothing but sizes, params and the scale. A compiled variant carries them as
// a small register program, which the runtime interprets once a call; hosts without a compiler have it in bytes.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "runtime/tile/program.h"

namespace flexc::runtime {

/// The instructions are a tile program's, and so is their meaning: integers wrap, f32 operations round once. None of them reads a position or a capture.
/// The program has one param more than the variant: its last one is the scale, as f32.
struct LaunchProgram {
  tile::Program program;
  std::vector<tile::Register> values;    ///< value i of the launch level; a Bool, I64 or F32
  std::vector<tile::Register> divisors;  ///< divisor i; an I64
  bool operator==(const LaunchProgram&) const = default;
};

/// Nothing if the program is well formed and reads neither positions nor captures; else what is wrong.
std::string check(const LaunchProgram& launch);

std::vector<std::byte> serialize(const LaunchProgram& launch);
/// The inverse. Bytes that are damaged, of another version or not well formed are an error of kind Input.
Result<LaunchProgram> deserialize_launch_program(std::span<const std::byte> bytes);

/// What it reads.
struct LaunchInputs {
  std::array<std::int64_t, tile::kSymbols> symbols{};  ///< B, H, HKV, Q, KV
  std::span<const tile::Launch::Param> params;         ///< the variant's
  std::span<const std::int64_t> fresh_dims;
  float scale = 0;
};

/// The words of Params that it fills: one a value (an integer; an f32's bits in the low half; a boolean's byte), three a divisor.
struct LaunchWords {
  std::vector<std::uint64_t> values;
  std::vector<std::array<std::uint64_t, 3>> divisors;
};

/// Internal where the inputs do not fit the program.
Result<LaunchWords> evaluate(const LaunchProgram& launch, const LaunchInputs& inputs);

}  // namespace flexc::runtime
