// What a Hopper kernel's main loop asks of the machine, counted in nvdisasm's listing. tools/sass_gates.py counts the same in Python, with more paths and with limits;
// tests/hopper/test_explain.py compares the two.
#pragma once

#include <optional>
#include <string_view>

namespace flexc::cli {

/// One iteration for one warpgroup (64 rows) by the fewest instructions: a tile that needs no mask and no rescale.
struct MainLoop {
  unsigned keys = 0;           ///< of a tile
  unsigned slots = 0;          ///< warp instructions issued
  unsigned exponentials = 0;   ///< and other MUFU instructions
  unsigned products = 0;       ///< HGMMA
  unsigned tensor_clocks = 0;  ///< that those take at the peak rate
  bool has_loop = false;       ///< a loop of its own on the way, counted for one turn

  double elements() const { return keys / 2.0; }  ///< scores that a thread owns
  double slots_per_element() const { return slots / elements(); }
  unsigned mufu_clocks() const { return 8 * exponentials; }
};

/// Nothing where the listing has no loop with matrix products.
std::optional<MainLoop> main_loop(std::string_view listing);

}  // namespace flexc::cli
