// What of a variant is computed where, and what is known of its gathers, for `flexc explain`. Free of MLIR.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

namespace flexc::compiler {

/// Levels at which a value can be computed, once each: a call, a head, a row, a key of a tile, a difference q - kv of a tile, a pair.
inline constexpr std::array<std::string_view, 6> kLevelNames = {"launch", "head", "q_side", "kv_side", "relative", "pair"};

struct KernelFacts {
  /// Whether a gather's indices can lie outside of its capture.
  enum class Bounds {
    Proven,         ///< never, whatever the call
    LaunchChecked,  ///< not where the launch's checks hold, which choose this member
    Guarded,        ///< nothing is proven: the check at each use is what keeps it inside
  };
  struct Gather {
    unsigned capture = 0;  ///< its number in the normal form
    unsigned level = 0;    ///< of kLevelNames
    bool in_table = false;  ///< a word a key, or a difference, of a table in shared memory, filled once a tile, or what such a word takes
    Bounds bounds = Bounds::Guarded;
  };
  std::array<unsigned, kLevelNames.size()> operations{};  ///< of the mods, by level; constants apart. Of an affine score its affine form
  unsigned reductions = 0;  ///< loops over a row of a capture, whose operations are counted for one turn
  std::vector<Gather> gathers;
  std::uint32_t assumptions = 0;  ///< that the narrow member rests on (members.h)
};

}  // namespace flexc::compiler
