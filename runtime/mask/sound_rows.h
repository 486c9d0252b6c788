// What every reader of a block mask relies on: kernels walk its rows and runs without looking.
#pragma once

#include "flexc/block_mask.h"

namespace flexc::runtime {

/// Whether each row's runs lie among the mask's runs, are of a kind that exists, hold a tile or more, come in order, do not overlap and end with the last
/// kv-block at the latest. row_begin has rows() + 1 entries.
bool has_sound_rows(const BlockMask& mask);

}  // namespace flexc::runtime
