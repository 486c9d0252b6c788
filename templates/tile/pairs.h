// What the kernel that evaluates a mask at single pairs is given: the program's own instructions, as far as positions change them, and the values of the rest.
// runtime/tile/device_pairs packs it. Shared by the host and the device.
#pragma once
#include "templates/tile/opcodes.h"
#include "templates/tile/scalar.h"

namespace flexc::tile {

/// One instruction of runtime/tile/program.h. `a`, `b`, `c` are registers; of a gather, `a` is the first of its `count` entries in the list of indices and `imm`
/// the capture. `jump`: of a loop's begin, the step of its end; of the end, that of the begin.
struct PairStep {
  Int imm;
  std::uint32_t op, to, a, b, c, count, jump, unused;
};

struct PairCapture {
  static constexpr std::uint32_t kMostAxes = 16;
  const void* data;
  std::uint32_t dtype, rank;  ///< dtype: the number of flexc::DType
  Int shape[kMostAxes], strides[kMostAxes];
};

union PairRegister {
  Int integer;
  float real;
  std::uint32_t truth;
};

struct PairConstant {
  PairRegister value;
  std::uint32_t at, unused;
};

struct Pair {
  Int q_idx, kv_idx;
};

/// The kernel's argument. Everything lies in the memory in which it runs.
struct PairArguments {
  const PairStep* steps;
  const std::uint32_t* indices;    ///< registers
  const PairCapture* captures;
  const PairConstant* constants;   ///< registers that no position changes
  const Pair* pairs;
  PairRegister* registers;         ///< register_count for each thread of the grid: [register][thread]
  std::uint8_t* kept;              ///< 0 or 1 a pair
  std::uint32_t step_count, constant_count, register_count, result, pair_count;
};

}  // namespace flexc::tile
