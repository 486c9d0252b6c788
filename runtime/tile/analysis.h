// What a tile program's shape says, once a program: which coordinates each register depends on, which registers need known bits.
#pragma once

#include <cstdint>
#include <vector>

#include "runtime/tile/program.h"

namespace flexc::tile {

/// Coordinates, as bits.
enum Dependence : std::uint8_t { kOnBatch = 1, kOnHead = 2, kOnQ = 4, kOnKv = 8, kOnIndex = 16 };

struct Analysis {
  std::vector<std::uint8_t> depends;     ///< a register's coordinates; kOnIndex: it changes within a loop
  std::vector<bool> needs_bits;          ///< in the cone of a bit operation
  std::vector<Register> loop_of;         ///< the LoopBegin that an instruction stands in, or its own number

  explicit Analysis(const Program& program);
};

}  // namespace flexc::tile
