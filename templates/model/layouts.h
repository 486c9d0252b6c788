// Where Hopper's instructions find their operands: 128-byte swizzle, matrix descriptors, and the register fragments of
// wgmma.m64nNk16, as the PTX ISA (sections "Matrix Descriptor Format", "Canonical Layouts", "Register Fragments") defines them.
// Pure functions of numbers; the tests compare them with tables that were typed from the ISA.
#pragma once
#include <cstdint>

namespace flexc::model {

// Rows of accumulator that one warpgroup computes, and the depth of one instruction, for 16-bit operands.
constexpr int kMmaM = 64;
constexpr int kMmaK = 16;
constexpr int kWarpThreads = 32;
constexpr int kWarpgroupThreads = 128;

enum class Swizzle : uint8_t { None = 0, B128 = 1, B64 = 2, B32 = 3 };  // the numbers of the descriptor's bits 63-62

// Bytes of a row of the swizzle atom; 16 (one 128-bit element) without swizzle.
constexpr uint32_t swizzle_bytes(Swizzle mode) {
  switch (mode) {
    case Swizzle::B128:
      return 128;
    case Swizzle::B64:
      return 64;
    case Swizzle::B32:
      return 32;
    default:
      return 16;
  }
}

// The hardware permutes 16-byte chunks by the number of the 128-byte line: bits 4.. ^= bits 7.. of the *address*.
// `base_offset` is the line, modulo 8, at which the pattern starts when that is not a multiple of its period.
constexpr uint32_t swizzled(uint32_t address, Swizzle mode, uint32_t base_offset = 0) {
  const uint32_t lines = mode == Swizzle::B128 ? 7 : mode == Swizzle::B64 ? 3 : mode == Swizzle::B32 ? 1 : 0;
  return address ^ ((((address >> 7) - base_offset) & lines) << 4);
}

// A 64-bit matrix descriptor, decoded; distances in bytes.
struct MatrixDescriptor {
  uint32_t start = 0;
  uint32_t leading = 0;  // LBO
  uint32_t stride = 0;   // SBO
  uint32_t base_offset = 0;
  Swizzle swizzle = Swizzle::None;
  uint64_t reserved = 0;  // bits that the ISA does not define, which must be 0

  static constexpr MatrixDescriptor decode(uint64_t bits) {
    MatrixDescriptor d;
    d.start = static_cast<uint32_t>(bits & 0x3fff) << 4;
    d.leading = static_cast<uint32_t>((bits >> 16) & 0x3fff) << 4;
    d.stride = static_cast<uint32_t>((bits >> 32) & 0x3fff) << 4;
    d.base_offset = static_cast<uint32_t>((bits >> 49) & 7);
    d.swizzle = static_cast<Swizzle>((bits >> 62) & 3);
    d.reserved = bits & 0x3ff1'c000'c000'c000ull;
    return d;
  }

  // Address of the 16-byte chunk that holds elements k .. k+7 (k a multiple of 8) of row `row`; k-major operand.
  constexpr uint32_t k_major(uint32_t row, uint32_t k) const {
    if (swizzle == Swizzle::None) return start + (row % 8) * 16 + (row / 8) * stride + (k / 8) * leading;
    return swizzled(start + (row % 8) * swizzle_bytes(swizzle) + (row / 8) * stride + k * 2, swizzle, base_offset);
  }

  // Address of the chunk that holds elements mn .. mn+7 (a multiple of 8) at depth k; m- or n-major ("transposed") operand.
  constexpr uint32_t mn_major(uint32_t mn, uint32_t k) const {
    if (swizzle == Swizzle::None) return start + (mn / 8) * stride + (k % 8) * 16 + (k / 8) * leading;
    const uint32_t row_bytes = swizzle_bytes(swizzle), panel = row_bytes / 2;
    return swizzled(start + (mn / panel) * leading + (mn % panel) * 2 + (k % 8) * row_bytes + (k / 8) * stride, swizzle, base_offset);
  }
};

struct Element {
  int row, column;
  friend constexpr bool operator==(Element, Element) = default;
};

// Which element of the 64 x N accumulator is register `i` (of N/2) of a thread of the warpgroup.
constexpr Element accumulator_element(int thread, int i) {
  const int warp = thread / kWarpThreads, lane = thread % kWarpThreads;
  return {16 * warp + lane / 4 + 8 * ((i / 2) % 2), 8 * (i / 4) + 2 * (lane % 4) + i % 2};
}

// Which element of the 64 x 16 operand A is half `i` (of 8; register i/2, low half first) of a thread of the warpgroup.
constexpr Element a_fragment_element(int thread, int i) {
  const int warp = thread / kWarpThreads, lane = thread % kWarpThreads;
  return {16 * warp + lane / 4 + 8 * ((i / 2) % 2), 8 * (i / 4) + 2 * (lane % 4) + i % 2};
}

}  // namespace flexc::model
