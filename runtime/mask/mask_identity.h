// What the block mask of a call follows from: the tile program, and of the launch what the program reads. Two calls with one identity
// have one mask; of a capture whose element changed the identity changes.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "flexc/block_mask.h"
#include "runtime/tile/classify.h"

namespace flexc::runtime {

/// Of one tile program. Immutable; a thread's call changes nothing.
class MaskIdentity {
 public:
  /// Borrows the program.
  explicit MaskIdentity(const tile::Program& program);

  /// All that says which pairs are kept, as text: program, lengths, offsets, symbols, params, and of each capture that the program
  /// reads its type, its shape and a digest (XXH3-128) of its elements. What the program does not read is left out: captures and
  /// params of a score_mod alone, batches and heads that a mask ignores. Axes that b or h index count as far as the call has them.
  /// `frame` gives lengths, offsets, and the call's batches and heads. The launch must have passed check_launch.
  std::string text(const tile::Launch& launch, const BlockMask& frame) const;

 private:
  std::string captures_text(const tile::Launch& launch, const BlockMask& frame) const;

  const tile::Program& program_;
  std::vector<bool> live_;      ///< instructions that the result needs
  tile::Analysis analysis_;
  std::string program_text_;
};

/// BlockMask::origin of masks with this text; never zero.
std::array<std::uint64_t, 2> origin_of(const std::string& identity);

}  // namespace flexc::runtime
