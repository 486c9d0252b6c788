// Which tiles of a call are empty, partial or full, from a tile program: the cost follows the boundary between them, not the area.
#pragma once

#include "flexc/block_mask.h"
#include "runtime/tile/program.h"
#include "runtime/tile/verdicts.h"

namespace flexc::tile {

/// How the tiles of a mask were found.
enum class Method : std::uint8_t {
  Constant,  ///< one value everywhere
  Band,      ///< linear inequalities of kv_idx: one evaluation a block of rows
  Diagonal,  ///< a function of q_idx − kv_idx: one tile a diagonal
  Descent,   ///< coarse regions first, finer ones where undecided
};
std::string_view name_of(Method method);

struct ClassifyOptions {
  Refine refine = Refine::Default;
  int threads = 0;                         ///< 0: as many as there are cores; changes no bit
  Int node_budget = Int{1} << 26;          ///< evaluations of regions in a plane's descent; what is left is partial. Ignored with Exact
  /// For tests: leaves the special ways out, so that their answers can be compared with the descent's.
  bool only_descent = false;
};

struct ClassifyReport {
  Effort effort;
  Int kept_pairs = -1;  ///< of the stored planes; with Refine::Exact only
  Method method = Method::Constant;
  bool budget_exhausted = false;
};

/// `shape` gives lengths, positions and blocks, and the call's batches and heads; a dimension that the program does not read is stored
/// once. The launch must have passed check_launch.
Result<BlockMask> classify(const Program& program, const Launch& launch, const BlockMask& shape, const ClassifyOptions& options = {}, ClassifyReport* report = nullptr);

}  // namespace flexc::tile
