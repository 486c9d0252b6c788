// Random tile programs with the captures, params and shapes to run them on; and references that the interpreters are judged by.
#pragma once

#include <array>
#include <memory>
#include <random>
#include <vector>

#include "flexc/block_mask.h"
#include "runtime/tile/plane.h"
#include "runtime/tile/program.h"

namespace flexc::tile {

/// How a random program is put together.
enum class Style {
  Anything,   ///< every operation at edge values
  Bands,      ///< linear inequalities of q_idx and kv_idx, |…| and boolean connectives
  Documents,  ///< equalities of gathers, orders of offsets
  Bitwise,    ///< chains of bit operations, shifts and sums
};

struct RandomCase {
  Program program;
  Launch launch;
  BlockMask shape;
  std::vector<std::vector<std::byte>> storage;  ///< the captures' memory
};

RandomCase random_case(std::uint64_t seed);

/// The case's block mask by its definition, every pair by the point interpreter, with as many planes as classification stores.
BlockMask true_mask(const RandomCase& random, Int* kept_pairs = nullptr);

}  // namespace flexc::tile
