// What the compiler knows of a variant's Hopper kernel, as `flexc explain` says it.
#pragma once

#include <expected>
#include <string>
#include <vector>

#include "flexc/flexc.h"

namespace flexc {

/// Of the narrow member, the one that serves calls of ordinary sizes.
struct KernelExplanation {
  /// The mods' operations that are done once a call ("launch", on the host), a head ("head"), a row ("q_side"), a key of a tile ("kv_side"),
  /// a difference q - kv of a tile ("relative"), or at every pair ("pair").
  struct Level {
    std::string name;
    unsigned operations = 0;
  };
  struct Gather {
    std::string capture;
    std::string level;
    bool in_table = false;  ///< read once for each key of a tile, or each difference, into a table in shared memory
    /// "proven": its indices are never outside of the capture; "launch-checked": nor where the launch's checks hold, which choose this member; "guarded": the
    /// comparison at each use keeps them inside. Emitted code compares in all three cases.
    std::string bounds;
  };
  std::vector<Level> levels;
  unsigned reductions = 0;  ///< loops over a row of a capture, whose operations are counted for one turn
  std::vector<Gather> gathers;
  std::vector<std::string> launch_checks;  ///< what a launch checks before it takes this member: "positions", "symbols", "params", "fresh_dims", "captures"
};

/// Environment where the compiler library is missing. Undeclared captures are assumed f32.
std::expected<KernelExplanation, CompileError> explain_kernel(const Variant& variant);

}  // namespace flexc
