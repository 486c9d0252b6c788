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

/// The mask at one pair, by the point interpreter.
class PointMask {
 public:
  explicit PointMask(const RandomCase& random) : analysis_(random.program), machine_(random.program, analysis_, random.launch) {}
  bool operator()(Int b, Int h, Int q, Int k) {
    if (b != b_ || h != h_) machine_.set_plane(b_ = b, h_ = h);
    return machine_.evaluate(&q, &k, 1)[0] != 0;
  }

 private:
  Analysis analysis_;
  PointMachine machine_;
  Int b_ = -1, h_ = -1;
};

}  // namespace flexc::tile
