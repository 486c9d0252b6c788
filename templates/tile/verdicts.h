// What the kernel of tile verdicts is given: a plane (runtime/tile/plane.h) as plain arrays, which runtime/tile/device_plane packs into one block of words.
// Shared by the host and the device.
#pragma once
#include "templates/tile/float_range.h"

namespace flexc::tile {

/// One step of the range interpreter. `type` is the result's; `imm` and `extra` mean what they mean in a plane's Step.
struct DeviceStep {
  Int imm;
  std::uint32_t to, a, b, c, extra;
  std::uint8_t kind, op, type, flags;
};
inline constexpr std::uint8_t kStepOperation = 0, kStepLinear = 1, kStepGather = 2;
inline constexpr std::uint8_t kWantsBits = 1, kComparesSignatures = 2;

struct DeviceTerm {
  Int coefficient;
  std::uint32_t at, unused;
};
/// constant + Σ coefficient · register, compared with 0 by `op`.
struct DeviceLinear {
  Int constant;
  std::uint32_t first_term, terms, op, unused;
};

/// How a gather is bounded: summaries of the capture as runtime/tile/summaries makes them, level after level.
struct DeviceGather {
  enum Kind : std::uint32_t { kZero, kLine, kGrid, kUnknown };
  std::uint32_t kind, dtype;       ///< dtype: the number of flexc::DType
  std::uint32_t index[2];          ///< registers
  const void* data;                ///< the capture
  Int base, extents[2], strides[2];
  Int levels;
  const void* table;               ///< IntRange or FloatRange, as the capture is
  const Word* signatures;          ///< of a line
  Int signature_words;
};

struct DeviceConstant {
  Int integer;
  float real;
  std::uint32_t at;
};

struct DeviceRegion {
  Int q0, q1, k0, k1;
};

/// A register of one region.
struct DeviceRegister {
  IntRange integers;
  union {
    Bits bits;
    struct {
      float lo, hi;
      std::uint32_t nan;
      std::uint32_t truth;
    } other;
  };
};

/// The kernel's argument. Everything lies in the memory in which it runs.
struct VerdictArguments {
  const DeviceStep* steps;
  const DeviceLinear* linear;
  const DeviceTerm* terms;
  const DeviceGather* gathers;
  const DeviceConstant* constants;
  const std::uint8_t* types;       ///< of registers: the number of Type; | 4 where known bits are kept
  const DeviceRegion* regions;
  DeviceRegister* registers;       ///< register_count for each thread of the grid: [register][thread]
  std::uint8_t* verdicts;          ///< a Truth a region
  std::uint32_t step_count, constant_count, register_count, result, region_count;
};

}  // namespace flexc::tile
