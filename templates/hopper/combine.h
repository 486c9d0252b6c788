// The argument of the kernel that merges the parts of the keys (combine_kernel.cuh); shared by device, host runtime and host model. Plain C.
#pragma once
#include "templates/hopper/launch.h"

struct flexc_combine_arguments {
  struct flexc_hopper_arguments forward;  // of the launch that left the parts; `out` is written through its pointer and strides
  unsigned int row_tiles;                 // forward.items / forward.splits
  unsigned int tile_m;                    // query rows of a tile
  unsigned int columns;                   // of the outputs in the parts: DV in whole panels
  unsigned int value_dim;                 // of them that are stored
  unsigned int is_f16;                    // what `out` has: f16, else bf16
};
