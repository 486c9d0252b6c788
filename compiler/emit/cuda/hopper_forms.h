// Forms of the Hopper kernel among which a GPU is to choose (docs/gpu_questions.md). None changes a result beyond its rounding.
#pragma once

#include <string>

namespace flexc::compiler {

struct HopperForms {
  enum class Pin { None, Sleep, Store } pin = Pin::Store;  ///< what holds the exponentials above the wait for PV (templates/hopper/primitives.cuh)
  bool take_turns = true;      ///< warpgroups issue their products in turn, up to head dim 128
  bool lazy_maximum = false;   ///< templates/hopper/lazy.cuh: bf16 only, without max_scores
  unsigned tile_m = 0, tile_n = 0;  ///< a tile of the ladder; 0: the ladder decides
  bool operator==(const HopperForms&) const = default;
};

/// As $FLEXC_HOPPER_FORMS writes them, all of them: part of a kernel's key.
std::string to_string(const HopperForms& forms);

}  // namespace flexc::compiler
